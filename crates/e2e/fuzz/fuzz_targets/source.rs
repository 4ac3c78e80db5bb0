//! A plain backup: every byte is taken once, whatever it is.
#![no_main]

mod disk;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (taken, gaps) = disk::drain("audit-2026-01-02T15-04-05.000.log", bytes);
    assert_eq!(gaps, 0);
    assert!(taken == bytes, "{} of {} bytes", taken.len(), bytes.len());
});
