//! Every committed vector: findings, information, exit code, time and restored bytes.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use auditseal_archive::{CatOptions, Options, Piped, cat, verify};
use auditseal_chain::{Begin, Extent, Finding, Verdict};
use auditseal_format::SealId;
use auditseal_format::{Hash, hash};
use auditseal_reader::Error;
use auditseal_vectors::Vector;
use common::{Sink, store_of};

/// As vectors spell it: a line for each seq.
fn spelled(findings: &[Finding]) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for finding in findings {
        let origin = finding.origin.as_ref().map_or("-".to_owned(), ToString::to_string);
        let verdict = finding.verdict;
        // Vectors hold what FORMAT.md says of an archive alone; clocks are this verifier's extra.
        if verdict == Verdict::ClockStep {
            continue;
        }
        match finding.seq {
            None => drop(lines.insert(format!("{verdict} {origin} -"))),
            // A missing head is one finding, however far it is away.
            Some(seq) if verdict == Verdict::Truncated => {
                lines.insert(format!("{verdict} {origin} {seq}"));
            }
            Some(seq) => {
                let seqs = seq..=finding.through.unwrap_or(seq).min(seq + 999);
                lines.extend(seqs.map(|seq| format!("{verdict} {origin} {seq}")));
            }
        }
    }
    lines.into_iter().collect()
}

fn head(text: &str) -> SealId {
    let (seq, hash) = text.split_once(':').unwrap();
    SealId { seq: seq.parse().unwrap(), hash: hash.parse().unwrap() }
}

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
    let vkeys = vector.vkeys.iter().map(|key| key.parse().unwrap()).collect();
    let mut options = Options::new(vkeys, vector.now);
    options.origins = vector.origins.iter().map(|origin| origin.parse().unwrap()).collect();
    options.head = vector.head.as_deref().map(head);
    options.extent = Some(Extent {
        from: vector.from.as_deref().map_or_else(Begin::default, |from| from.parse().unwrap()),
        to: vector.to,
    });
    // Vectors have no dates of a store.
    options.skew = None;
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
