//! Which terms a line has.

use std::collections::BTreeSet;

use crate::line::{Facts, Scanner};
use crate::term::{Term, TermKind, put_values};

/// The least code of an answer that counts as a failure (RFC 9110, 15.5).
const FAILURE: u32 = 400;

/// What an index is told of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTerms {
    /// The line's terms.
    pub terms: BTreeSet<Term>,
    /// Its `auditID`, if that is there and not empty.
    pub audit_id: Option<String>,
}

/// The terms of a line, without its newline. `None`: the line can't be read, and its batch may hold
/// anything.
#[must_use]
pub fn terms_of(line: &[u8]) -> Option<LineTerms> {
    let mut scanner = Scanner::new();
    // A newline in it would end it too early.
    let (taken, ended) = scanner.take(line);
    if ended || taken < line.len() {
        return None;
    }
    let facts = scanner.end()?;
    let (mut terms, mut buffer) = (BTreeSet::new(), Vec::new());
    each_term(&facts, &mut buffer, |term| terms.extend(Term::parse(term)));
    let audit_id = Some(facts.audit_id().to_owned()).filter(|id| !id.is_empty());
    Some(LineTerms { terms, audit_id })
}

/// Hands out the bytes of each of a line's terms, some perhaps twice; `buffer` is what they are written to.
pub(crate) fn each_term(facts: &Facts<'_>, buffer: &mut Vec<u8>, mut each: impl FnMut(&[u8])) {
    let mut term = |kind: TermKind, values: &[&str]| {
        buffer.clear();
        buffer.push(kind.byte());
        put_values(values, buffer);
        each(buffer);
    };
    let ([resource, group, subresource], verb) = (facts.resource(), facts.verb());
    let [namespace, name] = facts.object();
    term(TermKind::Action, &[resource, group, subresource, verb, namespace]);
    for user in facts.users() {
        term(TermKind::Actor, &[resource, group, subresource, verb, user]);
    }
    if !name.is_empty() {
        term(TermKind::Object, &[resource, group, subresource, namespace, name]);
    }
    for address in facts.addresses() {
        term(TermKind::Address, &[address]);
    }
    if let Some(code) = facts.code.filter(|code| *code >= FAILURE) {
        term(TermKind::Failure, &[&code.to_string(), resource, group, subresource, verb]);
    }
}
