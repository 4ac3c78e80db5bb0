//! Who may use what.

use crate::tree::{crates, section};

/// Dependencies that exactly one crate may name: to change one of them, one crate is read.
const OWNERS: [(&str, &str); 27] = [
    ("blake3", "merkle"),
    ("wide", "audit"),
    ("ring", "note"),
    ("zstd", "format"),
    ("flate2", "decompress"),
    ("liblzma", "decompress"),
    ("bzip2", "decompress"),
    ("object_store", "vault"),
    ("quick-xml", "vault"),
    ("reqwest", "vault"),
    ("serde-saphyr", "yaml"),
    ("rustls-platform-verifier", "vault"),
    ("tokio-rustls", "vault"),
    ("prometheus-client", "observe"),
    ("hyper", "observe"),
    ("hyper-util", "observe"),
    ("http-body-util", "observe"),
    ("procfs", "observe"),
    ("regex", "predicate"),
    ("aho-corasick", "query"),
    ("ipnet", "predicate"),
    ("chrono", "cli"),
    ("clap", "cli"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("ioprio", "agent"),
    ("sd-notify", "agent"),
];

/// The crates that make the program, by level: each may use lower levels, and its own only where
/// listed in [`SAME_LEVEL`].
pub(crate) const LEVELS: [(&str, u8); 31] = [
    ("merkle", 0),
    ("note", 0),
    ("audit", 0),
    ("yaml", 0),
    ("format", 1),
    ("store", 1),
    ("trust", 1),
    ("index", 1),
    ("flows", 1),
    ("predicate", 1),
    ("chain", 2),
    ("decompress", 2),
    ("delivery", 2),
    ("history", 2),
    ("shipper", 2),
    ("attack", 3),
    ("tail", 3),
    ("spool", 3),
    ("vault", 3),
    ("observe", 3),
    ("reader", 3),
    ("evidence", 3),
    ("chronicle", 3),
    ("netpol", 3),
    ("archive", 4),
    ("pack", 4),
    ("query", 4),
    ("doctor", 4),
    ("forward", 4),
    ("agent", 4),
    ("cli", 5),
];

/// Only a vault knows the requests by which its stores are attacked. The trust file names chains and seals as the format
/// does. A predicate says what an index is to be asked for. A life is told with the flows beside it.
const SAME_LEVEL: [(&str, &str); 4] =
    [("vault", "attack"), ("trust", "format"), ("predicate", "index"), ("chronicle", "netpol")];

/// Crates for tests and benchmarks: nothing that ships may use them.
const HARNESSES: [&str; 7] = ["e2e", "tidy", "vectors", "bench", "torture", "standin", "doubles"];

fn level(name: &str) -> Option<u8> {
    LEVELS.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
}

#[test]
fn every_crate_is_on_the_map() {
    for name in crates() {
        let known = level(&name).is_some() || HARNESSES.contains(&name.as_str());
        assert!(known, "crate {name} has no place in LEVELS or HARNESSES");
    }
    for (name, _) in LEVELS {
        assert!(crates().contains(&name.to_owned()), "crate {name} is gone: take it off the map");
    }
}

#[test]
fn dependencies_point_downwards() {
    for (name, own) in LEVELS {
        for dependency in section(name, "dependencies") {
            let Some(used) = dependency.strip_prefix("auditseal-") else { continue };
            assert!(!HARNESSES.contains(&used), "{name} ships the harness {used}");
            let other = level(used).unwrap();
            let allowed = other < own || SAME_LEVEL.contains(&(name, used));
            assert!(allowed, "{name} (level {own}) must not use {used} (level {other})");
        }
    }
}

#[test]
fn one_dependency_has_one_owner() {
    for (dependency, owner) in OWNERS {
        for name in crates().into_iter().filter(|name| !HARNESSES.contains(&name.as_str())) {
            let uses = section(&name, "dependencies").iter().any(|d| d == dependency);
            assert_eq!(uses, name == owner, "{dependency} belongs to {owner} alone, see {name}");
        }
    }
}

#[test]
fn verifying_needs_no_watcher_and_no_signing_daemon() {
    let daemon = ["auditseal-tail", "auditseal-spool", "auditseal-shipper", "auditseal-agent"];
    let edge = ["auditseal-vault", "clap", "hyper", "reqwest", "rustls"];
    for name in ["chain", "evidence", "reader", "archive", "query"] {
        let uses = section(name, "dependencies");
        for dependency in daemon.iter().chain(&edge) {
            assert!(!uses.iter().any(|d| d == dependency), "{name} must not use {dependency}");
        }
    }
}
