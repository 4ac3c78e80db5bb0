//! Pure crates can't reach files, clocks, network, environment or randomness: neither by a name of
//! the standard library nor through a dependency.

use crate::tree::{is_test, root, rust_files, section, without_tests};

/// Pure crates, and the folders and files of others that are pure.
const PURE: [&str; 20] = [
    "crates/merkle/src",
    "crates/note/src",
    "crates/audit/src",
    "crates/yaml/src",
    "crates/format/src",
    "crates/store/src",
    "crates/trust/src",
    "crates/index/src",
    "crates/flows/src",
    "crates/predicate/src",
    "crates/decompress/src",
    "crates/history/src",
    "crates/delivery/src",
    "crates/shipper/src",
    "crates/tail/src/follower",
    "crates/observe/src/rules",
    "crates/chain/src",
    "crates/evidence/src",
    "crates/chronicle/src",
    "crates/netpol/src",
];

/// What reaches outside. Macros of the standard library can't; everything else must be named.
const BANNED: [&str; 16] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "SystemTime",
    "Instant::",
    "fs::",
    "env::",
    "thread::",
    "tokio",
    "rustix",
    "getrandom",
    "rand::",
    "SystemRandom",
];

/// All that pure crates may use. None of these does IO; ring's randomness is banned by name.
const HARMLESS: [&str; 17] = [
    "blake3",
    "wide",
    "memchr",
    "ring",
    "base64",
    "percent-encoding",
    "zeroize",
    "serde",
    "serde_json",
    "zstd",
    "flate2",
    "liblzma",
    "bzip2",
    "regex",
    "serde-saphyr",
    "ipnet",
    "auditseal-",
];

#[test]
fn pure_code_names_nothing_outside() {
    for folder in PURE {
        let files = rust_files(&root().join(folder));
        assert!(!files.is_empty(), "{folder} is empty: the rule would hold for nothing");
        for (path, text) in files.iter().filter(|(path, _)| !is_test(path)) {
            for (number, line) in without_tests(text).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for banned in BANNED {
                    let at = code.find(banned);
                    // `crate::fs::` and the like are our own names; `vfs::` isn't `fs::`.
                    let own = at.is_some_and(|at| {
                        let before = code[..at].chars().next_back();
                        before.is_some_and(|c| c.is_alphanumeric() || c == '_')
                    });
                    let place = format!("{}:{}", path.display(), number + 1);
                    assert!(at.is_none() || own, "{place}: pure code must not name {banned}");
                }
            }
        }
    }
}

#[test]
fn pure_crates_have_harmless_dependencies() {
    for name in [
        "merkle",
        "note",
        "audit",
        "format",
        "index",
        "predicate",
        "decompress",
        "history",
        "delivery",
        "shipper",
        "evidence",
    ] {
        for dependency in section(name, "dependencies") {
            let fine = HARMLESS.iter().any(|known| {
                dependency == *known || (known.ends_with('-') && dependency.starts_with(known))
            });
            assert!(fine, "{name} is pure: is {dependency} known to do no IO?");
        }
    }
}
