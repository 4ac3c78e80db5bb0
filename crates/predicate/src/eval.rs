//! What a question's answer is for an event.

use std::borrow::Cow;
use std::cmp::Ordering;

use auditseal_audit::text::as_go_reads;

use crate::begun;
use crate::event::Event;
use crate::json::{Decimal, Kind, Raw};
use crate::knowledge::{LeftOut, Within, is_metadata, left_out, left_out_below};
use crate::lookup::{Found, Value, each_below, each_found, one};
use crate::moment::time_of;
use crate::path::Step;
use crate::question::{Each, Field, Literal, Operand, Question, Relation, Test, TextTest};
use crate::truth::Truth;

/// The longest number that is held against each element of a list, in bytes: of a longer one nothing is known.
const MAX_NUMBER: usize = 4096;

/// What a question is about: an event and, inside a list, one of its elements.
struct Scope<'s, 'e> {
    event: &'s Event<'e>,
    element: Option<&'s Element<'e>>,
    known: &'s [Truth],
    values: &'s [Found<'e>],
}

struct Element<'e> {
    key: Found<'e>,
    value: Found<'e>,
    within: Within,
}

/// A question's answer for an event.
pub(crate) fn answer(question: &Question, event: &Event<'_>) -> Truth {
    ask(question, &Scope { event, element: None, known: &[], values: &[] })
}

/// What an event has at a field.
pub(crate) fn field_of<'e>(field: &Field, event: &Event<'e>) -> Found<'e> {
    let scope = Scope { event, element: None, known: &[], values: &[] };
    one(|each| each_of(field, &scope, each))
}

fn ask(question: &Question, scope: &Scope<'_, '_>) -> Truth {
    match question {
        Question::Is(known) => (*known).into(),
        Question::Not(question) => !ask(question, scope),
        Question::All(questions) => all(questions.iter().map(|question| ask(question, scope))),
        Question::Any(questions) => any(questions.iter().map(|question| ask(question, scope))),
        Question::Test(test) => tested(test, scope),
        Question::Each(each) => asked_of_each(each, scope),
        Question::Known(at) => scope.known.get(*at).copied().unwrap_or(Truth::Unknown),
        Question::Within { since, until } => match scope.event.time() {
            None => Truth::Unknown,
            Some(time) => {
                let inside = since.is_none_or(|since| since <= time)
                    && until.is_none_or(|until| time <= until);
                inside.into()
            }
        },
    }
}

fn all(mut answers: impl Iterator<Item = Truth>) -> Truth {
    let fold = answers.try_fold(Truth::True, |all, answer| match all.and(answer) {
        Truth::False => Err(Truth::False),
        open => Ok(open),
    });
    fold.unwrap_or_else(|decided| decided)
}

fn any(answers: impl Iterator<Item = Truth>) -> Truth {
    !all(answers.map(|answer| !answer))
}

/// Hands out what a field is, once for each reading of the line.
fn each_of<'e>(field: &Field, scope: &Scope<'_, 'e>, each: &mut dyn FnMut(Found<'e>)) {
    match field {
        Field::Logged { first, steps } => each_found(scope.event, first, steps, each),
        Field::Derived(derived) => each(derived.of(scope.event)),
        // A key is a text or a place: nothing is below it.
        Field::Bound { key: true, steps, .. } if !steps.is_empty() => each(Found::Absent),
        Field::Bound { key: true, .. } => {
            each(scope.element.map_or(Found::Unknown, |element| element.key.clone()));
        }
        Field::Bound { steps, .. } => match scope.element.map(|it| (&it.value, it.within)) {
            None | Some((Found::Unknown, _)) => each(Found::Unknown),
            Some((Found::Value(Value::Raw(raw)), within)) => each_below(*raw, steps, within, each),
            Some((found, _)) if steps.is_empty() => each(found.clone()),
            Some(_) => each(Found::Absent),
        },
    }
}

/// Which keys an object may have had that stands at a field and lacks them.
fn lacks(field: &Field, scope: &Scope<'_, '_>) -> LeftOut {
    match field {
        Field::Logged { first, steps } => left_out(scope.event, first, steps),
        Field::Bound { key: false, steps, .. } => {
            let within = scope.element.map(|element| element.within).unwrap_or_default();
            left_out_below(within, steps)
        }
        Field::Bound { .. } | Field::Derived(_) => LeftOut::Keys(&[]),
    }
}

/// Those of them that it lacks indeed.
fn lacked(object: Raw<'_>, keys: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    keys.iter().copied().filter(move |wanted| {
        !object
            .members()
            .any(|(key, value)| value.kind() != Kind::Null && as_go_reads(key) == **wanted)
    })
}

fn each_operand<'e>(operand: &Operand, scope: &Scope<'_, 'e>, each: &mut dyn FnMut(Found<'e>)) {
    match operand {
        Operand::Field(field) => each_of(field, scope, each),
        Operand::Known(at) => each(scope.values.get(*at).cloned().unwrap_or(Found::Unknown)),
        Operand::Literal(literal) => each(Found::Value(match literal {
            Literal::Text(text) => Value::Text(text.clone().into()),
            Literal::Bool(value) => Value::Bool(*value),
            // Compared as they are: `Right`.
            Literal::Number(_) | Literal::Time(_) => return each(Found::Unknown),
        })),
    }
}

/// The answer for each reading of the line, if they agree; `begun`: that for a text of which only the beginning is known.
fn agreed<'e>(
    operand: &Operand,
    scope: &Scope<'_, 'e>,
    holds: &dyn Fn(&Value<'e>) -> Truth,
    begun: &dyn Fn(&'static str) -> Truth,
) -> Truth {
    with_each(|each| each_operand(operand, scope, each), &|found| of_value(found, holds, begun))
}

fn of_value<'e>(
    found: &Found<'e>,
    holds: &dyn Fn(&Value<'e>) -> Truth,
    begun: &dyn Fn(&'static str) -> Truth,
) -> Truth {
    match found {
        Found::Value(value) => holds(value),
        Found::Begun(text) => begun(text),
        Found::Absent => Truth::False,
        Found::Unknown => Truth::Unknown,
    }
}

/// Nothing is known of a text of which only the beginning is.
fn unknown(_: &str) -> Truth {
    Truth::Unknown
}

fn with_each<'e>(
    hand_out: impl FnOnce(&mut dyn FnMut(Found<'e>)),
    answer: &dyn Fn(&Found<'e>) -> Truth,
) -> Truth {
    let mut agreed: Option<Truth> = None;
    hand_out(&mut |found| {
        let next = answer(&found);
        agreed = Some(agreed.map_or(next, |before| before.agreed(next)));
    });
    agreed.unwrap_or(Truth::Unknown)
}

/// What something is compared with.
enum Right<'a, 'e> {
    Literal(&'a Literal),
    Value(Value<'e>),
}

fn tested(test: &Test, scope: &Scope<'_, '_>) -> Truth {
    match test {
        Test::Compare { left, how, right, times } => compared(left, *how, right, *times, scope),
        Test::OneOf { of, these } => agreed(
            of,
            scope,
            &|value| these.iter().any(|one| equals(value, &Right::Literal(one))).into(),
            &|text| any(these.iter().map(|one| begun::compared(text, Relation::Equal, one))),
        ),
        Test::Empty(of) => with_each(|each| each_operand(of, scope, each), &|found| match found {
            Found::Value(value) => value.text().is_some_and(|text| text.is_empty()).into(),
            Found::Begun("") | Found::Unknown => Truth::Unknown,
            Found::Begun(_) => Truth::False,
            Found::Absent => Truth::True,
        }),
        Test::Present(of) => agreed(of, scope, &|_| Truth::True, &|_| Truth::True),
        Test::IsTrue(of) => {
            agreed(of, scope, &|value| (value.bool() == Some(true)).into(), &|_| Truth::False)
        }
        Test::Has { of, item } => has(of, item, scope),
        Test::Text { of, how } => text_tested(of, how, scope),
        Test::Size { of, how, than } => sized(of, *how, than, scope),
        Test::Elapsed { later, earlier, how, micros } => {
            let earlier = one(|each| each_operand(earlier, scope, each));
            let between = |later: &Value<'_>, earlier: &Value<'_>| {
                let time = |value: &Value<'_>| value.text().and_then(|text| time_of(&text));
                let both = time(later).zip(time(earlier));
                let holds = both.is_some_and(|(later, earlier)| {
                    how.holds((later.micros() - earlier.micros()).cmp(micros))
                });
                holds.into()
            };
            let of_later = |later: &Value<'_>| {
                of_value(&earlier, &|earlier| between(later, earlier), &begun::time)
            };
            agreed(later, scope, &of_later, &begun::time)
        }
    }
}

fn sized(of: &Operand, how: Relation, than: &str, scope: &Scope<'_, '_>) -> Truth {
    let lacks = match of {
        Operand::Field(field) => lacks(field, scope),
        Operand::Literal(_) | Operand::Known(_) => LeftOut::Keys(&[]),
    };
    let of_value = |value: &Value<'_>| {
        let Some(size) = size(value) else { return Truth::False };
        let more = match (value, lacks) {
            (Value::Raw(raw), LeftOut::Keys(keys)) if raw.kind() == Kind::Object => {
                Some(lacked(*raw, keys).count())
            }
            (Value::Raw(raw), LeftOut::Begun(_)) if raw.kind() == Kind::Object => None,
            _ => Some(0),
        };
        begun::sized(size, more.map(|more| size + more), how, than)
    };
    agreed(of, scope, &of_value, &|text| begun::size(text, how, than))
}

fn compared(
    left: &Operand,
    how: Relation,
    right: &Operand,
    times: bool,
    scope: &Scope<'_, '_>,
) -> Truth {
    let right = match right {
        Operand::Literal(literal) => Right::Literal(literal),
        other => match one(|each| each_operand(other, scope, each)) {
            Found::Value(value) => Right::Value(value),
            // What is compared with something absent is never so.
            Found::Absent => return Truth::False,
            Found::Begun(_) | Found::Unknown => {
                return agreed(left, scope, &|_| Truth::Unknown, &unknown);
            }
        },
    };
    let of_value = |value: &Value<'_>| {
        let order = if times { times_order(value, &right) } else { order(value, &right) };
        order.is_some_and(|order| how.holds(order)).into()
    };
    agreed(left, scope, &of_value, &|text| match &right {
        _ if times => begun::time(text),
        Right::Literal(literal) => begun::compared(text, how, literal),
        Right::Value(other) => match other.text() {
            Some(other) => begun::compared(text, how, &Literal::Text(other.into_owned())),
            None => Truth::False,
        },
    })
}

fn equals(value: &Value<'_>, right: &Right<'_, '_>) -> bool {
    order(value, right) == Some(Ordering::Equal)
}

/// How two values of one type stand to each other; of two types, nothing is said.
fn order(value: &Value<'_>, right: &Right<'_, '_>) -> Option<Ordering> {
    let number = |text: &str| Some(Decimal::new(&value.number()?).compare(&Decimal::new(text)));
    match right {
        Right::Literal(Literal::Text(text)) => Some((*value.text()?).cmp(text.as_str())),
        Right::Literal(Literal::Number(text)) => number(text),
        Right::Literal(Literal::Bool(wanted)) => Some(value.bool()?.cmp(wanted)),
        Right::Literal(Literal::Time(_)) => times_order(value, right),
        Right::Value(other) => {
            if let Some(text) = other.text() {
                return Some((*value.text()?).cmp(&*text));
            }
            match (other.number(), other.bool()) {
                (Some(text), _) => number(&text),
                (None, Some(wanted)) => Some(value.bool()?.cmp(&wanted)),
                (None, None) => None,
            }
        }
    }
}

fn times_order(value: &Value<'_>, right: &Right<'_, '_>) -> Option<Ordering> {
    let time = |value: &Value<'_>| time_of(&value.text()?);
    let right = match right {
        Right::Literal(Literal::Time(time)) => *time,
        Right::Literal(_) => return None,
        Right::Value(other) => time(other)?,
    };
    Some(time(value)?.cmp(&right))
}

fn has(of: &Operand, item: &Operand, scope: &Scope<'_, '_>) -> Truth {
    // A key may be one that is left out where its object is there: so it is looked up as a field.
    let looked_up = || match (of, item) {
        (Operand::Field(field), Operand::Literal(Literal::Text(key))) => {
            let field = Operand::Field(below(field, key));
            Some(agreed(&field, scope, &|_| Truth::True, &unknown))
        }
        _ => None,
    };
    let item = match item {
        Operand::Literal(literal) => Ok(Right::Literal(literal)),
        other => match one(|each| each_operand(other, scope, each)) {
            Found::Value(value) => Ok(Right::Value(value)),
            Found::Absent => Err(Truth::False),
            Found::Begun(_) | Found::Unknown => Err(Truth::Unknown),
        },
    };
    let of_value = |value: &Value<'_>| match (value, &item) {
        (_, Err(known)) => *known,
        (Value::Texts(texts), Ok(item)) => {
            texts.iter().any(|text| equals(&Value::Text(text.clone()), item)).into()
        }
        (Value::Raw(raw), Ok(item)) => match raw.kind() {
            Kind::Object => looked_up().unwrap_or_else(|| has_key(*raw, of, item, scope)),
            _ => raw.elements().any(|element| equals(&Value::Raw(element), item)).into(),
        },
        _ => Truth::False,
    };
    with_each(|each| each_operand(of, scope, each), &|found| match found {
        Found::Value(value) => of_value(value),
        // Which of its keys are left out may be known all the same.
        Found::Unknown => looked_up().unwrap_or(Truth::Unknown),
        Found::Begun(_) | Found::Absent => Truth::False,
    })
}

fn below(field: &Field, key: &str) -> Field {
    let mut field = field.clone();
    if let Field::Logged { steps, .. } | Field::Bound { steps, .. } = &mut field {
        steps.push(Step::Key(key.into()));
    }
    field
}

fn has_key(object: Raw<'_>, of: &Operand, item: &Right<'_, '_>, scope: &Scope<'_, '_>) -> Truth {
    let is = |key: Cow<'_, str>| equals(&Value::Text(key), item);
    if object.members().any(|(key, _)| is(as_go_reads(key))) {
        return Truth::True;
    }
    let lacks = match of {
        Operand::Field(field) => lacks(field, scope),
        Operand::Literal(_) | Operand::Known(_) => LeftOut::Keys(&[]),
    };
    let may_be = match lacks {
        LeftOut::Keys(keys) => keys.iter().any(|key| is((*key).into())),
        LeftOut::Begun(begun) => match item {
            Right::Literal(Literal::Text(text)) => text.starts_with(begun),
            Right::Value(value) => value.text().is_some_and(|text| text.starts_with(begun)),
            Right::Literal(_) => false,
        },
    };
    if may_be { Truth::Unknown } else { Truth::False }
}

fn text_tested(of: &Operand, how: &TextTest, scope: &Scope<'_, '_>) -> Truth {
    let two = |other: &Operand, holds: fn(&str, &str) -> bool, begun: fn(&str, &str) -> Truth| {
        let other = match other {
            Operand::Literal(Literal::Text(text)) => {
                Found::Value(Value::Text(text.as_str().into()))
            }
            other => one(|each| each_operand(other, scope, each)),
        };
        let of_value = |value: &Value<'_>| {
            let of_part = |other: &Value<'_>| match value.text().zip(other.text()) {
                Some((text, part)) => holds(&text, &part).into(),
                None => Truth::False,
            };
            of_value(&other, &of_part, &unknown)
        };
        agreed(of, scope, &of_value, &|text| {
            let of_part =
                |other: &Value<'_>| other.text().map_or(Truth::False, |part| begun(text, &part));
            self::of_value(&other, &of_part, &unknown)
        })
    };
    let alone = |holds: &dyn Fn(&str) -> bool| {
        agreed(of, scope, &|value| value.text().is_some_and(|text| holds(&text)).into(), &unknown)
    };
    match how {
        TextTest::StartsWith(other) => {
            two(other, |text, part| text.starts_with(part), begun::starts_with)
        }
        TextTest::EndsWith(other) => {
            two(other, |text, part| text.ends_with(part), |_, part| begun::ends_with(part))
        }
        TextTest::Contains(other) => two(
            other,
            |text, part| {
                part.len() <= text.len()
                    && memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some()
            },
            begun::contains,
        ),
        TextTest::Matches(regex) => alone(&|text| regex.is_match(text)),
        TextTest::Like(glob) => alone(&|text| glob.fits(text)),
        TextTest::Within(network) => alone(&|text| network.contains(text)),
    }
}

/// Characters of a text, elements of a list, members of an object.
fn size(value: &Value<'_>) -> Option<usize> {
    match value {
        Value::Texts(texts) => Some(texts.len()),
        Value::Raw(raw) if raw.kind() == Kind::List => Some(raw.elements().count()),
        Value::Raw(raw) if raw.kind() == Kind::Object => Some(raw.members().count()),
        other => Some(other.text()?.chars().count()),
    }
}

fn asked_of_each(each: &Each, scope: &Scope<'_, '_>) -> Truth {
    let known: Vec<_> = each.known.iter().map(|question| ask(question, scope)).collect();
    let values: Vec<_> = each.values.iter().map(|operand| held(operand, scope)).collect();
    let ask_element = |element: Element<'_>| {
        ask(
            &each.body,
            &Scope { event: scope.event, element: Some(&element), known: &known, values: &values },
        )
    };
    let fold = |answers: &mut dyn Iterator<Item = Truth>| {
        if each.all { all(answers) } else { any(answers) }
    };
    let body = match &each.range {
        Field::Logged { first, .. } => {
            scope.event.level().is_some() && matches!(&**first, "requestObject" | "responseObject")
        }
        Field::Bound { .. } => scope.element.is_some_and(|element| element.within.body),
        Field::Derived(_) => false,
    };
    let of_list = |(at, value): (usize, Value<'_>)| {
        let within = Within { body, metadata: false };
        let key = Found::Value(Value::Count(at));
        ask_element(Element { key, value: Found::Value(value), within })
    };
    let of_member = |(key, value): (&[u8], Raw<'_>)| {
        let key = as_go_reads(key);
        let within = Within { body, metadata: is_metadata(&key) };
        let key = Found::Value(Value::Text(key));
        let value = if each.keyed { Found::Value(Value::Raw(value)) } else { key.clone() };
        ask_element(Element { key, value, within })
    };
    // A key that may have been there.
    let ask_lacked = |key: Found<'_>| {
        let value = if each.keyed { Found::Unknown } else { key.clone() };
        ask_element(Element { key, value, within: Within { body, metadata: false } })
    };
    // It may not have been there too: what is said of it counts only if that changes nothing.
    let of_lacked = |key: Found<'_>| {
        let answer = ask_lacked(key);
        if answer == Truth::from(each.all) { answer } else { Truth::Unknown }
    };
    let of_elements = |value: &Value<'_>| match value {
        Value::Texts(texts) => {
            fold(&mut texts.iter().cloned().map(Value::Text).enumerate().map(of_list))
        }
        Value::Raw(raw) if raw.kind() == Kind::Object => {
            let (keys, begun) = match lacks(&each.range, scope) {
                LeftOut::Keys(keys) => (keys, None),
                LeftOut::Begun(begun) => (&[][..], Some(Found::Begun(begun))),
            };
            let keys = lacked(*raw, keys).map(|key| Found::Value(Value::Text(key.into())));
            fold(&mut raw.members().map(of_member).chain(keys.chain(begun).map(of_lacked)))
        }
        Value::Raw(raw) if raw.kind() == Kind::List => {
            fold(&mut raw.elements().map(Value::Raw).enumerate().map(of_list))
        }
        _ => Truth::False,
    };
    with_each(|found| each_of(&each.range, scope, found), &|found| match found {
        Found::Value(value) => of_elements(value),
        Found::Absent | Found::Begun(_) => Truth::False,
        Found::Unknown => match lacks(&each.range, scope) {
            // There is none, or each of its keys was left out.
            LeftOut::Begun(begun) => ask_lacked(Found::Begun(begun)).and(Truth::Unknown),
            LeftOut::Keys(_) => Truth::Unknown,
        },
    })
}

/// A value that is held against each element: decoded once, and short enough.
fn held<'e>(operand: &Operand, scope: &Scope<'_, 'e>) -> Found<'e> {
    match one(|each| each_operand(operand, scope, each)) {
        Found::Value(Value::Raw(raw)) => match raw.kind() {
            // It is asked for with each element: it must cost nothing to hand it out.
            Kind::Text => Found::Value(Value::Shared(raw.text().unwrap_or_default().into())),
            Kind::Number if raw.bytes().len() > MAX_NUMBER => Found::Unknown,
            _ => Found::Value(Value::Raw(raw)),
        },
        Found::Value(Value::Text(text)) => Found::Value(Value::Shared(text.into())),
        found => found,
    }
}
