//! A line of JSON: each key once, nested no deeper than serde_json reads.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::NotAFlow;

/// Says that a key stands twice; nobody reads it but [`object`].
const TWICE: &str = "twice";

/// Reads an object.
pub(crate) fn object(text: &str) -> Result<Map<String, Value>, NotAFlow> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Once.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Value::Object(object)) => Ok(object),
        Err(error) if error.to_string().starts_with(TWICE) => Err(NotAFlow::Twice),
        _ => Err(NotAFlow::NotJson),
    }
}

/// Of what kind a value is, as far as the formats of logs tell themselves apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Text,
    Number,
    Other,
}

/// Of what kind the object's own values at these keys are; what stands deeper isn't looked at. `None`: there is none, or it is
/// no object.
pub(crate) fn kinds<const N: usize>(line: &[u8], keys: [&str; N]) -> [Option<Kind>; N] {
    // A quick look first: of most lines it tells that there is none.
    let may = |key: &str| {
        let quoted = format!("\"{key}\"");
        line.windows(quoted.len()).any(|part| part == quoted.as_bytes())
    };
    if !keys.iter().any(|key| may(key)) {
        return [None; N];
    }
    let mut found = [None; N];
    let mut reader = serde_json::Deserializer::from_slice(line);
    let whole = Outline { keys: &keys, found: &mut found }.deserialize(&mut reader);
    if whole.is_ok() { found } else { [None; N] }
}

struct Outline<'a, 'b> {
    keys: &'a [&'b str],
    found: &'a mut [Option<Kind>],
}

impl<'de> DeserializeSeed<'de> for Outline<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outline<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let value: &RawValue = map.next_value()?;
            if let Some(at) = self.keys.iter().position(|one| *one == key) {
                self.found[at] = Some(match value.get().bytes().next() {
                    Some(b'{') => Kind::Object,
                    Some(b'"') => Kind::Text,
                    Some(b'-' | b'0'..=b'9') => Kind::Number,
                    _ => Kind::Other,
                });
            }
        }
        Ok(())
    }
}

struct Once;

impl<'de> DeserializeSeed<'de> for Once {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element_seed(Self)? {
            all.push(one);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if all.insert(key, map.next_value_seed(Self)?).is_some() {
                return Err(A::Error::custom(TWICE));
            }
        }
        Ok(all.into())
    }
}
