//! What an event has at a path, and what is known of it.

use std::borrow::Cow;
use std::rc::Rc;

use crate::event::Event;
use crate::json::{Kind, Raw};
use crate::knowledge::{Within, is_omitted, is_unknown};
use crate::path::{Spot, Step, spots};

/// What is known of a field.
#[derive(Debug, Clone)]
pub(crate) enum Found<'a> {
    /// It is this.
    Value(Value<'a>),
    /// A text that begins so; nobody knows how it goes on.
    Begun(&'static str),
    /// It isn't there, and would have been logged.
    Absent,
    /// Nobody knows.
    Unknown,
}

/// A field's value: one that stands in the line, or one that is derived.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Raw(Raw<'a>),
    Text(Cow<'a, str>),
    /// A text that is handed out often.
    Shared(Rc<str>),
    Bool(bool),
    Count(usize),
    Texts(Vec<Cow<'a, str>>),
}

impl<'a> Value<'a> {
    /// What a string means; none of another value.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Raw(raw) => raw.text(),
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Shared(text) => Some(Cow::Borrowed(text)),
            Self::Bool(_) | Self::Count(_) | Self::Texts(_) => None,
        }
    }

    /// A number's text; none of another value.
    pub(crate) fn number(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Raw(raw) => raw.number().map(Cow::Borrowed),
            Self::Count(count) => Some(Cow::Owned(count.to_string())),
            Self::Text(_) | Self::Shared(_) | Self::Bool(_) | Self::Texts(_) => None,
        }
    }

    /// What is true or false; none of another value.
    pub(crate) fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Raw(raw) => match raw.kind() {
                Kind::Bool(value) => Some(value),
                _ => None,
            },
            Self::Text(_) | Self::Shared(_) | Self::Count(_) | Self::Texts(_) => None,
        }
    }
}

/// Hands out what an event has below a member. It is one thing, unless a key on the way stands twice: then it is one
/// for each.
pub(crate) fn each_found<'a>(
    event: &Event<'a>,
    first: &str,
    steps: &[Step],
    each: &mut dyn FnMut(Found<'a>),
) {
    let missing = |made| {
        if is_unknown(event, first, steps, made) { Found::Unknown } else { Found::Absent }
    };
    match event.member(first) {
        None => each(missing(None)),
        Some(value) => spots(value, steps, &mut |spot| {
            each(match spot {
                Spot::Value(value) => Found::Value(Value::Raw(value)),
                Spot::Missing(made) => missing(Some(made)),
            });
        }),
    }
}

/// The same below an element of a list or a member of an object. `within`: where it stands.
pub(crate) fn each_below<'a>(
    value: Raw<'a>,
    steps: &[Step],
    within: Within,
    each: &mut dyn FnMut(Found<'a>),
) {
    spots(value, steps, &mut |spot| {
        each(match spot {
            Spot::Value(value) => Found::Value(Value::Raw(value)),
            Spot::Missing(made) if is_omitted(steps, made, within) => Found::Unknown,
            Spot::Missing(_) => Found::Absent,
        });
    });
}

/// The one thing that an event has below a member; unknown where it stands twice.
pub(crate) fn found<'a>(event: &Event<'a>, first: &str, steps: &[Step]) -> Found<'a> {
    one(|each| each_found(event, first, steps, each))
}

/// The same by names alone.
pub(crate) fn found_at<'a>(event: &Event<'a>, first: &str, keys: &[&str]) -> Found<'a> {
    let steps: Vec<_> = keys.iter().map(|key| Step::Key((*key).into())).collect();
    found(event, first, &steps)
}

/// The one thing that is handed out; unknown if it is more than one.
pub(crate) fn one<'a>(hand_out: impl FnOnce(&mut dyn FnMut(Found<'a>))) -> Found<'a> {
    let mut first = None;
    hand_out(&mut |found| {
        first = Some(if first.is_none() { found } else { Found::Unknown });
    });
    first.unwrap_or(Found::Absent)
}

impl<'a> Found<'a> {
    /// What a string means, in another `Found`; what isn't a string is absent.
    pub(crate) fn into_text(self) -> Self {
        match self {
            Self::Value(Value::Raw(raw)) => match raw.text() {
                Some(text) => Self::Value(Value::Text(text)),
                None => Self::Absent,
            },
            Self::Value(Value::Text(text)) => Self::Value(Value::Text(text)),
            Self::Value(_) => Self::Absent,
            known => known,
        }
    }
}
