//! Whatever is read as a proof is written the same again, and is the line of its seal; what is said of any file never panics,
//! and a page about it has no markup of its own.
#![no_main]

use auditseal_evidence::{Knowledge, check};
use auditseal_format::EventProof;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = EventProof::read(bytes) {
        assert_eq!(proof.bytes(), bytes);
    }
    let key = "c/n+52b6dbba+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
    let vkeys = vec![key.parse().expect("a key")];
    let known = Knowledge::Keys { origin: "c/n/s".parse().expect("an origin"), vkeys, head: None };
    let checked = check(bytes, &known).expect("a key is given for the chain that is asked for");
    assert_eq!(checked.holds(), checked.proof().is_some());
    let (mut text, mut json, mut html) = (Vec::new(), Vec::new(), Vec::new());
    checked.text(&mut text).expect("memory");
    checked.json(&mut json).expect("memory");
    checked.html(&mut html).expect("memory");
    assert_eq!(html.windows(7).filter(|bytes| bytes.eq_ignore_ascii_case(b"<script")).count(), 0);
});
