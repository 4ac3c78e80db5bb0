//! Heads moved by what an auditor attests: trust accept --attestation.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use auditseal_archive::HeadsFile;
use auditseal_chain::Verdict;
use auditseal_format::SealId;
use auditseal_format::packs::{Attestation, MAX_ATTESTATION, SignedAttestation};
use auditseal_trust::{Heads, Kept, Proof, TrustFile};

use crate::estate::heads_failure;
use crate::failure::Failure;
use crate::output::print;
use crate::trusting::trust_file;

/// Takes over as proved what an auditor of the trust file attests, in the order of the chain.
pub(super) fn accept(trust: &Path, heads: &Path, files: &[PathBuf]) -> Result<ExitCode, Failure> {
    let trust = trust_file(trust)?;
    let read = |path: &PathBuf| read(path, &trust);
    let mut all = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|attestation| attestation.first);
    let heads = HeadsFile::new(heads);
    let mut worst = 0;
    let mut told = String::new();
    for attestation in &all {
        let proof = proof(attestation, &trust);
        let begins = begins(attestation, &trust);
        let commit = |heads: &mut Heads| match heads.get(&proof.origin) {
            // Without a head only what joins the chain's beginning is one.
            None if !begins => Kept::Unjoined,
            _ => heads.commit(&proof),
        };
        let kept = heads.update(commit).map_err(|error| heads_failure(&error))?;
        worst = worst.max(u8::from(!proof.whole));
        let Attestation { origin, first, last, head, .. } = attestation;
        told.push_str(&format!("{origin}: seq {first} to {last}: {}", kept.as_str()));
        match kept {
            Kept::First | Kept::Advanced | Kept::Confirmed => told.push_str(&format!(" {last}:{head}")),
            Kept::Unjoined => told.push_str(
                ": the head that is known isn't the seal right before these, nor the last of them; give \
                 the attestations between, or have `verify --heads` go there",
            ),
            Kept::Blocked => {
                told.push_str(": what was found of these isn't only where and how they are kept");
            }
            Kept::Ahead | Kept::Forked => {}
        }
        told.push('\n');
        worst = worst.max(match kept {
            Kept::Forked => 3,
            Kept::Unjoined | Kept::Blocked => 1,
            Kept::First | Kept::Advanced | Kept::Confirmed | Kept::Ahead => 0,
        });
    }
    print(|out| out.write_all(told.as_bytes()))?;
    Ok(ExitCode::from(worst))
}

fn read(path: &Path, trust: &TrustFile) -> Result<Attestation, Failure> {
    let failed = |why: String| {
        Failure::new(format!("read attestation {}: {why}", path.display()))
            .hint(Some("attestations stand below _attestations/ where packs do, and end in .note"))
    };
    let mut bytes = Vec::new();
    let limit = MAX_ATTESTATION as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| failed(error.to_string()))?;
    let signed = SignedAttestation::read(&bytes).map_err(|error| failed(error.to_string()))?;
    let attestation = signed.attestation;
    if trust.get(&attestation.origin).is_none() {
        return Err(failed(format!("the trust file doesn't name {}", attestation.origin)));
    }
    if !trust.auditors_of(&attestation.origin).contains(&attestation.key) {
        return Err(failed(format!(
            "{} isn't an auditor of cluster {} by the trust file",
            attestation.key,
            attestation.origin.cluster()
        )));
    }
    Ok(attestation)
}

/// Whether an attestation joins the seal with which the trust file begins.
fn begins(attestation: &Attestation, trust: &TrustFile) -> bool {
    let Attestation { origin, first, last, prev, .. } = attestation;
    match trust.get(origin).and_then(|trusted| trusted.begin) {
        None => *first == 1,
        Some(begin) if begin.seq + 1 == *first => begin.hash == *prev,
        Some(begin) => (*first..=*last).contains(&begin.seq),
    }
}

/// What an attestation proves, for whoever believes its auditor.
fn proof(attestation: &Attestation, trust: &TrustFile) -> Proof {
    let Attestation { origin, first, last, prev, head, attested, found, findings, .. } =
        attestation;
    let harmless = |name: &str| name.parse().is_ok_and(Verdict::leaves_chain_proved);
    let told = found.len() as u64 == *findings;
    let whole = told && found.iter().all(|found| harmless(found.verdict.as_str()));
    let newest = SealId { seq: *last, hash: *head };
    let before = SealId { seq: first - 1, hash: *prev };
    let begin = trust.get(origin).and_then(|trusted| trusted.begin);
    Proof {
        origin: origin.clone(),
        at: *attested,
        newest: Some(newest),
        whole,
        begin: begin.map_or(0, |begin| begin.seq),
        held: None,
        trail: vec![before, newest],
        forks: Vec::new(),
        settled: std::collections::BTreeSet::new(),
    }
}
