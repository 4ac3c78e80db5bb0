//! How far a chain is handed over.

use std::fmt;
use std::str::FromStr;

use auditseal_format::{Date, SealId};

/// How far a chain is handed over to a sink. Its text is `SEQ:HASH DATE all` or `SEQ:HASH DATE LINES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The seal that it stands in or behind.
    pub seal: SealId,
    /// The date in the key of what is read next: of the seal behind it, or of this one.
    pub date: Date,
    /// So many of its lines are handed over; `None`: all of them.
    pub lines: Option<u64>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.seal, self.date)?;
        match self.lines {
            None => f.write_str("all"),
            Some(lines) => lines.fmt(f),
        }
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(());
        let seal = next()?.parse()?;
        let date = Date::parse(next()?.as_bytes()).ok_or(())?;
        let lines = match next()? {
            "all" => None,
            lines => Some(lines.parse().map_err(|_| ())?),
        };
        let position = Self { seal, date, lines };
        if position.to_string() == text { Ok(position) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_has_one_text() {
        let hash = "a7".repeat(32);
        for good in [format!("7:{hash} 2026-11-21 all"), format!("0:{hash} 1970-01-01 17")] {
            assert_eq!(good.parse::<Position>().unwrap().to_string(), good);
            for bad in
                [format!("{good} "), format!(" {good}"), format!("{good} 1"), format!("0{good}")]
            {
                assert!(bad.parse::<Position>().is_err(), "{bad}");
            }
        }
        assert!(format!("7:{hash} 2026-11-21 +1").parse::<Position>().is_err());
    }
}
