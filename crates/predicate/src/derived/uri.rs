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

fn with_uri<'a>(event: &Event<'a>, of: impl FnOnce(&str) -> Option<Value<'a>>) -> Found<'a> {
    match found(event, "requestURI", &[]).into_text() {
        Found::Value(Value::Text(uri)) => of(&uri).map_or(Found::Absent, Found::Value),
        Found::Unknown | Found::Begun(_) => Found::Unknown,
        Found::Value(_) | Found::Absent => Found::Absent,
    }
}

fn values(uri: &str, name: &str) -> Vec<String> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(|(key, _)| decoded(key) == name).map(|(_, value)| decoded(value)).collect()
}

/// A name or value as `application/x-www-form-urlencoded` means it; what isn't a `%` with two digits stays.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = |digit: &u8| char::from(*digit).to_digit(16);
        let (byte, taken) = match (first, behind) {
            (b'%', [high, low, ..]) => match hex(high).zip(hex(low)) {
                Some((high, low)) => ((high << 4 | low) as u8, 3),
                None => (b'%', 1),
            },
            (b'+', _) => (b' ', 1),
            (plain, _) => (*plain, 1),
        };
        out.push(byte);
        rest = &rest[taken..];
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_may_stand_often() {
        let uri =
            "/a%2Fb?command=cat&command=%2Fetc%2Fpasswd&c%6Fmmand=a+b%2Bc&x=%zz%&empty&=y&q=1=2";
        assert_eq!(values(uri, "command"), ["cat", "/etc/passwd", "a b+c"]);
        assert_eq!(values(uri, "x"), ["%zz%"]);
        assert_eq!(values(uri, "empty"), [""]);
        assert_eq!(values(uri, "q"), ["1=2"]);
        assert_eq!(values("/a", "a"), Vec::<String>::new());
        assert_eq!(values("/?a=%ff", "a"), ["\u{fffd}"]);
    }
}
