//! Signed notes.
#![no_main]

use auditseal_note::SignedNote;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|note: &str| {
    if let Ok(signed) = SignedNote::parse(note) {
        assert!(note.starts_with(signed.text()));
    }
});
