//! Fail points are for tests: a program that was built to be used has none.

use std::fs;

/// Holds with the feature too, so that it can't pass by looking for the wrong thing.
#[test]
fn only_the_feature_brings_fail_points() {
    let program = fs::read(env!("CARGO_BIN_EXE_auditseal")).unwrap();
    let program = String::from_utf8_lossy(&program);
    for name in ["AUDITSEAL_FAILPOINT", "spool.rename.after", "agent.discard.remembered"] {
        assert_eq!(program.contains(name), cfg!(feature = "failpoints"), "{name}");
    }
}
