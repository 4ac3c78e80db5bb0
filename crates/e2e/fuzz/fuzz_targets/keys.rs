//! Whatever is read from one line: keys, object names, origins, file identities and names.
#![no_main]

use auditseal_format::{FileId, FileName, ObjectKey, Origin, Scope, VerifierKey};
use auditseal_note::StaticSigner;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    drop(StaticSigner::from_private_text(text));
    if let Some(key) = ObjectKey::parse(text) {
        assert_eq!(key.to_string(), text, "one object has one name");
    }
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.to_string(), text);
        assert!(origin.node_scope().covers(&origin));
    }
    if let Ok(scope) = text.parse::<Scope>() {
        assert_eq!(scope.to_string(), text);
    }
    if let Ok(file) = text.parse::<FileId>() {
        assert_eq!(file.to_string(), text);
    }
    if let Ok(name) = text.parse::<FileName>() {
        assert_eq!(name.to_string(), text);
    }
});
