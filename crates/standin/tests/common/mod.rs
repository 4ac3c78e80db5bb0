//! Credentials are read from the environment, which a process can't change safely for one test: so
//! each runs in a process of its own.

use std::process::Command;

use auditseal_standin::{Dialect, Keys};

const MARK: &str = "AUDITSEAL_STANDIN_TEST_CHILD";

/// Runs the test `name` again in a process of its own, with fresh keys in the variables that the
/// client reads, and `body` there.
pub(crate) fn in_child<F: Future<Output = ()>>(
    name: &str,
    dialect: Dialect,
    body: impl FnOnce(Keys) -> F,
) {
    let (id, secret) = match dialect {
        Dialect::Azure => ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
        _ => ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    };
    if std::env::var_os(MARK).is_some() {
        let keys = Keys { id: std::env::var(id).unwrap(), secret: std::env::var(secret).unwrap() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(body(keys));
        return;
    }
    let keys = Keys::fresh().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    for (name, _) in std::env::vars() {
        if ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|start| name.starts_with(start)) {
            child.env_remove(name);
        }
    }
    let output = child
        .args([name, "--exact", "--nocapture"])
        .env(MARK, "1")
        .env("NO_PROXY", "127.0.0.1")
        .env(id, &keys.id)
        .env(secret, &keys.secret)
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
}

/// A bucket's URL.
pub(crate) fn url(dialect: Dialect, bucket: &str) -> String {
    let scheme = match dialect {
        Dialect::Google => "gs",
        Dialect::Azure => "az",
        _ => "s3",
    };
    format!("{scheme}://{bucket}")
}
