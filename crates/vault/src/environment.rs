//! The clouds' variables, as whoever set them means them.
//!
//! A Secret that was encoded with the line break behind it gives a variable that ends with one. In a
//! header that can't be sent, and `object_store` panics over it.

use std::ffi::{OsStr, OsString};
use std::str::FromStr;

/// The prefixes of the variables that are read.
const CLOUDS: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];
/// Holds a whole file of JSON.
const OF_LINES: &str = "GOOGLE_SERVICE_ACCOUNT_KEY";

/// Whether a variable says how a cloud is reached.
#[must_use]
pub fn is_of_cloud(name: &str) -> bool {
    CLOUDS.iter().any(|cloud| name.starts_with(cloud))
}

/// The process's environment, with what was put before it.
pub(crate) fn with(before: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
    let own = std::env::vars_os().filter(|(name, _)| before.iter().all(|(other, _)| other != name));
    own.chain(before.iter().cloned()).collect()
}

/// The settings of one cloud in the environment: those of its variables that mean something, without
/// the white space around their values. A variable that is empty is as good as none.
///
/// # Errors
/// A sentence that names the variable whose value can't be one, and doesn't quote it.
pub(crate) fn settings<K: FromStr>(
    cloud: &str,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(K, String)>, String> {
    let mut found = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(cloud)) else { continue };
        let Ok(key) = name.to_ascii_lowercase().parse() else { continue };
        let Some(value) = value.to_str() else {
            return Err(format!("the value of {name} isn't text"));
        };
        let value = value.trim();
        if name != OF_LINES && value.chars().any(char::is_control) {
            return Err(format!("the value of {name} holds a line break or a control character"));
        }
        if !value.is_empty() {
            found.push((key, value.to_owned()));
        }
    }
    Ok(found)
}

/// The variables that name a metadata service.
const METADATA: [&str; 4] = [
    "AWS_METADATA_ENDPOINT",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AZURE_MSI_ENDPOINT",
    "IDENTITY_ENDPOINT",
];

/// How the URLs of the metadata services that the environment names begin.
pub(crate) fn metadata(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<String> {
    let named = environment.into_iter().filter(|(name, _)| METADATA.iter().any(|m| name == *m));
    let values = named.filter_map(|(_, value)| Some(value.to_str()?.trim().to_owned()));
    values.filter(|value| !value.is_empty()).collect()
}

/// The clouds' variables whose values have white space around them, which is left out.
#[must_use]
pub fn untidy() -> Vec<String> {
    untidy_among(std::env::vars_os())
}

fn untidy_among(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<String> {
    let ours = |name: &OsStr| name.to_str().filter(|name| is_of_cloud(name)).map(str::to_owned);
    let untidy = |value: &OsStr| value.to_str().is_some_and(|value| value.trim() != value);
    let all = environment.into_iter().filter(|(_, value)| untidy(value));
    let mut names: Vec<String> = all.filter_map(|(name, _)| ours(&name)).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use object_store::aws::AmazonS3ConfigKey as Key;
    use object_store::gcp::GoogleConfigKey;

    use super::*;

    fn set(pairs: &[(&str, &[u8])]) -> Vec<(OsString, OsString)> {
        pairs
            .iter()
            .map(|(name, value)| (name.into(), OsString::from_vec(value.to_vec())))
            .collect()
    }

    fn aws(pairs: &[(&str, &[u8])]) -> Result<Vec<(Key, String)>, String> {
        settings("AWS_", set(pairs))
    }

    #[test]
    fn white_space_around_a_value_is_none_of_it() {
        for around in ["key", "key\n", "key\r\n", " key \t\n"] {
            let found = aws(&[("AWS_ACCESS_KEY_ID", around.as_bytes())]).unwrap();
            assert_eq!(found, [(Key::AccessKeyId, "key".to_owned())], "{around:?}");
        }
        assert_eq!(aws(&[("AWS_REGION", b""), ("AWS_ENDPOINT", b"\n")]).unwrap(), []);
    }

    #[test]
    fn what_can_be_no_value_is_refused_by_its_name_and_not_quoted() {
        for value in [&b"top\nsecret"[..], b"top\0secret", b"top\x1b[2Jsecret", b"topsecret\xff"] {
            let error = aws(&[("AWS_SECRET_ACCESS_KEY", value)]).unwrap_err();
            assert!(error.contains("AWS_SECRET_ACCESS_KEY") && !error.contains("top"), "{error}");
        }
    }

    #[test]
    fn a_file_in_a_variable_has_lines() {
        let found: Vec<(GoogleConfigKey, String)> =
            settings("GOOGLE_", set(&[("GOOGLE_SERVICE_ACCOUNT_KEY", b"{\n}\n")])).unwrap();
        assert_eq!(found, [(GoogleConfigKey::ServiceAccountKey, "{\n}".to_owned())]);
    }

    #[test]
    fn what_means_nothing_here_may_hold_anything() {
        let foreign =
            [("AWS_UNHEARD_OF", &b"a\nb"[..]), ("GOOGLE_BUCKET", b"a\nb"), ("PATH", b"\xff")];
        assert_eq!(aws(&foreign).unwrap(), []);
    }

    #[test]
    fn the_untidy_ones_are_named() {
        let all = set(&[
            ("PS1", b"$ "),
            ("AZURE_STORAGE_ACCOUNT_NAME", b"account\n"),
            ("AWS_REGION", b"eu-west-1"),
            ("AWS_ACCESS_KEY_ID", b" key"),
        ]);
        assert_eq!(untidy_among(all), ["AWS_ACCESS_KEY_ID", "AZURE_STORAGE_ACCOUNT_NAME"]);
    }
}
