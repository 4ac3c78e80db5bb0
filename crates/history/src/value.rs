//! JSON as it was logged, read within bounds.
//!
//! What contradicts itself (a member twice in one object) is refused: readers differ in which of the two they take, so
//! nobody could say what the apiserver took.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Values in one body, each scalar, list and object counted: etcd stores 1.5 MiB by default, which is fewer in any real
/// object.
pub const MAX_VALUES: usize = 1 << 18;

/// Lists and objects inside each other. What serde_json reads ends at 128.
pub const MAX_DEPTH: usize = 100;

/// Why a body says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadBody {
    /// It is no JSON.
    NotJson,
    /// An object has this member twice.
    Twice(String),
    /// It has more than [`MAX_VALUES`] values.
    Large,
    /// It nests deeper than [`MAX_DEPTH`].
    Deep,
}

impl fmt::Display for BadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("the body is no JSON"),
            Self::Twice(name) => write!(f, "the body contradicts itself: it has {name:?} twice"),
            Self::Large => write!(f, "the body has more than {MAX_VALUES} values"),
            Self::Deep => write!(f, "the body nests deeper than {MAX_DEPTH}"),
        }
    }
}

impl std::error::Error for BadBody {}

/// Reads a body.
///
/// # Errors
/// [`BadBody`], with what is wrong with it.
pub fn parse(text: &str) -> Result<Value, BadBody> {
    let state = Budget { left: Cell::new(MAX_VALUES), fault: Cell::new(None) };
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = One { state: &state, depth: 0 };
    let read = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    read.map_err(|_| state.fault.take().unwrap_or(BadBody::NotJson))
}

struct Budget {
    left: Cell<usize>,
    fault: Cell<Option<BadBody>>,
}

impl Budget {
    fn refuse<E: serde::de::Error>(&self, fault: BadBody) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }
}

struct One<'a> {
    state: &'a Budget,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        let left = self.state.left.get();
        if left == 0 {
            return Err(self.state.refuse(BadBody::Large));
        }
        self.state.left.set(left - 1);
        if self.depth > MAX_DEPTH {
            return Err(self.state.refuse(BadBody::Deep));
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) =
            list.next_element_seed(One { state: self.state, depth: self.depth + 1 })?
        {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value =
                members.next_value_seed(One { state: self.state, depth: self.depth + 1 })?;
            if map.contains_key(&name) {
                return Err(self.state.refuse(BadBody::Twice(name)));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

/// The value at a path of member names.
#[must_use]
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// The text at a path of member names.
#[must_use]
pub(crate) fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(value, path)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,3.5,true,null,"xé"],"b":{"":{}},"n":18446744073709551615}"#;
        assert_eq!(parse(text), Ok(serde_json::from_str(text).unwrap()));
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        for (text, fault) in [
            ("", BadBody::NotJson),
            ("{", BadBody::NotJson),
            ("{} {}", BadBody::NotJson),
            ("1e999", BadBody::NotJson),
            (r#"{"a":1,"a":1}"#, BadBody::Twice("a".into())),
            (r#"[{"x":{"a":1,"b":2,"\u0061":3}}]"#, BadBody::Twice("a".into())),
        ] {
            assert_eq!(parse(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn a_body_beyond_the_bounds_is_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH + 1)).is_ok());
        assert_eq!(parse(&nested(MAX_DEPTH + 2)), Err(BadBody::Deep));
        assert_eq!(parse(&nested(100_000)), Err(BadBody::Deep));
        let wide = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert!(parse(&wide(MAX_VALUES - 1)).is_ok());
        assert_eq!(parse(&wide(MAX_VALUES)), Err(BadBody::Large));
    }
}
