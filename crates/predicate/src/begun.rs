//! A text of which only the beginning is known: a key that a level may have left out. What is said of it holds
//! however it goes on.

use crate::json::Decimal;
use crate::moment::time_of;
use crate::question::{Literal, Relation};
use crate::truth::Truth;

/// Whether it stands so to a value.
pub(crate) fn compared(begun: &str, how: Relation, right: &Literal) -> Truth {
    match right {
        Literal::Text(text) if text.starts_with(begun) => match how {
            // What the text begins with, or the text itself: whatever begins so is at least that.
            Relation::Less if text == begun => Truth::False,
            Relation::AtLeast if text == begun => Truth::True,
            _ => Truth::Unknown,
        },
        // They differ in what is known of it, or it is longer.
        Literal::Text(text) => how.holds(begun.cmp(text.as_str())).into(),
        Literal::Time(_) => time(begun),
        // A text is no number.
        Literal::Number(_) | Literal::Bool(_) => Truth::False,
    }
}

/// Whether it is a time that fits.
pub(crate) fn time(begun: &str) -> Truth {
    // A time's first byte is a digit.
    let none = begun.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    debug_assert!(!none || time_of(begun).is_none());
    if none { Truth::False } else { Truth::Unknown }
}

pub(crate) fn starts_with(begun: &str, part: &str) -> Truth {
    match (begun.starts_with(part), part.starts_with(begun)) {
        (true, _) => Truth::True,
        (false, true) => Truth::Unknown,
        (false, false) => Truth::False,
    }
}

pub(crate) fn ends_with(part: &str) -> Truth {
    if part.is_empty() { Truth::True } else { Truth::Unknown }
}

pub(crate) fn contains(begun: &str, part: &str) -> Truth {
    if begun.contains(part) { Truth::True } else { Truth::Unknown }
}

/// Whether its size is so.
pub(crate) fn size(begun: &str, how: Relation, than: &str) -> Truth {
    sized(begun.chars().count(), None, how, than)
}

/// Whether a size between these two is so; `None`: there is no most.
pub(crate) fn sized(least: usize, most: Option<usize>, how: Relation, than: &str) -> Truth {
    let than = Decimal::new(than);
    let is = |size: usize, how: Relation| how.holds(Decimal::new(&size.to_string()).compare(&than));
    let of_most = |how: Relation| most.is_some_and(|most| is(most, how));
    let (all, some) = match how {
        Relation::Less => (of_most(how), is(least, how)),
        Relation::AtMost => (of_most(how), is(least, how)),
        Relation::Greater => (is(least, how), most.is_none() || of_most(how)),
        Relation::AtLeast => (is(least, how), most.is_none() || of_most(how)),
        Relation::Equal => (
            most == Some(least) && is(least, how),
            is(least, Relation::AtMost) && (most.is_none() || of_most(Relation::AtLeast)),
        ),
    };
    match (all, some) {
        (true, _) => Truth::True,
        (false, true) => Truth::Unknown,
        (false, false) => Truth::False,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOW: [Relation; 5] =
        [Relation::Equal, Relation::Less, Relation::AtMost, Relation::Greater, Relation::AtLeast];

    proptest! {
        /// Whatever it is that begins so, its own answer is never the opposite.
        #[test]
        fn what_is_said_holds_however_it_goes_on(begun in "[ab2]{0,3}", rest in "[ab2]{0,3}", other in "[ab2]{0,4}") {
            let whole = format!("{begun}{rest}");
            let agrees = |said: Truth, is: bool| said == Truth::Unknown || said == is.into();
            for how in HOW {
                let said = compared(&begun, how, &Literal::Text(other.clone()));
                prop_assert!(agrees(said, how.holds(whole.cmp(&other))), "{begun} {how:?} {other}");
                let than = other.len();
                let said = size(&begun, how, &than.to_string());
                prop_assert!(agrees(said, how.holds(whole.len().cmp(&than))), "{begun} {how:?} {than}");
            }
            prop_assert!(agrees(starts_with(&begun, &other), whole.starts_with(&other)));
            prop_assert!(agrees(ends_with(&other), whole.ends_with(&other)));
            prop_assert!(agrees(contains(&begun, &other), whole.contains(&other)));
        }

        #[test]
        fn a_size_between_two_is_so_if_each_is(least in 0..6_usize, more in 0..4_usize, than in 0..9_usize) {
            for how in HOW {
                let answers: Vec<bool> = (least..=least + more).map(|size| how.holds(size.cmp(&than))).collect();
                let expected = match (answers.iter().all(|yes| *yes), answers.iter().any(|yes| *yes)) {
                    (true, _) => Truth::True,
                    (_, true) => Truth::Unknown,
                    _ => Truth::False,
                };
                prop_assert_eq!(sized(least, Some(least + more), how, &than.to_string()), expected);
            }
        }
    }

    #[test]
    fn what_is_known_of_it_decides() {
        let text = |how, text: &str| compared("patch.", how, &Literal::Text(text.to_owned()));
        assert_eq!(text(Relation::Equal, "patch.a"), Truth::Unknown);
        assert_eq!(text(Relation::Equal, "other"), Truth::False);
        assert_eq!(text(Relation::Less, "z"), Truth::True);
        assert_eq!(text(Relation::Less, "patch."), Truth::False);
        assert_eq!(text(Relation::AtLeast, "patch."), Truth::True);
        assert_eq!(starts_with("patch.", "pat"), Truth::True);
        assert_eq!(starts_with("patch.", "patch.x"), Truth::Unknown);
        assert_eq!(starts_with("patch.", "pod"), Truth::False);
        assert_eq!(contains("patch.", "tch"), Truth::True);
        assert_eq!(contains("patch.", "x"), Truth::Unknown);
        assert_eq!((time("patch."), time("")), (Truth::False, Truth::Unknown));
        assert_eq!(
            compared("patch.", Relation::Equal, &Literal::Number("1".to_owned())),
            Truth::False
        );
    }
}
