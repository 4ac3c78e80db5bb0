//! The form that all questions of an event have, whoever asks: flags, CEL, rules.

use auditseal_audit::Time;
use regex::Regex;

use crate::derived::Derived;
use crate::glob::Glob;
use crate::network::Network;
use crate::path::Step;

/// A question that is answered yes, no or unknown.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// Always the same.
    Is(bool),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Test(Test),
    Each(Box<Each>),
    /// One that was answered before the elements were gone through: of [`Each::known`].
    Known(usize),
    /// Whether the line's certain time is in a window, both ends included.
    Within {
        since: Option<Time>,
        until: Option<Time>,
    },
}

/// A question of the elements of a list, or of the members of an object.
#[derive(Debug, Clone)]
pub(crate) struct Each {
    /// Whether all must answer yes, or one.
    pub(crate) all: bool,
    pub(crate) range: Field,
    /// How many lists are gone through here: 1 for a question that is in no other's body.
    pub(crate) depth: usize,
    /// Whether keys have a name of their own: else a name stands for an element, or for a key of an object.
    pub(crate) keyed: bool,
    pub(crate) body: Question,
    /// Questions of the body that are the same for each element: answered once, so that the work is a sum and no
    /// product.
    pub(crate) known: Vec<Question>,
    /// Values of the same kind.
    pub(crate) values: Vec<Operand>,
}

/// A question of a value.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Compare {
        left: Operand,
        how: Relation,
        right: Operand,
        times: bool,
    },
    OneOf {
        of: Operand,
        these: Vec<Literal>,
    },
    /// It is an empty text, or isn't there: Kubernetes leaves out what is empty.
    Empty(Operand),
    Present(Operand),
    IsTrue(Operand),
    /// A list has such an element, or an object such a key.
    Has {
        of: Operand,
        item: Operand,
    },
    Text {
        of: Operand,
        how: TextTest,
    },
    Size {
        of: Operand,
        how: Relation,
        than: String,
    },
    /// The time between two times, in microseconds.
    Elapsed {
        later: Operand,
        earlier: Operand,
        how: Relation,
        micros: i64,
    },
}

/// A question of a text.
#[derive(Debug, Clone)]
pub(crate) enum TextTest {
    StartsWith(Operand),
    EndsWith(Operand),
    Contains(Operand),
    Matches(Regex),
    Like(Glob),
    Within(Network),
}

/// How two values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// What is asked about.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Literal(Literal),
    Field(Field),
    /// One that was looked up before the elements were gone through: of [`Each::values`].
    Known(usize),
}

/// A value that the question itself has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    Text(String),
    /// As JSON writes it.
    Number(String),
    Bool(bool),
    Time(Time),
}

/// A field of the event, or of an element that is being gone through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    Logged {
        first: Box<str>,
        steps: Vec<Step>,
    },
    Derived(Derived),
    /// Of an element at this depth (1 for the outermost), or its key.
    Bound {
        depth: usize,
        key: bool,
        steps: Vec<Step>,
    },
}

impl Relation {
    /// Whether an order of two values is this one.
    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// The relation of the other to the one.
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }
}

impl Field {
    /// A field of the event by its names.
    pub(crate) fn logged(first: &str, keys: &[&str]) -> Self {
        let steps = keys.iter().map(|key| Step::Key((*key).into())).collect();
        Self::Logged { first: first.into(), steps }
    }

    /// How many lists are gone through where it has a meaning.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Bound { depth, .. } => *depth,
            Self::Logged { .. } | Self::Derived(_) => 0,
        }
    }
}

impl Operand {
    /// The same of an operand.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Field(field) => field.depth(),
            Self::Literal(_) | Self::Known(_) => 0,
        }
    }
}

impl Test {
    /// All that it asks about.
    pub(crate) fn operands(&mut self) -> Vec<&mut Operand> {
        match self {
            Self::Compare { left, right, .. } => vec![left, right],
            Self::Has { of, item } => vec![of, item],
            Self::Elapsed { later, earlier, .. } => vec![later, earlier],
            Self::Text { of, how } => match how {
                TextTest::StartsWith(other)
                | TextTest::EndsWith(other)
                | TextTest::Contains(other) => vec![of, other],
                TextTest::Matches(_) | TextTest::Like(_) | TextTest::Within(_) => vec![of],
            },
            Self::OneOf { of, .. }
            | Self::Empty(of)
            | Self::Present(of)
            | Self::IsTrue(of)
            | Self::Size { of, .. } => vec![of],
        }
    }
}

impl From<Test> for Question {
    fn from(test: Test) -> Self {
        Self::Test(test)
    }
}

impl std::ops::Not for Question {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Not(question) => *question,
            question => Self::Not(Box::new(question)),
        }
    }
}
