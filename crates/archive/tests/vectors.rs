//! Every committed vector: findings, information, exit code, time and restored bytes.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;

use auditseal_archive::{OriginReport, verify};
use auditseal_chain::Finding;
use auditseal_format::Hash;
use auditseal_reader::Error;
use auditseal_vectors::Vector;
use common::{estate, source_of, spelled, store_of, told};

async fn check(vector: &Vector) -> Vec<String> {
    if !vector.trust.is_empty() {
        let Some(report) = estate(vector).await else { return Vec::new() };
        let origins = report.origins.iter().map(|origin| origin.chain.clone()).collect::<Vec<_>>();
        return compare(vector, &origins, &report.unexpected, report.exit_code()).await;
    }
    let options = told(vector);
    let report = match verify(store_of(&vector.objects), &options, |_| {}).await {
        // Nothing was found, for nothing could be checked.
        Err(Error::NoKeyFor(..)) if vector.exit == 2 => return Vec::new(),
        done => done.unwrap(),
    };
    compare(vector, &report.origins, &report.unexpected, report.exit_code()).await
}

async fn compare(
    vector: &Vector,
    origins: &[OriginReport],
    unexpected: &[Finding],
    exit: u8,
) -> Vec<String> {
    let all = |of: fn(&OriginReport) -> &Vec<Finding>| {
        origins.iter().flat_map(of).cloned().collect::<Vec<_>>()
    };
    let findings = spelled(&all(|origin| &origin.findings));
    let infos = spelled(&[all(|origin| &origin.information), unexpected.to_vec()].concat());
    let mut wrong = Vec::new();
    let mut compare = |what: &str, got: String, want: String| {
        if got != want {
            wrong.push(format!("{}: {what}: got {got}, want {want}", vector.name));
        }
    };
    compare("findings", format!("{findings:?}"), format!("{:?}", vector.findings));
    compare("infos", format!("{infos:?}"), format!("{:?}", vector.infos));
    compare("exit", exit.to_string(), vector.exit.to_string());
    let mut until: Vec<_> = origins.iter().filter_map(|of| of.complete_until).collect();
    until.sort();
    if exit != 0 {
        until.clear();
    }
    compare("until", format!("{until:?}"), format!("{:?}", vector.until));
    if let Some(want) = vector.restored {
        compare(
            "restored",
            format!("{:?}", source_of(vector).await),
            format!("{:?}", Ok::<Hash, String>(want)),
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
