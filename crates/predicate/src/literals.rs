//! Bytes that a line must have.

use std::collections::BTreeSet;

use crate::derived::Derived;
use crate::knowledge::{is_metadata, may_be_omitted};
use crate::path::Step;
use crate::plan::Keep;
use crate::question::{Each, Field, Literal, Operand, Question, Relation, Test, TextTest};

/// Shorter ones stand in nearly every line.
const SHORTEST: usize = 3;
/// The most groups: more cost more than they leave out.
const MOST_GROUPS: usize = 8;
/// The most byte strings of a group.
const MOST_OF_A_GROUP: usize = 256;

/// What stands in events that leave something out: a verb, a stage, a level; and how the key ends that tells of
/// truncation, for the `/` before it may be escaped.
const CREATE: &str = "\"create\"";
const PANIC: &str = "\"Panic\"";
const METADATA: &str = "\"Metadata\"";
const TRUNCATED: &str = "truncated\"";

/// Groups of byte strings: of a line that has none of one group the predicate is false.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Literals(Vec<Vec<Vec<u8>>>);

impl Literals {
    /// The groups, of which each needs one of its byte strings. No groups: every line may match.
    pub fn groups(&self) -> impl Iterator<Item = &[Vec<u8>]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// Whether a line has one of each group.
    #[must_use]
    pub fn may_match(&self, line: &[u8]) -> bool {
        let has = |literal: &Vec<u8>| memchr::memmem::find(line, literal).is_some();
        self.0.iter().all(|group| group.iter().any(has))
    }
}

/// What a line must have of which the answer isn't `no`.
pub(crate) fn literals(question: &Question, keep: Keep) -> Literals {
    let mut groups = Finder { keep, known: &[] }.groups(question, true);
    groups.sort_by_key(|group| std::cmp::Reverse(group.rank));
    groups.dedup_by(|a, b| a.all == b.all);
    groups.truncate(MOST_GROUPS);
    Literals(groups.into_iter().map(|group| group.all.into_iter().collect()).collect())
}

/// Byte strings of which a line must have one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    all: BTreeSet<Vec<u8>>,
    /// How much it leaves out. A field's name stands in most lines, however long it is: what is asked of the field
    /// leaves out more. Then, bytes of the shortest one that is meant.
    rank: (bool, usize),
}

impl Group {
    /// A text that must stand in a string or a key. `None`: no part of it stands in the line in one way alone.
    fn of(text: &str) -> Option<Self> {
        let part = fragment(text)?;
        let mut all = BTreeSet::from([part.as_bytes().to_vec()]);
        all.extend(part.bytes().flat_map(escapes));
        Some(Self { all, rank: (true, part.len()) })
    }

    /// The name of a field.
    fn key(name: &str) -> Option<Self> {
        let Self { all, rank: (_, length) } = Self::of(name)?;
        Some(Self { all, rank: (false, length) })
    }

    fn or(mut self, other: Self) -> Self {
        self.all.extend(other.all);
        self.rank = self.rank.min(other.rank);
        self
    }

    /// The same, unless one of these stands in the line: then nothing is known.
    fn unless(mut self, marks: &[&str]) -> Self {
        for mark in marks {
            self.all.insert(mark.as_bytes().to_vec());
            self.all.extend(mark.bytes().filter(u8::is_ascii_alphabetic).flat_map(escapes));
        }
        self
    }
}

/// The longest part of a text whose characters stand in JSON as they are, or as `\u` and four digits.
fn fragment(text: &str) -> Option<&str> {
    let plain =
        |c: char| (' '..='~').contains(&c) && !matches!(c, '"' | '\\' | '/' | '&' | '<' | '>');
    let longest = text.split(|c| !plain(c)).max_by_key(|part| part.len())?;
    (longest.len() >= SHORTEST).then_some(longest)
}

/// How `\u` and four digits begin that stand for a character: letters share a beginning, so that a group stays small.
fn escapes(byte: u8) -> Vec<Vec<u8>> {
    if byte >= 0x40 {
        return vec![format!("\\u00{:x}", byte >> 4).into_bytes()];
    }
    vec![format!("\\u00{byte:02x}").into_bytes(), format!("\\u00{byte:02X}").into_bytes()]
}

struct Finder<'a> {
    keep: Keep,
    known: &'a [Question],
}

impl Finder<'_> {
    /// Groups for lines of which the answer isn't `no`; with `yes` false, of which it isn't `yes`.
    fn groups(&self, question: &Question, yes: bool) -> Vec<Group> {
        match (question, yes) {
            (Question::Not(question), _) => self.groups(question, !yes),
            (Question::All(parts), true) | (Question::Any(parts), false) => {
                parts.iter().flat_map(|part| self.groups(part, yes)).collect()
            }
            (Question::Any(parts), true) | (Question::All(parts), false) => self.one_of(parts, yes),
            (Question::Test(test), true) => self.of_test(test),
            (Question::Each(each), true) => self.of_each(each),
            (Question::Known(at), _) => match self.known.get(*at) {
                // What was taken out of a loop isn't in another one's body.
                Some(question) => Finder { keep: self.keep, known: &[] }.groups(question, yes),
                None => Vec::new(),
            },
            (
                Question::Is(_) | Question::Within { .. } | Question::Test(_) | Question::Each(_),
                _,
            ) => Vec::new(),
        }
    }

    fn one_of(&self, parts: &[Question], yes: bool) -> Vec<Group> {
        let best = |part| self.groups(part, yes).into_iter().max_by_key(|group| group.rank);
        let best: Option<Vec<Group>> = parts.iter().map(best).collect();
        let union = best.and_then(|best| best.into_iter().reduce(Group::or));
        union.into_iter().filter(|group| group.all.len() <= MOST_OF_A_GROUP).collect()
    }

    fn of_each(&self, each: &Each) -> Vec<Group> {
        let Some(marks) = self.marks(&each.range, None) else { return Vec::new() };
        let mut groups: Vec<_> = Group::key(last_key(&each.range)).into_iter().collect();
        // An empty list has nothing in it, and of all of that everything is true; of keys that a policy left out nothing
        // stands in the line.
        if !each.all && !may_lack(&each.range) {
            groups.extend(Finder { keep: self.keep, known: &each.known }.groups(&each.body, true));
        }
        groups.into_iter().map(|group| group.unless(&marks)).collect()
    }

    fn of_test(&self, test: &Test) -> Vec<Group> {
        let Some((field, needles)) = asked(test) else { return Vec::new() };
        let item = match test {
            Test::Has { item: Operand::Literal(Literal::Text(key)), .. } => Some(key.as_str()),
            _ => None,
        };
        let Some(marks) = self.marks(field, item) else { return Vec::new() };
        let values = needles.and_then(|needles| {
            let groups: Option<Vec<_>> = needles.iter().map(|needle| Group::of(needle)).collect();
            groups?.into_iter().reduce(Group::or)
        });
        let values = values.filter(|group| group.all.len() <= MOST_OF_A_GROUP);
        let key = Group::key(last_key(field));
        values.into_iter().chain(key).map(|group| group.unless(&marks)).collect()
    }

    /// Strings that stand in each line that has no such field, and of which it is unknown whether it should. `None`: such
    /// lines can't be told.
    fn marks(&self, field: &Field, item: Option<&str>) -> Option<Vec<&'static str>> {
        let mut marks = Vec::new();
        let (first, steps) = match field {
            Field::Logged { first, steps } => (&**first, steps.as_slice()),
            Field::Bound { steps, .. } => ("", steps.as_slice()),
            Field::Derived(Derived::EffectiveUser) => ("impersonatedUser", &[][..]),
            Field::Derived(Derived::ObjectName) => return Some(vec![CREATE]),
            Field::Derived(_) => return None,
        };
        let omitted = |step: &Step| matches!(step, Step::Key(key) if may_be_omitted(key));
        if steps.iter().any(omitted) || item.is_some_and(may_be_omitted) {
            return None;
        }
        let early = matches!(
            first,
            "responseStatus"
                | "impersonatedUser"
                | "authenticationMetadata"
                | "annotations"
                | "requestObject"
                | "responseObject"
        );
        match first {
            "annotations" => marks.extend([PANIC, METADATA]),
            "requestObject" => marks.extend([PANIC, METADATA, TRUNCATED, "\"Failure\""]),
            "responseObject" => {
                let levels = [METADATA, "\"Request\"", TRUNCATED];
                marks.extend([PANIC, "\"ResponseStarted\""].into_iter().chain(levels));
            }
            "objectRef" => marks.push(CREATE),
            _ => {}
        }
        let later = first == "objectRef" && last_key(field) != "name";
        if later {
            marks.push(PANIC);
        }
        let early = early || later;
        if early && self.keep == Keep::All {
            marks.push("\"RequestReceived\"");
        }
        Some(marks)
    }
}

/// Whether a policy may have left keys out of the object that is gone through: an object's metadata, or a member that is
/// gone through and may be that.
fn may_lack(range: &Field) -> bool {
    match range {
        Field::Logged { steps, .. } | Field::Bound { key: false, steps, .. } => {
            match steps.last() {
                Some(Step::Key(key)) => is_metadata(key),
                Some(Step::Index(_)) => false,
                None => matches!(range, Field::Bound { .. }),
            }
        }
        Field::Bound { .. } | Field::Derived(_) => false,
    }
}

/// The field that a test is about, and texts of which one must stand in it if the answer is yes. `None`: the answer may
/// be yes without the field, or it hangs on two.
fn asked(test: &Test) -> Option<(&Field, Option<Vec<&str>>)> {
    let (of, needles) = match test {
        Test::Empty(_) | Test::Elapsed { .. } => return None,
        Test::Compare { left, how, right, times } => {
            let wanted = literal(right)?;
            let equal = *how == Relation::Equal && !times;
            let needle =
                Some(wanted).filter(|_| equal).and_then(|wanted| Some(vec![text(wanted)?]));
            (left, needle)
        }
        Test::OneOf { of, these } => (of, these.iter().map(text).collect()),
        Test::Has { of, item } => (of, text(literal(item)?).map(|text| vec![text])),
        Test::Text { of, how } => match how {
            TextTest::StartsWith(part) | TextTest::EndsWith(part) | TextTest::Contains(part) => {
                (of, text(literal(part)?).map(|text| vec![text]))
            }
            TextTest::Like(glob) => {
                let longest = glob.parts().filter_map(fragment).max_by_key(|part| part.len());
                (of, longest.map(|part| vec![part]))
            }
            TextTest::Matches(_) | TextTest::Within(_) => (of, None),
        },
        Test::Present(of) | Test::IsTrue(of) | Test::Size { of, .. } => (of, None),
    };
    match of {
        Operand::Field(field) => Some((field, needles)),
        Operand::Literal(_) | Operand::Known(_) => None,
    }
}

fn literal(operand: &Operand) -> Option<&Literal> {
    match operand {
        Operand::Literal(literal) => Some(literal),
        Operand::Field(_) | Operand::Known(_) => None,
    }
}

fn text(literal: &Literal) -> Option<&str> {
    match literal {
        Literal::Text(text) => Some(text),
        Literal::Number(_) | Literal::Bool(_) | Literal::Time(_) => None,
    }
}

/// The last key on the way to a field, which must stand in the line if the field does; empty if there is none.
fn last_key(field: &Field) -> &str {
    let steps = match field {
        Field::Logged { steps, .. } | Field::Bound { steps, .. } => steps.as_slice(),
        Field::Derived(_) => &[],
    };
    let keys = steps.iter().rev().filter_map(|step| match step {
        Step::Key(key) => Some(&**key),
        Step::Index(_) => None,
    });
    keys.into_iter().next().unwrap_or_default()
}
