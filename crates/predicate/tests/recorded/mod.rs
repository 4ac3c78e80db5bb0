//! The log that a real kube-apiserver wrote.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

/// The lines of the log, in its order.
pub(crate) fn lines() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/kube-apiserver-1.36.3");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // The live file sorts behind its backups.
    paths.sort();
    let all = paths.iter().map(|path| std::fs::read(path).unwrap());
    all.flat_map(|text| {
        text.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    })
    .collect()
}
