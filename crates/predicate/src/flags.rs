//! Predicates of single flags.

use std::fmt;

use auditseal_audit::Time;

use crate::derived::Derived;
use crate::glob::Glob;
use crate::network::Network;
use crate::predicate::Predicate;
use crate::question::{Each, Field, Literal, Operand, Question, Relation, Test, TextTest};

/// The greatest code of an answer (RFC 9110, 15), and of a range.
const LAST_CODE: u32 = 999;

/// Why a flag's value says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The value.
    pub value: String,
    /// What it should be, for a person.
    pub why: &'static str,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.value, self.why)
    }
}

impl std::error::Error for Invalid {}

/// Which objects: what is `None` may be anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectFilter<'a> {
    /// `objectRef.resource`, plural: `networkpolicies`.
    pub resource: Option<&'a str>,
    /// `objectRef.apiGroup`; empty is the core group.
    pub group: Option<&'a str>,
    /// `objectRef.subresource`; empty is the object itself.
    pub subresource: Option<&'a str>,
    /// `objectRef.namespace`; empty is the cluster's scope.
    pub namespace: Option<&'a str>,
    /// The object's name. Of a `create`, also the name that the server made of `generateName`, where the level shows it;
    /// where it doesn't, the predicate is unknown.
    pub name: Option<&'a str>,
}

impl Predicate {
    /// The verb is one of these: `delete`.
    #[must_use]
    pub fn verbs<'a>(verbs: impl IntoIterator<Item = &'a str>) -> Self {
        let these = verbs.into_iter().map(|verb| Literal::Text(verb.to_owned())).collect();
        Self(Test::OneOf { of: event("verb", &[]), these }.into())
    }

    /// The name of who was authenticated, or of whom they acted for, fits a glob: `*` is any text, `?` any character.
    ///
    /// # Errors
    /// [`Invalid`] for a glob that is too long.
    pub fn user(glob: &str) -> Result<Self, Invalid> {
        let invalid = |why| Invalid { value: glob.chars().take(40).collect(), why };
        let glob = Glob::new(glob).ok_or_else(|| invalid("is too long for a user's name"))?;
        let of = |who| {
            let how = TextTest::Like(glob.clone());
            Question::from(Test::Text { of: event(who, &["username"]), how })
        };
        Ok(Self(Question::Any(vec![of("user"), of("impersonatedUser")])))
    }

    /// One of the source addresses is this one, or in this network: `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`. All but
    /// the last address are the client's word.
    ///
    /// # Errors
    /// [`Invalid`] for what is neither.
    pub fn source_ip(address: &str) -> Result<Self, Invalid> {
        let why = "is neither an address nor a network: write 10.0.0.1 or 10.0.0.0/8";
        let network =
            Network::parse(address).ok_or_else(|| Invalid { value: address.to_owned(), why })?;
        let of = Operand::Field(Field::Bound { depth: 1, key: false, steps: Vec::new() });
        Ok(Self(Question::Each(Box::new(Each {
            all: false,
            range: Field::logged("sourceIPs", &[]),
            depth: 1,
            keyed: false,
            body: Test::Text { of, how: TextTest::Within(network) }.into(),
            known: Vec::new(),
            values: Vec::new(),
        }))))
    }

    /// The answer's code is one of these: `403`, `4xx`, `400-499`, `403,5xx`.
    ///
    /// # Errors
    /// [`Invalid`] for anything else.
    pub fn code(codes: &str) -> Result<Self, Invalid> {
        let part = |part: &str| match codes_of(part) {
            Some((from, to)) => Ok(Question::All(vec![
                code_is(Relation::AtLeast, from),
                code_is(Relation::AtMost, to),
            ])),
            None => Err(Invalid {
                value: codes.to_owned(),
                why: "is no list of codes: write 403, 4xx, 400-499 or 403,5xx",
            }),
        };
        let parts: Result<_, _> = codes.split(',').map(part).collect();
        Ok(Self(Question::Any(parts?)))
    }

    /// It is about such an object.
    #[must_use]
    pub fn object(object: ObjectFilter<'_>) -> Self {
        let is = |key: &str, value: Option<&str>| {
            value.map(|value| text_is(event("objectRef", &[key]), value))
        };
        let name = object
            .name
            .map(|name| text_is(Operand::Field(Field::Derived(Derived::ObjectName)), name));
        let parts = [
            is("resource", object.resource),
            is("apiGroup", object.group),
            is("subresource", object.subresource),
            is("namespace", object.namespace),
            name,
        ];
        Self(Question::All(parts.into_iter().flatten().collect()))
    }

    /// It happened then or later. Of a line without a certain time that is unknown.
    #[must_use]
    pub fn since(time: Time) -> Self {
        Self(Question::Within { since: Some(time), until: None })
    }

    /// It happened then or before. Of a line without a certain time that is unknown.
    #[must_use]
    pub fn until(time: Time) -> Self {
        Self(Question::Within { since: None, until: Some(time) })
    }

    /// The `auditID` is this one.
    #[must_use]
    pub fn audit_id(id: &str) -> Self {
        Self(text_is(event("auditID", &[]), id))
    }
}

fn event(first: &str, keys: &[&str]) -> Operand {
    Operand::Field(Field::logged(first, keys))
}

/// An empty text is one that Kubernetes leaves out.
fn text_is(left: Operand, text: &str) -> Question {
    if text.is_empty() {
        return Test::Empty(left).into();
    }
    let right = Operand::Literal(Literal::Text(text.to_owned()));
    Test::Compare { left, how: Relation::Equal, right, times: false }.into()
}

fn code_is(how: Relation, code: u32) -> Question {
    let right = Operand::Literal(Literal::Number(code.to_string()));
    Test::Compare { left: event("responseStatus", &["code"]), how, right, times: false }.into()
}

/// The codes that a word stands for, both ends included.
fn codes_of(text: &str) -> Option<(u32, u32)> {
    let code = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|_| digits)
    };
    if let Some(class) = text.strip_suffix("xx") {
        let first = code(&format!("{class}00"))?;
        return Some((first, first + 99));
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (code(from)?, code(to)?);
    (from <= to && to <= LAST_CODE).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::truth::Truth;

    fn of(predicate: &Predicate, members: &str) -> Truth {
        let line = format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete",{members}}}"#
        );
        predicate.eval(&Event::parse(line.as_bytes()).unwrap())
    }

    #[test]
    fn codes_are_numbers_classes_and_ranges() {
        let has = |codes: &str, code: u32| {
            let members = format!(r#""responseStatus":{{"code":{code}}}"#);
            of(&Predicate::code(codes).unwrap(), &members) == Truth::True
        };
        for (codes, inside, outside) in [
            ("403", &[403][..], &[402, 404][..]),
            ("4xx", &[400, 499], &[399, 500]),
            ("200-299", &[200, 299], &[199, 300]),
            ("404,5xx", &[404, 500, 599], &[403, 600]),
        ] {
            assert!(inside.iter().all(|code| has(codes, *code)), "{codes}");
            assert!(!outside.iter().any(|code| has(codes, *code)), "{codes}");
        }
        assert_eq!(of(&Predicate::code("4xx").unwrap(), r#""verb":"get""#), Truth::False);
        for wrong in [
            "",
            "4x",
            "40",
            "4033",
            "499-400",
            "403,",
            "xx",
            "+03",
            "4xx-5xx",
            "400-1000",
            "forbidden",
        ] {
            let invalid = Predicate::code(wrong).unwrap_err();
            assert_eq!(invalid.value, wrong);
            assert!(invalid.to_string().contains("is no list of codes"));
        }
    }

    #[test]
    fn a_user_is_who_was_authenticated_or_impersonated() {
        let alice = Predicate::user("ali*").unwrap();
        assert_eq!(of(&alice, r#""user":{"username":"alice"}"#), Truth::True);
        assert_eq!(
            of(&alice, r#""user":{"username":"admin"},"impersonatedUser":{"username":"alice"}"#),
            Truth::True
        );
        assert_eq!(
            of(&alice, r#""user":{"username":"alice"},"impersonatedUser":{"username":"bob"}"#),
            Truth::True
        );
        assert_eq!(of(&alice, r#""user":{"username":"malice"}"#), Truth::False);
        let invalid = Predicate::user(&"x".repeat(2000)).unwrap_err();
        assert!(invalid.why.contains("too long") && invalid.value.len() < 100);
    }

    #[test]
    fn an_address_is_any_of_the_sources() {
        let inside = Predicate::source_ip("10.0.0.0/8").unwrap();
        assert_eq!(of(&inside, r#""sourceIPs":["192.168.0.1","10.9.9.9"]"#), Truth::True);
        assert_eq!(of(&inside, r#""sourceIPs":["192.168.0.1"]"#), Truth::False);
        assert_eq!(of(&inside, r#""verb":"get""#), Truth::False);
        assert!(Predicate::source_ip("10.0.0.0/40").unwrap_err().why.contains("10.0.0.0/8"));
    }

    #[test]
    fn an_object_is_what_is_named_and_what_is_empty_is_left_out() {
        let pod = |object: ObjectFilter<'_>, reference: &str| {
            of(
                &Predicate::object(object),
                &format!(r#""verb":"create","objectRef":{{{reference}}}"#),
            )
        };
        let pods =
            ObjectFilter { resource: Some("pods"), group: Some(""), ..ObjectFilter::default() };
        assert_eq!(pod(pods, r#""resource":"pods","namespace":"n""#), Truth::True);
        assert_eq!(pod(pods, r#""resource":"pods","apiGroup":"metrics.k8s.io""#), Truth::False);
        let cluster = ObjectFilter { namespace: Some(""), ..pods };
        assert_eq!(pod(cluster, r#""resource":"pods","namespace":"n""#), Truth::False);
        assert_eq!(pod(cluster, r#""resource":"pods""#), Truth::True);
        let named = ObjectFilter { name: Some("web"), ..pods };
        assert_eq!(pod(named, r#""resource":"pods","name":"web""#), Truth::True);
        assert_eq!(pod(named, r#""resource":"pods","name":"db""#), Truth::False);
        assert_eq!(pod(named, r#""resource":"pods""#), Truth::Unknown, "the server makes its name");
        assert_eq!(pod(named, r#""resource":"secrets""#), Truth::False);
    }

    #[test]
    fn a_line_without_a_certain_time_may_be_in_any_window() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let window = Predicate::all(vec![
            Predicate::since(at("2026-11-30T06:00:00.000000Z")),
            Predicate::until(at("2026-11-30T07:00:00.000000Z")),
        ]);
        for (time, answer) in [
            ("2026-11-30T05:59:59.999999Z", Truth::False),
            ("2026-11-30T06:00:00.000000Z", Truth::True),
            ("2026-11-30T07:00:00.000000Z", Truth::True),
            ("2026-11-30T07:00:00.000001Z", Truth::False),
            ("yesterday", Truth::Unknown),
        ] {
            assert_eq!(of(&window, &format!(r#""stageTimestamp":"{time}""#)), answer, "{time}");
        }
        let nothing = r#""verb":"get""#;
        assert_eq!(of(&Predicate::any(vec![]), nothing), Truth::False);
        assert_eq!(of(&Predicate::all(vec![]), nothing), Truth::True);
        assert_eq!(of(&Predicate::audit_id("x"), r#""auditID":"x""#), Truth::True);
    }
}
