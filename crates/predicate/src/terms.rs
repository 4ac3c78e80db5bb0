//! Which terms of an index a question is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use auditseal_index::{Lookup, TermField, TermKind};

use crate::derived::Derived;
use crate::json::Decimal;
use crate::path::Step;
use crate::plan::{Check, Keep, Want, pattern};
use crate::question::{Each, Field, Literal, Operand, Question, Relation, Test, TextTest};

/// So many lookups at most stand for one of several values of each field: of more, the terms are gone through.
const MOST_LOOKUPS: usize = 16;
/// The least code of an answer that an index has terms of.
const FAILURE: u32 = 400;

/// What an index has of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Facet {
    Term(TermField),
    AuditId,
}

/// What of it is asked for.
#[derive(Clone)]
enum Set {
    Values(Vec<String>),
    Passes(Check),
}

/// The plan for a question.
pub(crate) fn plan(question: &Question, keep: Keep) -> Lookup {
    Lookupner { keep }.plan(question, true)
}

struct Lookupner {
    keep: Keep,
}

impl Lookupner {
    /// Lines for which the answer isn't `no`; with `yes` false, those for which it isn't `yes`.
    fn plan(&self, question: &Question, yes: bool) -> Lookup {
        match (question, yes) {
            (Question::Is(value), _) if *value == yes => Lookup::Any,
            (Question::Is(_), _) => Lookup::Either(Vec::new()),
            (Question::Not(question), _) => self.plan(question, !yes),
            (Question::Any(questions), true) | (Question::All(questions), false) => {
                match self.constraint(question, yes) {
                    Some(_) => self.every(question, yes),
                    None => {
                        Lookup::one_of(questions.iter().map(|part| self.plan(part, yes)).collect())
                    }
                }
            }
            _ => self.every(question, yes),
        }
    }

    /// The same of what must all hold at once.
    fn every(&self, question: &Question, yes: bool) -> Lookup {
        let (mut plans, mut sets) = (Vec::new(), BTreeMap::<Facet, Vec<Set>>::new());
        let mut parts = vec![(question, yes)];
        while let Some((part, yes)) = parts.pop() {
            if let Some((facet, set)) = self.constraint(part, yes) {
                sets.entry(facet).or_default().push(set);
                continue;
            }
            match (part, yes) {
                (Question::Not(part), _) => parts.push((part, !yes)),
                (Question::All(all), true) | (Question::Any(all), false) => {
                    parts.extend(all.iter().map(|part| (part, yes)));
                }
                (Question::Is(_) | Question::All(_) | Question::Any(_), _) => {
                    plans.push(self.plan(part, yes));
                }
                (
                    Question::Test(_)
                    | Question::Each(_)
                    | Question::Known(_)
                    | Question::Within { .. },
                    _,
                ) => {}
            }
        }
        plans.extend(lookups(&sets));
        Lookup::all_of(plans)
    }

    /// What a question asks of one thing that an index has, if it asks nothing else.
    fn constraint(&self, question: &Question, yes: bool) -> Option<(Facet, Set)> {
        match (question, yes) {
            (Question::Not(question), _) => self.constraint(question, !yes),
            (Question::Any(parts), true) | (Question::All(parts), false) => {
                let (facet, sets) = self.of_one_facet(parts, yes)?;
                Some((facet, united(sets)))
            }
            (Question::All(parts), true) | (Question::Any(parts), false) => {
                let (facet, sets) = self.of_one_facet(parts, yes)?;
                // Of several users or addresses, each part may mean another one.
                (!is_many(facet)).then(|| (facet, shared(&sets)))
            }
            (Question::Test(test), true) => self.asked(test),
            (Question::Test(test), false) => denied(test),
            (Question::Each(each), true) => of_addresses(each),
            _ => None,
        }
    }

    fn of_one_facet(&self, parts: &[Question], yes: bool) -> Option<(Facet, Vec<Set>)> {
        let parts: Option<Vec<_>> = parts.iter().map(|part| self.constraint(part, yes)).collect();
        let parts = parts?;
        let facet = parts.first()?.0;
        let one = parts.iter().all(|(other, _)| *other == facet);
        one.then(|| (facet, parts.into_iter().map(|(_, set)| set).collect()))
    }

    fn asked(&self, test: &Test) -> Option<(Facet, Set)> {
        let (field, facet) = match main(test)? {
            Operand::Field(field) => (field, facet(field)?),
            Operand::Literal(_) | Operand::Known(_) => return None,
        };
        if self.keep == Keep::All && is_early(field) {
            return None;
        }
        if let Test::Empty(_) = test {
            // An object without a name has no term, nor has a user who isn't there.
            let user = *field == Field::logged("user", &["username"]);
            let always = user
                || !matches!(
                    facet,
                    Facet::AuditId
                        | Facet::Term(TermField::Name | TermField::User | TermField::Address)
                );
            return always.then(|| (facet, Set::Values(vec![String::new()])));
        }
        let set = set(test, facet)?;
        // An object with an empty name has no term either.
        let nameless = facet == Facet::Term(TermField::Name) && check(set.clone())("");
        (!nameless).then_some((facet, set))
    }
}

/// A test's answer is no: for fields of which an index has one value each, and of which nothing is ever unknown.
fn denied(test: &Test) -> Option<(Facet, Set)> {
    use TermField::{Group, Namespace, Resource, Subresource, Verb};
    let Operand::Field(field) = main(test)? else { return None };
    let facet = facet(field)?;
    if !matches!(facet, Facet::Term(Resource | Group | Subresource | Verb | Namespace)) {
        return None;
    }
    match test {
        Test::Present(_) => Some((facet, Set::Values(vec![String::new()]))),
        Test::Empty(_) => Some((facet, Set::Passes(Arc::new(|value| !value.is_empty())))),
        _ => {
            let passes = check(set(test, facet)?);
            // What is empty may be absent, and of that each test's answer is no.
            Some((facet, Set::Passes(Arc::new(move |value| value.is_empty() || !passes(value)))))
        }
    }
}

/// What a test is about; none if it is about two things.
fn main(test: &Test) -> Option<&Operand> {
    match test {
        Test::Compare { left, right: Operand::Literal(_), times: false, .. } => Some(left),
        Test::OneOf { of, .. } | Test::Empty(of) | Test::Present(of) => Some(of),
        Test::Has { of, item: Operand::Literal(_) } => Some(of),
        Test::Text { of, how } => match how {
            TextTest::StartsWith(part) | TextTest::EndsWith(part) | TextTest::Contains(part) => {
                matches!(part, Operand::Literal(_)).then_some(of)
            }
            TextTest::Matches(_) | TextTest::Like(_) | TextTest::Within(_) => Some(of),
        },
        Test::Compare { .. }
        | Test::Has { .. }
        | Test::IsTrue(_)
        | Test::Size { .. }
        | Test::Elapsed { .. } => None,
    }
}

fn facet(field: &Field) -> Option<Facet> {
    let (first, steps) = match field {
        Field::Logged { first, steps } => (&**first, steps.as_slice()),
        Field::Derived(Derived::EffectiveUser) => return Some(Facet::Term(TermField::User)),
        Field::Derived(Derived::ObjectName) => return Some(Facet::Term(TermField::Name)),
        Field::Derived(_) | Field::Bound { .. } => return None,
    };
    let term = match (first, steps) {
        ("auditID", []) => return Some(Facet::AuditId),
        ("verb", []) => TermField::Verb,
        ("sourceIPs", [] | [Step::Index(_)]) => TermField::Address,
        ("user" | "impersonatedUser", [Step::Key(key)]) if &**key == "username" => TermField::User,
        ("responseStatus", [Step::Key(key)]) if &**key == "code" => TermField::Code,
        ("objectRef", [Step::Key(key)]) => match &**key {
            "resource" => TermField::Resource,
            "apiGroup" => TermField::Group,
            "subresource" => TermField::Subresource,
            "namespace" => TermField::Namespace,
            "name" => TermField::Name,
            _ => return None,
        },
        _ => return None,
    };
    Some(Facet::Term(term))
}

/// Whether an event of the first stage doesn't have the field yet.
fn is_early(field: &Field) -> bool {
    match field {
        Field::Logged { first, .. } => matches!(&**first, "responseStatus" | "impersonatedUser"),
        Field::Derived(derived) => *derived == Derived::EffectiveUser,
        Field::Bound { .. } => false,
    }
}

fn is_many(facet: Facet) -> bool {
    matches!(facet, Facet::Term(TermField::User | TermField::Address))
}

/// The values for which a test's answer is yes.
fn set(test: &Test, facet: Facet) -> Option<Set> {
    let is_list = matches!(main(test)?, Operand::Field(Field::Logged { first, steps }) if &**first == "sourceIPs" && steps.is_empty());
    if let Test::Has { item: Operand::Literal(Literal::Text(text)), .. } = test {
        return is_list.then(|| Set::Values(vec![text.clone()]));
    }
    if is_list {
        return None;
    }
    let code = facet == Facet::Term(TermField::Code);
    values(test, code).map(Set::Values).or_else(|| Some(Set::Passes(passes(test, code)?)))
}

/// The values themselves, if it is about some.
fn values(test: &Test, numbers: bool) -> Option<Vec<String>> {
    let value = |literal: &Literal| match literal {
        Literal::Text(text) if !numbers => Some(text.clone()),
        // As an index has it: another spelling of the number is compared.
        Literal::Number(number) if numbers && number.parse::<u32>().is_ok() => Some(number.clone()),
        _ => None,
    };
    match test {
        Test::Compare { how: Relation::Equal, right: Operand::Literal(literal), .. } => {
            Some(vec![value(literal)?])
        }
        Test::OneOf { these, .. } => these.iter().map(value).collect(),
        _ => None,
    }
}

/// Whether a test's answer is yes for a value.
fn passes(test: &Test, numbers: bool) -> Option<Check> {
    let literal = |operand: &Operand| match operand {
        Operand::Literal(Literal::Text(text)) => Some(text.clone()),
        _ => None,
    };
    Some(match test {
        Test::Compare { how, right: Operand::Literal(Literal::Number(than)), .. } if numbers => {
            let (how, than) = (*how, than.clone());
            Arc::new(move |value| how.holds(Decimal::new(value).compare(&Decimal::new(&than))))
        }
        Test::Compare { how, right: Operand::Literal(Literal::Text(than)), .. } if !numbers => {
            let (how, than) = (*how, than.clone());
            Arc::new(move |value| how.holds(value.cmp(than.as_str())))
        }
        Test::OneOf { these, .. } if numbers => {
            let these = these.clone();
            Arc::new(move |value| {
                these.iter().any(|one| match one {
                    Literal::Number(one) => Decimal::new(value).compare(&Decimal::new(one)).is_eq(),
                    _ => false,
                })
            })
        }
        Test::Text { how, .. } if !numbers => match how {
            TextTest::StartsWith(part) => {
                let part = literal(part)?;
                Arc::new(move |value| value.starts_with(&part))
            }
            TextTest::EndsWith(part) => {
                let part = literal(part)?;
                Arc::new(move |value| value.ends_with(&part))
            }
            TextTest::Contains(part) => {
                let part = literal(part)?;
                Arc::new(move |value| value.contains(&part))
            }
            TextTest::Matches(regex) => {
                let regex = regex.clone();
                Arc::new(move |value| regex.is_match(value))
            }
            TextTest::Like(glob) if glob.plain().is_some() => {
                let plain = glob.plain()?.to_owned();
                Arc::new(move |value| value == plain)
            }
            TextTest::Like(glob) => {
                let glob = glob.clone();
                Arc::new(move |value| glob.fits(value))
            }
            TextTest::Within(network) => {
                let network = *network;
                Arc::new(move |value| network.contains(value))
            }
        },
        _ => return None,
    })
}

/// One of the source addresses is so.
fn of_addresses(each: &Each) -> Option<(Facet, Set)> {
    let addresses = Field::logged("sourceIPs", &[]);
    if each.all || each.keyed || each.range != addresses {
        return None;
    }
    Some((Facet::Term(TermField::Address), of_element(&each.body)?))
}

fn of_element(body: &Question) -> Option<Set> {
    match body {
        Question::Test(test) => match main(test)? {
            Operand::Field(Field::Bound { key: false, steps, .. }) if steps.is_empty() => {
                values(test, false)
                    .map(Set::Values)
                    .or_else(|| Some(Set::Passes(passes(test, false)?)))
            }
            _ => None,
        },
        Question::Any(parts) => Some(united(parts.iter().map(of_element).collect::<Option<_>>()?)),
        Question::All(parts) => {
            Some(shared(&parts.iter().map(of_element).collect::<Option<Vec<_>>>()?))
        }
        _ => None,
    }
}

fn check(set: Set) -> Check {
    match set {
        Set::Passes(check) => check,
        Set::Values(values) => Arc::new(move |value| values.iter().any(|one| one == value)),
    }
}

/// What is in any of these.
fn united(sets: Vec<Set>) -> Set {
    if sets.iter().all(|set| matches!(set, Set::Values(_))) {
        let values = sets.into_iter().flat_map(|set| match set {
            Set::Values(values) => values,
            Set::Passes(_) => Vec::new(),
        });
        return Set::Values(values.collect());
    }
    let checks: Vec<_> = sets.into_iter().map(check).collect();
    Set::Passes(Arc::new(move |value| checks.iter().any(|check| check(value))))
}

/// What is in each of these.
fn shared(sets: &[Set]) -> Set {
    let checks: Vec<_> = sets.iter().cloned().map(check).collect();
    let passes = move |value: &str| checks.iter().all(|check| check(value));
    let listed = sets.iter().find_map(|set| match set {
        Set::Values(values) => Some(values),
        Set::Passes(_) => None,
    });
    match listed {
        Some(values) => Set::Values(values.iter().filter(|value| passes(value)).cloned().collect()),
        None => Set::Passes(Arc::new(passes)),
    }
}

/// The lookups for what must all hold at once.
fn lookups(sets: &BTreeMap<Facet, Vec<Set>>) -> Vec<Lookup> {
    use TermField::{Code, Name, Namespace, Subresource, User, Verb};
    let mut found = Vec::new();
    let one = |field: TermField| sets.get(&Facet::Term(field)).map(|sets| shared(sets));
    let own = |field: TermField| (!is_many(Facet::Term(field))).then(|| one(field)).flatten();
    let with = |kind: TermKind, own_field: Option<(TermField, Set)>| {
        let fields = kind.fields().iter();
        let wants: Vec<_> = fields
            .filter_map(|field| match &own_field {
                Some((given, set)) if given == field => Some((*field, set.clone())),
                _ => own(*field).map(|set| (*field, set)),
            })
            .collect();
        terms(kind, &wants)
    };
    let is_fit = |set: Option<Set>, value: &str| set.is_none_or(|set| check(set)(value));
    if own(Name).is_some() {
        let named = with(TermKind::Object, None);
        // What is created may get its name later: the event then has none.
        let may_be_made = is_fit(own(Verb), "create") && is_fit(own(Subresource), "");
        found.push(if may_be_made { Lookup::one_of(vec![named, created(&own)]) } else { named });
    }
    for set in sets.get(&Facet::Term(User)).into_iter().flatten() {
        found.push(with(TermKind::Actor, Some((User, set.clone()))));
    }
    for set in sets.get(&Facet::Term(TermField::Address)).into_iter().flatten() {
        found.push(with(TermKind::Address, Some((TermField::Address, set.clone()))));
    }
    if let Some(codes) = one(Code) {
        let codes = check(codes);
        // An index has terms of failures alone.
        if !(0..FAILURE).any(|code| codes(&code.to_string())) {
            found.push(with(TermKind::Failure, None));
        }
    }
    let asked = |fields: &[TermField]| fields.iter().any(|field| own(*field).is_some());
    let has = |field: TermField| sets.contains_key(&Facet::Term(field));
    // What a namespace and a verb are together, no other term says.
    let covered = !asked(&[Namespace]) && (has(User) || has(Code) && !found.is_empty())
        || has(Name) && !asked(&[Verb]);
    if asked(TermKind::Action.fields()) && !covered {
        found.push(with(TermKind::Action, None));
    }
    if let Some(Set::Values(ids)) = sets.get(&Facet::AuditId).map(|sets| shared(sets))
        && ids.iter().all(|id| !id.is_empty())
    {
        found.push(Lookup::one_of(ids.into_iter().map(Lookup::AuditId).collect()));
    }
    found
}

/// Creations of objects of which the name isn't known.
fn created(own: &dyn Fn(TermField) -> Option<Set>) -> Lookup {
    use TermField::{Group, Namespace, Resource, Subresource, Verb};
    let of = |field: TermField| match field {
        Verb => Some(Set::Values(vec!["create".to_owned()])),
        Subresource => Some(Set::Values(vec![String::new()])),
        Resource | Group | Namespace => own(field),
        _ => None,
    };
    let fields = TermKind::Action.fields().iter();
    let wants: Vec<_> = fields.filter_map(|field| Some((*field, of(*field)?))).collect();
    terms(TermKind::Action, &wants)
}

/// Lookups of terms of a kind of which these fields are so: one for each combination of values, if they are few.
fn terms(kind: TermKind, wants: &[(TermField, Set)]) -> Lookup {
    let mut all: Vec<Vec<(TermField, Want)>> = vec![Vec::new()];
    for (field, set) in wants {
        match set {
            Set::Values(values) if all.len() * values.len() <= MOST_LOOKUPS => {
                let with = |wants: &Vec<(TermField, Want)>, value: &String| {
                    let mut wants = wants.clone();
                    wants.push((*field, Want::Is(value.clone())));
                    wants
                };
                all = all
                    .iter()
                    .flat_map(|wants| values.iter().map(move |value| with(wants, value)))
                    .collect();
            }
            set => {
                let check = check(set.clone());
                all.iter_mut()
                    .for_each(|wants| wants.push((*field, Want::Passes(Arc::clone(&check)))));
            }
        }
    }
    Lookup::one_of(all.into_iter().map(|wants| Lookup::Term(pattern(kind, wants))).collect())
}
