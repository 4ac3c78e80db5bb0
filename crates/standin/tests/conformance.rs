//! The vault's cases on each dialect, and that the page in docs/ says of them what they showed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use auditseal_doubles::conformance::{Attack, Bench, Report, SHADOW, suite};
use auditseal_standin::{Bucket, Dialect, Retention, Server, World, matrix, time};
use auditseal_store::{BucketLock, LockMode};
use auditseal_vault::{Options, open};
use common::{in_child, url};

/// A bucket that locks for a day, as its cloud does by default.
fn locked(dialect: Dialect) -> Bucket {
    let rule = Some(Retention { firm: true, until: time::DAY });
    match dialect {
        // Versions beside a retention policy: the policy is what locks.
        Dialect::Google => {
            Bucket { versioned: true, lockable: true, policy: rule, ..Bucket::default() }
        }
        _ => Bucket { versioned: true, lockable: true, default: rule, ..Bucket::default() },
    }
}

async fn conforms(dialect: Dialect, server: &Server) -> Report {
    let (base, free) = (url(dialect, "bucket"), url(dialect, "free"));
    let options = || Options { endpoint: Some(server.endpoint()), ..Options::default() };
    let period = Some(Duration::from_secs(86_400));
    let lock = match dialect {
        // Azure tells what its containers lock by default through its management interface only.
        Dialect::Azure => BucketLock { enabled: true, mode: LockMode::None, period: None },
        _ => BucketLock { enabled: true, mode: LockMode::Compliance, period },
    };
    let bench = Bench {
        open: &|below, (retention, legal_hold)| {
            // A retention policy is stronger than what is asked of an object: one without it.
            let base = if below == "asked" && dialect == Dialect::Google { &free } else { &base };
            open(&format!("{base}/{below}"), &Options { retention, legal_hold, ..options() })
        },
        attack: &mut |attack, key| {
            let key = format!("attacked/{key}");
            let mut world = server.world();
            match attack {
                Attack::Hide => {
                    world.hide("bucket", &key, time::now());
                    true
                }
                Attack::Shadow => world.shadow("bucket", &key, SHADOW, time::now()),
            }
        },
        archive: match dialect {
            // Its coldest class is read like the others.
            Dialect::Google => None,
            _ => Some(&|key: &str| server.world().archive("bucket", &format!("tier/{key}"))),
        },
        missing: Ok(open(&url(dialect, "nowhere"), &options()).unwrap()),
        many: 50,
        lock: Some(lock),
    };
    suite(bench).await.unwrap()
}

fn check(name: &str, dialect: Dialect) {
    in_child(name, dialect, |keys| async move {
        let world = World::new(dialect, keys).with("bucket", locked(dialect));
        let free = Bucket { versioned: true, lockable: true, ..Bucket::default() };
        let world = world.with("free", free);
        let server = Server::start(world).unwrap();
        server.world().page = 3;
        let report = conforms(dialect, &server).await;
        if let Some(folder) = std::env::var_os("AUDITSEAL_CONFORMANCE_OUT") {
            let file = std::path::Path::new(&folder).join(format!("standin-{}", dialect.name()));
            std::fs::write(file, report.to_string()).unwrap();
        } else {
            page_says(dialect, &report.to_string());
        }
        assert_eq!(report.failures(), "");
    });
}

/// The page is made from these lines and those of real servers by crates/e2e/conformance.sh.
fn page_says(dialect: Dialect, lines: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/stores/conformance.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let name = format!("standin-{}", dialect.name());
    let stale = "docs/stores/conformance.md isn't what was found: make it again with AUDITSEAL_PAGE=write crates/e2e/conformance.sh";
    assert_eq!(matrix::column(&page, &name), Some(matrix::cells(lines)), "{stale}");
    assert!(page.contains(&matrix::section(&name, lines)), "{stale}");
}

#[test]
fn as_aws() {
    check("as_aws", Dialect::Aws);
}

#[test]
fn as_minio() {
    check("as_minio", Dialect::Minio);
}

#[test]
fn as_google() {
    check("as_google", Dialect::Google);
}

#[test]
fn as_azure() {
    check("as_azure", Dialect::Azure);
}
