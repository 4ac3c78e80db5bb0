//! What may be linked in, built with and tested with: deny.toml, held against `cargo metadata`, and the oldest compiler.
//!
//! cargo-deny says the same and more (`make deny`), and takes minutes to build: this is what Rust alone can check each time.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use toml::Table;

use crate::tree::root;

/// The one place that crates come from.
const CRATES_IO: &str = "/crates.io-index";

struct Crate {
    name: String,
    version: String,
    license: String,
    /// `None`: a crate of the workspace.
    source: Option<String>,
    rust: Option<String>,
}

/// Everything in the lock file: for each system, feature and test.
fn packages() -> Vec<Crate> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version=1", "--locked", "--all-features"]);
    let run = command.current_dir(root()).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let data: Value = serde_json::from_slice(&run.stdout).unwrap();
    let text = |one: &Value, field: &str| one[field].as_str().map(str::to_owned);
    let read = |one: &Value| Crate {
        name: text(one, "name").unwrap(),
        version: text(one, "version").unwrap(),
        license: text(one, "license").unwrap_or_default(),
        source: text(one, "source"),
        rust: text(one, "rust_version"),
    };
    let found: Vec<_> = data["packages"].as_array().unwrap().iter().map(read).collect();
    assert!(found.len() > 100, "the dependency graph can't be read");
    found
}

fn deny() -> Table {
    fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

fn strings(value: &toml::Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// A licence expression of SPDX, read from left to right: OR of AND of licences and parentheses.
struct Expression<'a> {
    words: Vec<&'a str>,
    at: usize,
    allowed: &'a BTreeSet<String>,
    /// The allowed licences that were met.
    used: BTreeSet<String>,
}

impl<'a> Expression<'a> {
    /// Whether what is allowed suffices, and what of it was there. `Err`: it can't be read.
    fn judge(
        text: &str,
        allowed: &'a BTreeSet<String>,
    ) -> Result<(bool, BTreeSet<String>), String> {
        // crates.io took a slash for OR once.
        let spaced = text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words = spaced.split_whitespace().collect();
        let mut read = Expression { words, at: 0, allowed, used: BTreeSet::new() };
        let good = read.any()?;
        if read.at < read.words.len() {
            return Err(format!("{text:?}: can't be read from {:?} on", read.words[read.at]));
        }
        Ok((good, read.used))
    }

    fn next_is(&mut self, word: &str) -> bool {
        let is = self.words.get(self.at) == Some(&word);
        self.at += usize::from(is);
        is
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut good = self.all()?;
        while self.next_is("OR") {
            good |= self.all()?;
        }
        Ok(good)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut good = self.one()?;
        while self.next_is("AND") {
            good &= self.one()?;
        }
        Ok(good)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.next_is("(") {
            let good = self.any()?;
            return if self.next_is(")") {
                Ok(good)
            } else {
                Err("no ) where it is due".to_owned())
            };
        }
        let Some(word) =
            self.words.get(self.at).filter(|w| !["OR", "AND", "WITH", ")"].contains(w))
        else {
            return Err("no licence where one is due".to_owned());
        };
        let mut name = (*word).to_owned();
        self.at += 1;
        if self.next_is("WITH") {
            let exception = self.words.get(self.at).ok_or("no exception where one is due")?;
            name = format!("{name} WITH {exception}");
            self.at += 1;
        }
        let good = self.allowed.contains(&name);
        if good {
            self.used.insert(name);
        }
        Ok(good)
    }
}

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let deny = deny();
    let allowed = strings(&deny["licenses"]["allow"]);
    let exceptions = deny["licenses"]["exceptions"].as_array().unwrap();
    let mut used = BTreeSet::new();
    let mut excepted = BTreeSet::new();
    for one in packages() {
        let mut may = allowed.clone();
        for exception in exceptions.iter().filter(|e| e["crate"].as_str() == Some(&one.name)) {
            may.extend(strings(&exception["allow"]));
            excepted.insert(one.name.clone());
        }
        let (good, met) = Expression::judge(&one.license, &may)
            .unwrap_or_else(|why| panic!("{} {}: {why}", one.name, one.version));
        let (name, version, license) = (&one.name, &one.version, &one.license);
        assert!(good, "{name} {version} is under {license:?}, which deny.toml doesn't allow");
        used.extend(met);
    }
    let idle: Vec<_> = allowed.difference(&used).collect();
    assert!(idle.is_empty(), "deny.toml allows what nothing uses: {idle:?}");
    assert_eq!(excepted.len(), exceptions.len(), "an exception in deny.toml has no crate any more");
}

#[test]
fn no_crate_is_banned_or_from_elsewhere() {
    let deny = deny();
    let banned: BTreeSet<_> = deny["bans"]["deny"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["crate"].as_str().unwrap().to_owned())
        .collect();
    assert!(!banned.is_empty());
    for one in packages() {
        assert!(!banned.contains(&one.name), "{} is banned in deny.toml", one.name);
        let Some(source) = &one.source else { continue };
        let known = source.starts_with("registry+") && source.ends_with(CRATES_IO);
        assert!(known, "{} {} comes from {source}", one.name, one.version);
    }
}

/// `1.90.1` as numbers.
fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap()).chain([0, 0]).take(3).collect()
}

/// clippy's `incompatible_msrv` sees what our own code calls; this, what the crates that it is built of say of themselves.
#[test]
fn no_crate_needs_a_newer_compiler_than_we_promise() {
    let packages = packages();
    let ours = packages.iter().find(|one| one.name == "auditseal-cli").unwrap();
    let promised = ours.rust.clone().unwrap();
    let asking = packages.iter().filter_map(|one| Some((&one.name, one.rust.as_ref()?)));
    for (name, needs) in asking {
        assert!(version(needs) <= version(&promised), "{name} needs {needs}, not {promised}");
    }
}

#[test]
fn expressions_are_judged_as_spdx_means_them() {
    let allowed = ["MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"];
    let allowed: BTreeSet<String> = allowed.map(str::to_owned).into();
    let judge = |text| Expression::judge(text, &allowed).map(|(good, _)| good);
    for good in [
        "MIT",
        "GPL-3.0-only OR MIT",
        "MIT/GPL-3.0-only",
        "(MIT OR GPL-3.0-only) AND Apache-2.0",
        "GPL-3.0-only AND ISC OR MIT",
        "GPL-2.0-only WITH Classpath-exception-2.0",
    ] {
        assert_eq!(judge(good), Ok(true), "{good}");
    }
    for bad in [
        "GPL-3.0-only",
        "MIT AND GPL-3.0-only",
        "MIT AND (GPL-3.0-only OR ISC)",
        "(MIT OR ISC) AND GPL-3.0-only",
        "GPL-2.0-only",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert_eq!(judge(bad), Ok(false), "{bad}");
    }
    for broken in ["", "MIT OR", "(MIT", "MIT)", "MIT Apache-2.0", "AND MIT", "MIT WITH"] {
        assert!(judge(broken).is_err(), "{broken}");
    }
}
