//! Words into a tree.

use super::Refused;
use super::lexer::{Placed, Word, words};

/// The longest text, in bytes.
const MAX_TEXT: usize = 16_384;
/// How deep expressions may be nested, `a.b.c` being three deep; each costs a call on the way through the tree.
const MAX_DEPTH: usize = 64;
/// Words that CEL keeps for itself.
const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "in",
];

/// An expression and the byte at which it begins; of an operator between two, the byte of the operator, and of a call of
/// something, that of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expr {
    pub(crate) at: usize,
    pub(crate) node: Node,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Text(String),
    /// As JSON writes it, with its sign.
    Number(String),
    Bool(bool),
    Null,
    Name(String),
    List(Vec<Expr>),
    /// `a.b`
    Select(Box<Expr>, String),
    /// `a[b]`
    Index(Box<Expr>, Box<Expr>),
    /// `f(…)` and `a.f(…)`
    Call(Option<Box<Expr>>, String, Vec<Expr>),
    Not(Box<Expr>),
    /// `a && b && …`
    All(Vec<Expr>),
    /// `a || b || …`
    Any(Vec<Expr>),
    /// `a ? b : c`
    Choice(Box<[Expr; 3]>),
    Binary(Operator, Box<[Expr; 2]>),
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    Minus,
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<Placed>,
    at: usize,
    depth: usize,
}

/// Reads an expression.
///
/// # Errors
/// [`Refused`] for what isn't CEL, for arithmetic, maps and messages, and beyond the bounds.
pub(crate) fn parse(text: &str) -> Result<Expr, Refused> {
    if text.len() > MAX_TEXT {
        let why = format!("the expression is longer than {MAX_TEXT} bytes");
        return Err(Refused::at(text, MAX_TEXT, why));
    }
    let words = words(text).map_err(|(at, why)| Refused::at(text, at, why))?;
    let mut parser = Parser { text, words, at: 0, depth: 0 };
    let whole = parser.choice()?;
    match parser.word() {
        Word::End => Ok(whole),
        other => parser.refuse(format!("{} stands behind a whole expression", name_of(other))),
    }
}

fn name_of(word: &Word) -> String {
    match word {
        Word::Name(name) => format!("`{name}`"),
        Word::Text(_) => "a string".to_owned(),
        Word::Number(_) => "a number".to_owned(),
        Word::Sign(sign) => format!("`{sign}`"),
        Word::End => "the end".to_owned(),
    }
}

impl Parser<'_> {
    fn word(&self) -> &Word {
        self.words.get(self.at).map_or(&Word::End, |(_, word)| word)
    }

    fn place(&self) -> usize {
        self.words.get(self.at).map_or(self.text.len(), |(at, _)| *at)
    }

    fn refuse<T>(&self, why: impl Into<String>) -> Result<T, Refused> {
        Err(Refused::at(self.text, self.place(), why))
    }

    fn takes(&mut self, sign: &str) -> bool {
        let taken = matches!(self.word(), Word::Sign(found) if *found == sign);
        self.at += usize::from(taken);
        taken
    }

    fn must(&mut self, sign: &str) -> Result<(), Refused> {
        if self.takes(sign) {
            return Ok(());
        }
        self.refuse(format!("`{sign}` was expected, not {}", name_of(self.word())))
    }

    fn deeper<T>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        if self.depth == MAX_DEPTH {
            return self.refuse(format!("nested deeper than {MAX_DEPTH}"));
        }
        self.depth += 1;
        let part = part(self);
        self.depth -= 1;
        part
    }

    fn choice(&mut self) -> Result<Expr, Refused> {
        self.deeper(|parser| {
            let condition = parser.several("||", Self::all, Node::Any)?;
            let at = parser.place();
            if !parser.takes("?") {
                return Ok(condition);
            }
            let yes = parser.several("||", Self::all, Node::Any)?;
            parser.must(":")?;
            let no = parser.choice()?;
            Ok(Expr { at, node: Node::Choice(Box::new([condition, yes, no])) })
        })
    }

    fn all(&mut self) -> Result<Expr, Refused> {
        self.several("&&", Self::relation, Node::All)
    }

    /// One part, or several with a sign between them.
    fn several(
        &mut self,
        sign: &str,
        part: fn(&mut Self) -> Result<Expr, Refused>,
        node: fn(Vec<Expr>) -> Node,
    ) -> Result<Expr, Refused> {
        let first = part(self)?;
        let at = self.place();
        let mut parts = vec![first];
        while self.takes(sign) {
            parts.push(part(self)?);
        }
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ => Ok(Expr { at, node: node(parts) }),
        }
    }

    fn relation(&mut self) -> Result<Expr, Refused> {
        let left = self.difference()?;
        let at = self.place();
        let Some(operator) = self.operator() else { return Ok(left) };
        self.at += 1;
        let right = self.difference()?;
        if self.operator().is_some() {
            return self.refuse("comparisons in a row: write `a < b && b < c`");
        }
        Ok(Expr { at, node: Node::Binary(operator, Box::new([left, right])) })
    }

    fn operator(&self) -> Option<Operator> {
        match self.word() {
            Word::Sign("==") => Some(Operator::Equal),
            Word::Sign("!=") => Some(Operator::Unequal),
            Word::Sign("<") => Some(Operator::Less),
            Word::Sign("<=") => Some(Operator::AtMost),
            Word::Sign(">") => Some(Operator::Greater),
            Word::Sign(">=") => Some(Operator::AtLeast),
            Word::Name(name) if name == "in" => Some(Operator::In),
            _ => None,
        }
    }

    /// `a - b` is the only arithmetic there is: the time between two times.
    fn difference(&mut self) -> Result<Expr, Refused> {
        let left = self.unary()?;
        let at = self.place();
        match self.word() {
            Word::Sign("-") => {
                self.at += 1;
                let right = self.unary()?;
                Ok(Expr { at, node: Node::Binary(Operator::Minus, Box::new([left, right])) })
            }
            Word::Sign("+" | "*" | "/" | "%") => {
                self.refuse("arithmetic can't be asked of an event (a key with `/` or `-` is written annotations['a.b/c'])")
            }
            _ => Ok(left),
        }
    }

    fn unary(&mut self) -> Result<Expr, Refused> {
        let at = self.place();
        if self.takes("!") {
            let of = self.deeper(Self::unary)?;
            return Ok(Expr { at, node: Node::Not(Box::new(of)) });
        }
        if self.takes("-") {
            let Word::Number(number) = self.word() else {
                return self.refuse("`-` stands before numbers only");
            };
            let node = Node::Number(format!("-{number}"));
            self.at += 1;
            return Ok(Expr { at, node });
        }
        self.member()
    }

    fn member(&mut self) -> Result<Expr, Refused> {
        let mut expr = self.primary()?;
        let mut steps = 0;
        loop {
            if self.takes(".") {
                let place = self.place();
                let Word::Name(name) = self.word().clone() else {
                    return self.refuse(format!(
                        "a name was expected behind `.`, not {}",
                        name_of(self.word())
                    ));
                };
                self.at += 1;
                let (start, of) = (expr.at, Box::new(expr));
                expr = if self.takes("(") {
                    Expr { at: place, node: Node::Call(Some(of), name, self.arguments(")")?) }
                } else {
                    Expr { at: start, node: Node::Select(of, name) }
                };
            } else if self.takes("[") {
                let index = self.choice()?;
                self.must("]")?;
                expr = Expr { at: expr.at, node: Node::Index(Box::new(expr), Box::new(index)) };
            } else {
                return Ok(expr);
            }
            steps += 1;
            if steps + self.depth > MAX_DEPTH {
                return self.refuse(format!("nested deeper than {MAX_DEPTH}"));
            }
        }
    }

    /// Expressions with commas between them, up to a closing bracket; a last comma is allowed.
    fn arguments(&mut self, close: &str) -> Result<Vec<Expr>, Refused> {
        let mut all = Vec::new();
        while !self.takes(close) {
            all.push(self.choice()?);
            if !self.takes(",") {
                self.must(close)?;
                break;
            }
        }
        Ok(all)
    }

    fn primary(&mut self) -> Result<Expr, Refused> {
        let (at, word) = (self.place(), self.word().clone());
        self.at += 1;
        let node = match word {
            Word::Text(text) => Node::Text(text),
            Word::Number(number) => Node::Number(number),
            Word::Sign("(") => {
                let inner = self.choice()?;
                self.must(")")?;
                return Ok(inner);
            }
            Word::Sign("[") => Node::List(self.arguments("]")?),
            Word::Sign("{") => {
                self.at -= 1;
                return self.refuse("maps can't be asked for: compare their members");
            }
            Word::Name(name) => match name.as_str() {
                "true" => Node::Bool(true),
                "false" => Node::Bool(false),
                "null" => Node::Null,
                reserved if RESERVED.contains(&reserved) => {
                    self.at -= 1;
                    return self.refuse(format!("`{reserved}` is a word of CEL's own"));
                }
                _ if self.takes("(") => Node::Call(None, name, self.arguments(")")?),
                _ => Node::Name(name),
            },
            Word::Sign(_) | Word::End => {
                self.at -= 1;
                return self.refuse(format!("a value was expected, not {}", name_of(&word)));
            }
        };
        Ok(Expr { at, node })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_bind_as_in_cel() {
        let same = [
            ("a || b && c", "a || (b && c)"),
            ("!a && b", "(!a) && b"),
            ("a == b && c in d", "(a == b) && (c in d)"),
            ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
            ("!a.b[0].c(1)", "!(((a.b)[0]).c(1))"),
            ("a - b < c", "(a - b) < c"),
        ];
        fn shape(expr: &Expr) -> String {
            let all = |all: &[Expr]| all.iter().map(shape).collect::<Vec<_>>().join(" ");
            match &expr.node {
                Node::Not(of) => format!("(! {})", shape(of)),
                Node::All(parts) => format!("(&& {})", all(parts)),
                Node::Any(parts) => format!("(|| {})", all(parts)),
                Node::Choice(parts) => format!("(? {})", all(&parts[..])),
                Node::Binary(operator, parts) => format!("({operator:?} {})", all(&parts[..])),
                Node::Select(of, name) => format!("(. {} {name})", shape(of)),
                Node::Index(of, index) => format!("([] {} {})", shape(of), shape(index)),
                Node::Call(of, name, parts) => {
                    format!(
                        "({name} {} {})",
                        of.as_deref().map(shape).unwrap_or_default(),
                        all(parts)
                    )
                }
                other => format!("{other:?}"),
            }
        }
        for (short, long) in same {
            assert_eq!(shape(&parse(short).unwrap()), shape(&parse(long).unwrap()), "{short}");
        }
        assert_eq!(shape(&parse("a && b && c").unwrap()).matches("&&").count(), 1, "one list");
    }

    #[test]
    fn what_is_not_cel_is_refused_where_it_is() {
        for (text, at, why) in [
            ("", 0, "a value was expected, not the end"),
            ("a &&", 4, "a value was expected, not the end"),
            ("a b", 2, "`b` stands behind a whole expression"),
            ("(a", 2, "`)` was expected, not the end"),
            ("a.1", 2, "a name was expected behind `.`"),
            ("a[1", 3, "`]` was expected"),
            ("f(a", 3, "`)` was expected"),
            ("a ? b", 5, "`:` was expected"),
            ("a < b < c", 6, "comparisons in a row"),
            ("annotations.a/b == 'c'", 13, "annotations['a.b/c']"),
            ("{'a': 1}", 0, "maps"),
            ("for == 1", 0, "CEL's own"),
            ("-a", 1, "numbers only"),
            ("a == -'x'", 6, "numbers only"),
        ] {
            let refused = parse(text).unwrap_err();
            assert_eq!(refused.offset, at, "{text}: {refused}");
            assert!(refused.why.contains(why), "{text}: {refused}");
        }
        let refused = parse("verb == 'x' &&\n  é").unwrap_err();
        assert_eq!((refused.line, refused.column, refused.offset), (2, 3, 17));
        assert!(refused.to_string().starts_with("line 2, column 3: "));
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let long = |length: usize| format!("a == '{}'", "x".repeat(length - 7));
        assert!(parse(&long(MAX_TEXT)).is_ok());
        assert!(parse(&long(MAX_TEXT + 1)).unwrap_err().why.contains("longer than"));
        let deep = [
            |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n)),
            |n: usize| format!("{}a", "!".repeat(n)),
            |n: usize| format!("a{}", ".b".repeat(n)),
            |n: usize| format!("a{}", "[0]".repeat(n)),
            |n: usize| format!("{}a{}", "[".repeat(n), "]".repeat(n)),
            |n: usize| format!("{}a{}", "a[".repeat(n), "]".repeat(n)),
            |n: usize| format!("{}a", "a?a:".repeat(n)),
            |n: usize| format!("{}a{}", "f(".repeat(n), ")".repeat(n)),
        ];
        for nested in deep {
            assert!(parse(&nested(MAX_DEPTH - 2)).is_ok());
            for depth in [MAX_DEPTH + 1, 4000] {
                let refused = parse(&nested(depth)).unwrap_err();
                assert!(refused.why.contains("deeper than 64"), "{refused}");
            }
        }
        assert!(parse(&vec!["a"; 4000].join("||")).is_ok(), "a row isn't nested");
    }
}
