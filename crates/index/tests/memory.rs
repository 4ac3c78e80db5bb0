//! What clients write can't make an index take more memory than is said.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use auditseal_index::{Builder, Index, Pattern, TermField, TermKind};

/// Bytes of memory that this process has, or had at most.
fn memory(of: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(of)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// What a builder may take beside its index: FORMAT.md bounds the terms, this is what they cost here.
const BOUND: usize = 32 << 20;
/// Text of each kind.
const TEXT: usize = 40 << 20;

fn line(kind: usize, number: usize) -> String {
    let long = |what: &str| format!("{what}-{number:0>1000}");
    let event = |user: &str, name: &str, from: &[String]| {
        let from = from.iter().map(|ip| format!("\"{ip}\"")).collect::<Vec<_>>().join(",");
        format!(
            r#"{{"auditID":"{number}","verb":"get","user":{{"username":"{user}"}},"sourceIPs":[{from}],"objectRef":{{"resource":"pods","name":"{name}"}}}}"#
        )
    };
    match kind {
        // Ten distinct terms of a kilobyte each.
        0 => event(
            &long("user"),
            &long("name"),
            &(0..7).map(|n| long(&format!("{n}"))).collect::<Vec<_>>(),
        ),
        // As long as they stand in a term, and in five of them.
        1 => format!(
            r#"{{"verb":"{0}","objectRef":{{"resource":"{0}","apiGroup":"{0}","subresource":"{0}","namespace":"{0}","name":"{0}"}},"user":{{"username":"{0}"}},"responseStatus":{{"code":404}}}}"#,
            format_args!("{number:0>128}")
        ),
        // As many as fit.
        _ => event("u", "n", &(0..16).map(|n| format!("{n}.{number}")).collect::<Vec<_>>()),
    }
}

/// One test, for the memory is the whole process's.
#[test]
fn hostile_packs_take_bounded_memory_and_lose_nothing() {
    for kind in 0..3 {
        for lines in [7, 100_000_000] {
            // The most that it had is counted from here on: what others of these took isn't this one's.
            std::fs::write("/proc/self/clear_refs", "5").unwrap();
            let before = memory("VmRSS:");
            let (mut builder, mut text, mut number, mut batches) = (Builder::new(0), 0, 0, 0);
            while text < TEXT {
                let line = line(kind, number) + "\n";
                builder.text(line.as_bytes());
                text += line.len();
                number += 1;
                if number % lines == 0 {
                    builder.end_batch();
                    batches += 1;
                }
            }
            builder.end_batch();
            let taken = memory("VmRSS:").saturating_sub(before);
            let bytes = builder.finish().unwrap();
            let peak = memory("VmHWM:").saturating_sub(before);
            assert!(taken < BOUND && peak < BOUND + bytes.len() * 3 / 2, "{kind}: {taken}, {peak}");
            assert!(bytes.len() < Index::MAX_LENGTH, "{} bytes", bytes.len());
            let index = Index::open(bytes).unwrap();
            assert_eq!(index.batches(), batches + 1);
            let last = Pattern::new(TermKind::Action)
                .with(TermField::Verb, &format!("{:0>128}", number - 1));
            let get = Pattern::new(TermKind::Action).with(TermField::Verb, "get");
            let wanted = if kind == 1 { last } else { get };
            assert!(index.matching(&wanted).contains(batches), "the last batch is found");
            // Only hashes of the first kind are held, and there is room for all of them.
            assert_eq!(index.open_batches().is_empty(), kind == 0);
        }
    }
}
