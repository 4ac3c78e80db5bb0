//! Values of a line, checked.

use core::net::IpAddr;

use serde_json::{Map, Value};

use crate::{MAX_POLICIES, NotAFlow};

/// Bytes of the longest name or word that is read.
const LONGEST: usize = 1024;

type Object = Map<String, Value>;

/// A text that isn't empty, and stands in one line: nothing in it acts on a terminal.
pub(crate) fn checked(text: &str, what: &'static str) -> Result<String, NotAFlow> {
    if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
        return Err(NotAFlow::bad(what, text));
    }
    Ok(text.to_owned())
}

/// A text, if there is one: `null` and an empty one are none.
pub(crate) fn text(of: &Object, key: &str, what: &'static str) -> Result<Option<String>, NotAFlow> {
    match of.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => checked(text, what).map(Some),
        Some(other) => Err(NotAFlow::bad(what, &other.to_string())),
    }
}

/// An object, if there is one.
pub(crate) fn object<'a>(
    of: &'a Object,
    key: &str,
    what: &'static str,
) -> Result<Option<&'a Object>, NotAFlow> {
    match of.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(other) => Err(NotAFlow::bad(what, &other.to_string())),
    }
}

/// A list; one that isn't there is empty.
pub(crate) fn list<'a>(
    of: &'a Object,
    key: &str,
    what: &'static str,
) -> Result<&'a [Value], NotAFlow> {
    match of.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(NotAFlow::bad(what, &other.to_string())),
    }
}

/// An address without a zone: what a zone means is known on one node alone.
pub(crate) fn address(text: &str, what: &'static str) -> Result<IpAddr, NotAFlow> {
    text.parse().map_err(|_| NotAFlow::bad(what, text))
}

/// A port from 1 to 65535.
pub(crate) fn port(text: &str) -> Result<u16, NotAFlow> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = Some(text).filter(|_| digits).and_then(|text| text.parse().ok());
    number.filter(|port| *port > 0).ok_or_else(|| NotAFlow::bad("port", text))
}

/// The same of JSON, where it is a number.
pub(crate) fn port_of(value: Option<&Value>) -> Result<Option<u16>, NotAFlow> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => port(&number.to_string()).map(Some),
        Some(Value::String(text)) => port(text).map(Some),
        Some(other) => Err(NotAFlow::bad("port", &other.to_string())),
    }
}

/// Adds a policy's name, once.
pub(crate) fn add_policy(policies: &mut Vec<String>, name: &str) -> Result<(), NotAFlow> {
    let name = checked(name, "policy")?;
    if policies.contains(&name) {
        return Ok(());
    }
    if policies.len() >= MAX_POLICIES {
        return Err(NotAFlow::Many);
    }
    policies.push(name);
    Ok(())
}
