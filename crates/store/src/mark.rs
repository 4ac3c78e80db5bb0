//! The mark of an object that may go: what a bucket's lifecycle selects by.

/// The tag that marks an object on S3, and the index tag that does on Azure. Google has none: there
/// an object is marked that has a custom time.
pub const MARK: (&str, &str) = ("auditseal-packed", "true");

/// Where the first object of each chain lies (FORMAT.md): every reader begins there, so it is kept
/// for as long as the chain is.
const GENESIS: &str = "date=1970-01-01";

/// Checks that the object at a key may ever be marked.
///
/// # Errors
/// Why it may not: it may be a chain's genesis, which nobody may lose, whatever a packer believes.
pub fn check_markable(key: &str) -> Result<(), &'static str> {
    match key.split('/').any(|part| part == GENESIS) {
        true => Err("the first object of a chain is never marked: every reader begins there"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_where_a_genesis_does_is_never_marked() {
        let chain = "cluster=prod/node=cp-1/source=audit";
        for (folder, markable) in [
            ("date=1970-01-01", false),
            ("date=1970-01-02", true),
            ("date=2026-11-21", true),
            ("xdate=1970-01-01", true),
        ] {
            for name in ["000000000000.jsonl.zst", "000000000000.0123456789abcdef.jsonl.zst"] {
                for prefix in ["", "k8s/", "a/b/"] {
                    let key = format!("{prefix}{chain}/{folder}/{name}");
                    assert_eq!(check_markable(&key).is_ok(), markable, "{key}");
                }
            }
        }
    }
}
