//! The URL of a store, taken apart.

use std::path::PathBuf;

/// Where a URL points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A directory.
    Local(PathBuf),
    /// An S3 bucket.
    S3 { bucket: String },
    /// A Google Cloud Storage bucket.
    Gcs { bucket: String },
    /// An Azure container; the account comes from the URL or from the environment.
    Azure { account: Option<String>, container: String },
}

/// A parsed URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) place: Place,
    /// The key prefix, without slashes around it; empty for none and for directories.
    pub(crate) prefix: String,
    /// The URL for messages: normalised, without a trailing slash.
    pub(crate) shown: String,
}

/// The forms that are understood, for messages.
const FORMS: &str =
    "use s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///ABSOLUTE/PATH";

/// Parses the URL of a store.
///
/// # Errors
/// A sentence that says what is wrong. It never quotes the authority, which may hold credentials.
pub(crate) fn parse(url: &str) -> Result<Location, String> {
    if url.chars().any(|c| c.is_control() || c.is_whitespace() && c != ' ') {
        return Err("the URL holds control characters".to_owned());
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        if url.starts_with('/') {
            // No authority, so nothing secret.
            return Err(format!("{url} isn't a URL but a path: write file://{url}"));
        }
        return Err(format!("it isn't a URL: {FORMS}"));
    };
    if rest.contains(['?', '#']) {
        return Err("a store's URL takes no query and no fragment".to_owned());
    }
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let path = decode(path)?;
    match scheme.to_ascii_lowercase().as_str() {
        "file" => local(authority, &path),
        "s3" | "s3a" => {
            let bucket = name(authority, "bucket")?;
            bucket_location("s3", bucket, &path, |bucket| Place::S3 { bucket })
        }
        "gs" => {
            let bucket = name(authority, "bucket")?;
            bucket_location("gs", bucket, &path, |bucket| Place::Gcs { bucket })
        }
        "az" | "azure" | "adl" => azure(None, authority, &path),
        "abfs" | "abfss" => match authority.split_once('@') {
            Some((container, host)) => azure(Some(account(host)?), container, &path),
            None => azure(None, authority, &path),
        },
        "https" => {
            let account = account(authority)?;
            let (container, path) = path
                .trim_start_matches('/')
                .split_once('/')
                .unwrap_or((path.trim_start_matches('/'), ""));
            azure(Some(account), container, path)
        }
        _ => Err(format!("the scheme isn't known: {FORMS}")),
    }
}

fn local(authority: &str, path: &str) -> Result<Location, String> {
    if !authority.is_empty() && authority != "localhost" {
        return Err(
            "a file URL needs an absolute path, with three slashes: file:///var/lib/archive"
                .to_owned(),
        );
    }
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Err("the file URL names no directory".to_owned());
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return Err("the path must not hold '.' or '..'".to_owned());
    }
    let shown = format!("file://{path}");
    Ok(Location { place: Place::Local(PathBuf::from(path)), prefix: String::new(), shown })
}

fn bucket_location(
    scheme: &str,
    bucket: &str,
    path: &str,
    place: impl Fn(String) -> Place,
) -> Result<Location, String> {
    let prefix = prefix(path)?;
    let mut shown = format!("{scheme}://{bucket}");
    if !prefix.is_empty() {
        shown = format!("{shown}/{prefix}");
    }
    Ok(Location { place: place(bucket.to_owned()), prefix, shown })
}

fn azure(account: Option<String>, container: &str, path: &str) -> Result<Location, String> {
    let container = name(container, "container")?;
    bucket_location("az", container, path, |container| Place::Azure {
        account: account.clone(),
        container,
    })
}

fn name<'a>(authority: &'a str, what: &str) -> Result<&'a str, String> {
    if authority.is_empty() {
        return Err(format!("the URL names no {what}"));
    }
    if authority.contains('@') {
        return Err("credentials don't belong into the URL: set them in the environment".to_owned());
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '$');
    if !authority.chars().all(fits) {
        return Err(format!("the {what}'s name holds characters that no {what} may have"));
    }
    Ok(authority)
}

fn account(host: &str) -> Result<String, String> {
    let account = [".blob.core.windows.net", ".dfs.core.windows.net"]
        .iter()
        .find_map(|suffix| host.strip_suffix(suffix));
    match account {
        Some(account)
            if !account.is_empty() && account.chars().all(|c| c.is_ascii_alphanumeric()) =>
        {
            Ok(account.to_owned())
        }
        _ => Err(format!(
            "the host isn't a storage account of Azure: {FORMS}, and give other servers with an endpoint"
        )),
    }
}

fn prefix(path: &str) -> Result<String, String> {
    let prefix = path.trim_matches('/');
    if prefix.is_empty() {
        return Ok(String::new());
    }
    if prefix.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err("the prefix must not hold empty parts, '.' or '..'".to_owned());
    }
    Ok(prefix.to_owned())
}

fn decode(text: &str) -> Result<String, String> {
    let bad = || "the URL holds a bad percent-encoding".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit =
            || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(bad);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).map_err(|_| bad())?);
    }
    let text = String::from_utf8(bytes).map_err(|_| bad())?;
    if text.chars().any(char::is_control) { Err(bad()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> (Place, String, String) {
        let location = parse(url).unwrap();
        (location.place, location.prefix, location.shown)
    }

    #[test]
    fn good_urls() {
        let s3 = |bucket: &str| Place::S3 { bucket: bucket.to_owned() };
        assert_eq!(shown("s3://b"), (s3("b"), String::new(), "s3://b".into()));
        assert_eq!(shown("s3://b.c/x/y/"), (s3("b.c"), "x/y".into(), "s3://b.c/x/y".into()));
        assert_eq!(shown("S3://b/a%20b").1, "a b");
        assert_eq!(shown("gs://b/p").0, Place::Gcs { bucket: "b".into() });
        let azure = |account: Option<&str>| Place::Azure {
            account: account.map(str::to_owned),
            container: "c".into(),
        };
        assert_eq!(shown("az://c/p"), (azure(None), "p".into(), "az://c/p".into()));
        assert_eq!(shown("abfss://c@acc.dfs.core.windows.net/p/q").0, azure(Some("acc")));
        assert_eq!(
            shown("https://acc.blob.core.windows.net/c/p/q"),
            (azure(Some("acc")), "p/q".into(), "az://c/p/q".into())
        );
        assert_eq!(
            shown("file:///var/lib/x/"),
            (Place::Local("/var/lib/x".into()), String::new(), "file:///var/lib/x".into())
        );
    }

    #[test]
    fn bad_urls_say_why() {
        for (url, why) in [
            ("", "isn't a URL"),
            ("bucket", "isn't a URL"),
            ("/var/lib/x", "isn't a URL"),
            ("ftp://h/x", "scheme isn't known"),
            ("://", "scheme isn't known"),
            ("s3://", "names no bucket"),
            ("s3:///prefix", "names no bucket"),
            ("gs://", "names no bucket"),
            ("az://", "names no container"),
            ("https://acc.blob.core.windows.net/", "names no container"),
            ("https://example.com/c/p", "isn't a storage account"),
            ("https://.blob.core.windows.net/c", "isn't a storage account"),
            ("abfss://c@example.com/p", "isn't a storage account"),
            ("file://relative/path", "needs an absolute path"),
            ("file://./x", "needs an absolute path"),
            ("file:///", "names no directory"),
            ("file://", "names no directory"),
            ("file:///a/../b", "'.' or '..'"),
            ("file:///a/%2e%2e/b", "'.' or '..'"),
            ("s3://b/a//b", "empty parts"),
            ("s3://b/%zz", "percent-encoding"),
            ("s3://b/%4", "percent-encoding"),
            ("s3://b/%ff", "percent-encoding"),
            ("s3://b/%00", "percent-encoding"),
            ("s3://b/x?versions", "no query"),
            ("s3://b/x#y", "no query"),
            ("s3://key:secret@b/x", "credentials don't belong"),
            ("s3://b c/x", "characters that no bucket"),
            ("s3://b\n/x", "control characters"),
            ("\u{1F980}\u{0}", "control characters"),
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.contains(why), "{url:?}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
