//! A directory whose file system isn't mounted is no archive, and no empty one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use auditseal_store::{Error, Kind, Store};
use auditseal_vault::{Options, open};
use bytes::Bytes;
use futures::TryStreamExt as _;

fn store(at: &Path, table: &str) -> std::sync::Arc<dyn Store> {
    let fstab = at.join("fstab");
    fs::write(&fstab, table).unwrap();
    let options = Options { create: true, fstab, ..Options::default() };
    let url = format!("file://{}/disk/archive", at.display());
    open(&url, &options).unwrap()
}

async fn answers(store: &dyn Store) -> Vec<Result<(), Error>> {
    vec![
        store.list("").try_collect::<Vec<_>>().await.map(drop),
        store.versions("").try_collect::<Vec<_>>().await.map(drop),
        store.put_new("a/b", Bytes::from_static(b"x")).await.map(drop),
    ]
}

/// A node without state would begin its chain anew there, and one that has some, go on beside it.
#[tokio::test]
async fn nothing_is_read_or_put_below_a_mount_point_at_which_nothing_is_mounted() {
    let dir = tempfile::tempdir().unwrap();
    let point = dir.path().join("disk");
    let store = store(dir.path(), &format!("UUID=1 {} ext4 nofail 0 2\n", point.display()));
    let mut answers = answers(store.as_ref()).await;
    answers.push(store.get("a/b", None, 9).await.map(drop));
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}: it may be mounted yet");
        let said = format!("nothing is mounted at {}, which /etc/fstab names", point.display());
        assert!(error.to_string().contains(&said), "{error}");
        assert!(error.hint().unwrap().contains("take it out of /etc/fstab"));
    }
    assert_eq!(fs::read_dir(point.join("archive")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_directory_that_no_table_names_is_taken_as_it_is() {
    for table in ["", "/dev/a /elsewhere ext4\n"] {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), table);
        for answer in answers(store.as_ref()).await {
            answer.unwrap();
        }
        assert_eq!(store.get("a/b", None, 9).await.unwrap().bytes, "x".as_bytes());
    }
}

/// Whoever may make names in a directory could keep `run` from starting, and `verify` from ending.
#[test]
fn a_pipe_in_the_place_of_certificates_is_refused_and_not_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("ca.pem");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let options = Options { ca_certificate: Some(pipe), ..Options::default() };
    let error = open("s3://bucket", &options).unwrap_err();
    assert!(error.to_string().ends_with("ca.pem: it isn't a regular file"), "{error}");
}
