//! Where in a JSON value another one is.

use auditseal_audit::text::as_go_reads;

use crate::json::{Kind, Raw};

/// The most steps of a path: no object of Kubernetes is nested as deep.
pub(crate) const MAX_STEPS: usize = 64;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// A member of an object.
    Key(Box<str>),
    /// An element of a list, from 0.
    Index(usize),
}

/// What stands at a path.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spot<'a> {
    /// A value that isn't `null`.
    Value(Raw<'a>),
    /// Nothing, or `null`; the steps up to this one could be made.
    Missing(usize),
}

/// Hands out what stands at a path below a value. It is one spot, unless a key on the way stands twice: then it is one
/// for each.
pub(crate) fn spots<'a>(value: Raw<'a>, steps: &[Step], each: &mut dyn FnMut(Spot<'a>)) {
    go(value, steps, 0, each);
}

fn go<'a>(value: Raw<'a>, steps: &[Step], made: usize, each: &mut dyn FnMut(Spot<'a>)) {
    let kind = value.kind();
    // What is null is as good as left out: so was the step to it.
    if kind == Kind::Null {
        return each(Spot::Missing(made.saturating_sub(1)));
    }
    match (steps.get(made), kind) {
        (None, _) => each(Spot::Value(value)),
        (Some(Step::Key(wanted)), Kind::Object) => {
            let mut met = false;
            for (_, value) in value.members().filter(|(key, _)| is_key(key, wanted)) {
                met = true;
                go(value, steps, made + 1, each);
            }
            if !met {
                each(Spot::Missing(made));
            }
        }
        (Some(Step::Index(at)), Kind::List) => match value.elements().nth(*at) {
            Some(value) => go(value, steps, made + 1, each),
            None => each(Spot::Missing(made)),
        },
        _ => each(Spot::Missing(made)),
    }
}

fn is_key(written: &[u8], wanted: &str) -> bool {
    written == wanted.as_bytes()
        || (memchr::memchr(b'\\', written).is_some() || !written.is_ascii())
            && as_go_reads(written) == wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::members;

    fn at(json: &str, steps: &[Step]) -> Vec<String> {
        let line = format!(r#"{{"v":{json}}}"#);
        let value = members(line.as_bytes()).unwrap()[0].value;
        let mut found = Vec::new();
        spots(value, steps, &mut |spot| {
            found.push(match spot {
                Spot::Value(value) => String::from_utf8(value.bytes().to_vec()).unwrap(),
                Spot::Missing(made) => format!("missing {made}"),
            });
        });
        found
    }

    fn key(key: &str) -> Step {
        Step::Key(key.into())
    }

    #[test]
    fn a_path_leads_to_one_value_or_to_where_it_ends() {
        let json = r#"{"a":{"b.c/d":[10,{"e":"x"},null]},"n":null,"\u00e9\u0041":1}"#;
        let list = [key("a"), key("b.c/d")];
        let with = |step: Step| [list.to_vec(), vec![step]].concat();
        assert_eq!(at(json, &[]), [json]);
        assert_eq!(at(json, &with(Step::Index(0))), ["10"]);
        assert_eq!(at(json, &[with(Step::Index(1)), vec![key("e")]].concat()), ["\"x\""]);
        assert_eq!(at(json, &with(Step::Index(2))), ["missing 2"], "null is missing");
        assert_eq!(at(json, &with(Step::Index(3))), ["missing 2"]);
        assert_eq!(at(json, &with(key("e"))), ["missing 2"], "a list has no keys");
        assert_eq!(at(json, &[key("n"), key("x")]), ["missing 0"]);
        assert_eq!(at(json, &[key("x"), key("y")]), ["missing 0"]);
        assert_eq!(at(json, &[key("éA")]), ["1"], "a key may be escaped");
        assert_eq!(at("null", &[]), ["missing 0"]);
    }

    #[test]
    fn of_a_key_that_stands_twice_both_values_are_given() {
        let json = r#"{"a":{"b":1},"a":{"b":2,"\u0062":3},"a":{}}"#;
        assert_eq!(at(json, &[key("a"), key("b")]), ["1", "2", "3", "missing 1"]);
    }
}
