//! The seal's text: what is accepted is written back the same.
#![no_main]

use auditseal_format::Seal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(seal) = Seal::parse(text) {
        assert!(seal.validate().is_ok(), "what is parsed is valid");
        assert_eq!(seal.text(), text, "one seal has one text");
    }
});
