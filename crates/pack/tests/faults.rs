//! Stores and disks that fail while packs are made.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_doubles::Fault;
use auditseal_pack::PackOptions;
use auditseal_store::{Kind, Operation};
use common::{Desk, chain, is_empty};

const CALLS: [Operation; 6] = [
    Operation::Put,
    Operation::Get,
    Operation::Tail,
    Operation::Stream,
    Operation::Versions,
    Operation::List,
];

/// Whatever call fails, and however: nothing wrong is attested, and the next run goes on.
#[tokio::test]
async fn any_call_may_fail_once() {
    let good = Desk::of(chain(3, 3));
    good.pack().await;
    for operation in CALLS {
        for fault in
            [Fault::Refuse(Kind::Denied), Fault::StoreThenFail(Kind::Denied), Fault::WrongBytes]
        {
            for nth in 1..=30 {
                let desk = Desk::of(chain(3, 3));
                let (archive, packs) = (&desk.archive, &desk.packs);
                let before = archive.calls(operation) + packs.calls(operation);
                archive.fail(operation, nth, fault);
                packs.fail(operation, nth, fault);
                let first = desk.pack().await;
                let calls = archive.calls(operation) + packs.calls(operation) - before;
                desk.archive.heal();
                desk.packs.heal();
                let what = format!("{operation:?} {fault:?} {nth}: {first:?}");
                let second = desk.pack().await;
                assert!(second.exit_code() <= 1, "{what}; then {second:?}");
                assert!(is_empty(desk.state.path()));
                desk.expire();
                let (findings, _) = desk.verdicts().await;
                // What a lying store showed of loose objects may have been attested as a finding.
                assert!(
                    findings.iter().all(|told| told.contains("attested by")),
                    "{what}: {findings:?}"
                );
                assert_eq!(desk.cat().await.is_ok(), findings.is_empty(), "{what}");
                if calls <= nth {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_takes_no_pack_is_told() {
    let desk = Desk::of(chain(2, 3));
    desk.packs.fail_when(|operation, _, _| {
        (operation == Operation::Put).then_some(Fault::Refuse(Kind::Denied))
    });
    let report = desk.pack().await;
    assert_eq!(report.exit_code(), 2);
    let error = report.chains[0].error.clone().unwrap();
    assert!(error.contains("put") && error.contains("000000000001-"), "{error}");
    assert_eq!(desk.packs.objects().len(), 0);
    assert!(is_empty(desk.state.path()));
}

/// Nothing is put, and the message names the file.
#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told() {
    let desk = Desk::of(chain(2, 3));
    let options = PackOptions { state: "/proc/none/pack".into(), ..desk.options() };
    let (archive, packs) = (desk.archive.clone(), desk.packs.clone());
    let error = auditseal_pack::pack(
        std::sync::Arc::new(archive),
        std::sync::Arc::new(packs),
        &mut common::auditor(),
        &options,
        || desk.now,
        |_| {},
    )
    .await
    .unwrap_err();
    assert!(error.to_string().starts_with("make folder /proc/none/pack: "), "{error}");
    // What stands where the pack under way is to be.
    let state = tempfile::tempdir().unwrap();
    let options = PackOptions { state: state.path().into(), ..desk.options() };
    std::fs::create_dir(state.path().join("pack.part")).unwrap();
    let error = auditseal_pack::pack(
        std::sync::Arc::new(desk.archive.clone()),
        std::sync::Arc::new(desk.packs.clone()),
        &mut common::auditor(),
        &options,
        || desk.now,
        |_| {},
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("pack.part"), "{error}");
    assert_eq!(desk.packs.objects().len(), 0);
}

/// Without a line for it in the trust file nobody would believe what a key attests.
#[tokio::test]
async fn a_key_that_is_no_auditors_packs_nothing() {
    let mut desk = Desk::of(chain(2, 3));
    desk.trust = common::trusting(&desk.chain, "  begin 0\n  silent-after 366d\n", &[]);
    let (archive, packs) = (desk.archive.clone(), desk.packs.clone());
    let error = auditseal_pack::pack(
        std::sync::Arc::new(archive),
        std::sync::Arc::new(packs),
        &mut common::auditor(),
        &desk.options(),
        || desk.now,
        |_| {},
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("no line 'auditor c auditor.example+"), "{error}");
}
