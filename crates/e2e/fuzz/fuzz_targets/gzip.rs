//! A compressed backup: whatever it holds, nothing panics, and damage is owned up to.
#![no_main]

mod disk;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    drop(disk::drain("audit-2026-01-02T15-04-05.000.log.gz", bytes));
});
