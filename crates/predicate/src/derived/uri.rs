//! What a request's URI says.

use std::borrow::Cow;

use crate::event::Event;
use crate::lookup::{Found, Value, found};

/// The path, as it was sent.
pub(super) fn path<'a>(event: &Event<'a>) -> Found<'a> {
    with_uri(event, |uri| {
        let path = uri.split('?').next().unwrap_or_default();
        Some(Value::Text(Cow::Owned(path.to_owned())))
    })
}

/// The values of a parameter, in their order; absent if there is none.
pub(super) fn query<'a>(event: &Event<'a>, name: &str) -> Found<'a> {
    with_uri(event, |uri| {
        let values = values(uri, name);
        (!values.is_empty()).then(|| Value::Texts(values.into_iter().map(Cow::Owned).collect()))
    })
}

/// All parameters, in their order.
pub(super) fn parameters(event: &Event<'_>) -> Vec<(String, String)> {
    match found(event, "requestURI", &[]).into_text() {
        Found::Value(Value::Text(uri)) => pairs(&uri).collect(),
        _ => Vec::new(),
    }
}

fn with_uri<'a>(event: &Event<'a>, of: impl FnOnce(&str) -> Option<Value<'a>>) -> Found<'a> {
    match found(event, "requestURI", &[]).into_text() {
        Found::Value(Value::Text(uri)) => of(&uri).map_or(Found::Absent, Found::Value),
        Found::Unknown | Found::Begun(_) => Found::Unknown,
        Found::Value(_) | Found::Absent => Found::Absent,
    }
}

fn values(uri: &str, name: &str) -> Vec<String> {
    pairs(uri).filter(|(key, _)| key == name).map(|(_, value)| value).collect()
}

/// The parameters of a URI, decoded, as the apiserver takes them: Go's `url.ParseQuery`, whose errors it ignores. A pair
/// that holds a `;`, or a `%` without two digits, is none.
pub(super) fn pairs(uri: &str) -> impl Iterator<Item = (String, String)> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter_map(|(name, value)| decoded(name).zip(decoded(value)))
}

/// A name or value as `application/x-www-form-urlencoded` means it; none where a `%` has no two digits.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = |digit: &u8| char::from(*digit).to_digit(16);
        let (byte, taken) = match (first, behind) {
            (b'%', [high, low, ..]) => {
                let (high, low) = hex(high).zip(hex(low))?;
                ((high << 4 | low) as u8, 3)
            }
            (b'%', _) => return None,
            (b'+', _) => (b' ', 1),
            (plain, _) => (*plain, 1),
        };
        out.push(byte);
        rest = &rest[taken..];
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_may_stand_often() {
        let uri =
            "/a%2Fb?command=cat&command=%2Fetc%2Fpasswd&c%6Fmmand=a+b%2Bc&x=%41&empty&=y&q=1=2";
        assert_eq!(values(uri, "command"), ["cat", "/etc/passwd", "a b+c"]);
        assert_eq!(values(uri, "x"), ["A"]);
        assert_eq!(values(uri, "empty"), [""]);
        assert_eq!(values(uri, "q"), ["1=2"]);
        assert_eq!(values("/a", "a"), Vec::<String>::new());
        assert_eq!(values("/?a=%ff", "a"), ["\u{fffd}"]);
    }

    /// Recorded on a kube-apiserver 1.36.3: requests with these addresses stored what they sent.
    #[test]
    fn a_pair_that_go_drops_is_none() {
        for query in [
            "dryRun=All;",
            "dryRun=All;x=1",
            "a;dryRun=All",
            "dryRun=All%zz",
            "dryRun=All%",
            "dry%Run=All",
        ] {
            let uri = format!("/a?b=1&{query}&c=2");
            assert_eq!(values(&uri, "dryRun"), Vec::<String>::new(), "{query}");
            assert_eq!(
                (values(&uri, "b"), values(&uri, "c")),
                (vec!["1".into()], vec!["2".into()])
            );
        }
    }
}
