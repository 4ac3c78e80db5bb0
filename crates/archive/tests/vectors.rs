//! Every committed vector: findings, information, exit code, time and restored bytes.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;

use auditseal_archive::{CatOptions, Piped, cat, verify};
use auditseal_chain::Finding;
use auditseal_format::{Hash, hash};
use auditseal_reader::Error;
use auditseal_vectors::Vector;
use common::{Sink, spelled, store_of, told};

async fn restored(vector: &Vector) -> Result<Hash, String> {
    let origin = common::origins(&vector.objects).into_iter().next().unwrap();
    let vkeys = vector.vkeys.iter().map(|key| key.parse().unwrap()).collect();
    let options = CatOptions { vkeys: Some(vkeys), ..CatOptions::default() };
    let sink = Sink::default();
    match cat(store_of(&vector.objects), &origin, &options, Piped::new(sink.clone()), |_| {}).await
    {
        Ok(done) => {
            let bytes = sink.bytes();
            assert_eq!(done.bytes, bytes.len() as u64, "{}", vector.name);
            Ok(hash(&bytes))
        }
        Err(error) => Err(error.to_string()),
    }
}

async fn check(vector: &Vector) -> Vec<String> {
    let options = told(vector);
    let report = match verify(store_of(&vector.objects), &options, |_| {}).await {
        // Nothing was found, for nothing could be checked.
        Err(Error::NoKeyFor(..)) if vector.exit == 2 => return Vec::new(),
        done => done.unwrap(),
    };
    let all = |of: fn(&auditseal_archive::OriginReport) -> &Vec<Finding>| {
        report.origins.iter().flat_map(of).cloned().collect::<Vec<_>>()
    };
    let findings = spelled(&all(|origin| &origin.findings));
    let infos = spelled(&[all(|origin| &origin.information), report.unexpected.clone()].concat());
    let mut wrong = Vec::new();
    let mut compare = |what: &str, got: String, want: String| {
        if got != want {
            wrong.push(format!("{}: {what}: got {got}, want {want}", vector.name));
        }
    };
    compare("findings", format!("{findings:?}"), format!("{:?}", vector.findings));
    compare("infos", format!("{infos:?}"), format!("{:?}", vector.infos));
    compare("exit", report.exit_code().to_string(), vector.exit.to_string());
    let mut until: Vec<_> = report.origins.iter().filter_map(|of| of.complete_until).collect();
    until.sort();
    if report.exit_code() != 0 {
        until.clear();
    }
    compare("until", format!("{until:?}"), format!("{:?}", vector.until));
    if let Some(want) = vector.restored {
        compare(
            "restored",
            format!("{:?}", restored(vector).await),
            format!("{:?}", Ok::<_, String>(want)),
        );
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vector_is_judged_as_it_says() {
    let vectors = Arc::new(Vector::committed().unwrap());
    assert!(vectors.len() > 400, "only {} vectors", vectors.len());
    let mut wrong = Vec::new();
    for vector in vectors.values() {
        wrong.extend(check(vector).await);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}
