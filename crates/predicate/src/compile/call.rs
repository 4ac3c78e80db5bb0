//! Calls that answer yes or no.

use regex::RegexBuilder;

use super::{Compiler, MAX_REGEXES, Typed};
use crate::network::Network;
use crate::question::{Literal, Operand, Question, Test, TextTest};
use crate::syntax::{Expr, Node, Refused};

/// The memory of a regular expression, compiled, and of what it finds out while it runs, in bytes each.
const REGEX_SIZE: usize = 256 << 10;
/// How deep a regular expression may be nested.
const REGEX_DEPTH: u32 = 64;

impl Compiler<'_> {
    pub(super) fn call(
        &mut self,
        at: usize,
        of: Option<&Expr>,
        name: &str,
        arguments: &[Expr],
    ) -> Result<Question, Refused> {
        match (of, name, arguments) {
            (None, "has", [field]) => match &field.node {
                Node::Select(..) => Ok(Test::Present(Operand::Field(self.field(field)?.field)).into()),
                Node::Index(..) => {
                    self.refuse(field.at, "has() takes a.b; for a key in quotes, write 'key' in a")
                }
                _ => self.refuse(field.at, "has() takes a field in an object: has(objectRef.name)"),
            },
            (Some(of), "startsWith" | "endsWith" | "contains", [part]) => self.part_of(at, of, name, part),
            (Some(of), "matches", [pattern]) | (None, "matches", [of, pattern]) => self.matches(of, pattern),
            (Some(of), "exists" | "all", names) => self.each(at, of, name == "all", names),
            (Some(of), "containsIP", [address]) => self.in_network(of, address),
            (_, "exists_one" | "existsOne" | "filter" | "map" | "transformList" | "transformMap", _) => {
                self.refuse(at, format!("`{name}` can't be asked: there are .exists(x, …) and .all(x, …)"))
            }
            (_, "lowerAscii" | "upperAscii" | "replace" | "split" | "find", _) => self.refuse(
                at,
                format!("`{name}` can't be asked; without regard to case: .matches('(?i)^text$')"),
            ),
            (_, "size" | "timestamp" | "duration" | "cidr" | "ip", _) => {
                self.refuse(at, format!("`{name}` is neither true nor false: compare it"))
            }
            (_, "has" | "startsWith" | "endsWith" | "contains" | "matches" | "containsIP", _) => {
                self.refuse(at, format!("`{name}` isn't called like this: see docs/query-language.md"))
            }
            _ => self.refuse(
                at,
                format!(
                    "no function is called `{name}`: there are has, size, timestamp, duration, startsWith, endsWith, \
                     contains, matches, exists, all and cidr('…').containsIP"
                ),
            ),
        }
    }

    fn part_of(
        &mut self,
        at: usize,
        of: &Expr,
        name: &str,
        part: &Expr,
    ) -> Result<Question, Refused> {
        let of = self.texts_field(of)?;
        let part = match &part.node {
            Node::Text(text) => Operand::Literal(Literal::Text(text.clone())),
            _ => Operand::Field(self.texts_field(part)?.field),
        };
        if part.depth() > of.field.depth() {
            return self.refuse(at, super::loops::PRODUCT);
        }
        let how = match name {
            "startsWith" => TextTest::StartsWith(part),
            "endsWith" => TextTest::EndsWith(part),
            _ => TextTest::Contains(part),
        };
        Ok(text_test(of, how))
    }

    fn matches(&mut self, of: &Expr, pattern: &Expr) -> Result<Question, Refused> {
        let of = self.texts_field(of)?;
        let Node::Text(text) = &pattern.node else {
            return self.refuse(pattern.at, "a regular expression is a string");
        };
        self.regexes += 1;
        if self.regexes > MAX_REGEXES {
            return self.refuse(pattern.at, format!("more than {MAX_REGEXES} regular expressions"));
        }
        let mut builder = RegexBuilder::new(text);
        builder.size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE).nest_limit(REGEX_DEPTH);
        match builder.build() {
            Ok(regex) => Ok(text_test(of, TextTest::Matches(regex))),
            Err(error) => {
                // Of several lines with a drawing, the last says what it is.
                let words = error.to_string();
                let last = words.lines().last().unwrap_or_default();
                let why = last.strip_prefix("error: ").unwrap_or(last);
                self.refuse(pattern.at, format!("not a regular expression that can be used: {why}"))
            }
        }
    }

    /// `cidr('10.0.0.0/8').containsIP(field)`, as Kubernetes' library spells it.
    fn in_network(&mut self, of: &Expr, address: &Expr) -> Result<Question, Refused> {
        let network = match &of.node {
            Node::Call(None, name, arguments) if name == "cidr" => match arguments.as_slice() {
                [Expr { node: Node::Text(text), at }] => match Network::parse(text) {
                    Some(network) => network,
                    None => {
                        return self
                            .refuse(*at, "not a network: write 10.0.0.0/8 or 2001:db8::/32");
                    }
                },
                _ => return self.refuse(of.at, "cidr() takes one string"),
            },
            _ => return self.refuse(of.at, "write cidr('10.0.0.0/8').containsIP(address)"),
        };
        let address = match &address.node {
            Node::Call(None, name, arguments) if name == "ip" && arguments.len() == 1 => {
                &arguments[0]
            }
            _ => address,
        };
        Ok(text_test(self.texts_field(address)?, TextTest::Within(network)))
    }
}

fn text_test(of: Typed, how: TextTest) -> Question {
    Test::Text { of: Operand::Field(of.field), how }.into()
}
