//! Attacking a canary, and what each attempt came to.

use std::io::{self, Write};

use auditseal_attack::{Answer, Attacker, Attempt, CanaryBytes, Look, Seen};
use auditseal_store::{Error, Held, Lock, LockMode, LockedBy, Retention, Store, clean};
use auditseal_vault::Site;
use futures::StreamExt;
use serde::Serialize;

use crate::store::{describe, policy_command};

/// Longest answer shown, in characters.
const LIMIT: usize = 100;

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The store refused, and nothing changed.
    Refused,
    /// The store agreed, and nothing changed.
    WithoutEffect,
    /// It took effect: who reads by key is told that there is nothing. The bytes are safe.
    Hidden,
    /// It took effect: who reads by key gets other bytes. The bytes are safe.
    Shadowed,
    /// It took effect: the lock protects less than before, so the bytes aren't safe.
    Weakened,
    /// The bytes were changed or destroyed.
    BytesLost,
    /// There was nothing to attack so.
    Pointless,
    /// The store gave no answer, or what became of the bytes couldn't be read.
    Unknown,
}

impl Verdict {
    /// For people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::WithoutEffect => "without effect",
            Self::Hidden => "took effect, bytes are safe: hidden",
            Self::Shadowed => "took effect, bytes are safe: shadowed",
            Self::Weakened => "LOCK WEAKENED",
            Self::BytesLost => "BYTES LOST",
            Self::Pointless => "not tried",
            Self::Unknown => "????",
        }
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What was tried.
    pub attempt: &'static str,
    /// What the store said.
    pub answer: String,
    /// What it came to.
    pub verdict: Verdict,
}

/// What became of the canary in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The canary's key below the store's prefix.
    pub canary: String,
    /// Its version.
    pub version: Option<String>,
    /// The lock that it was put with, in words.
    pub lock: String,
    /// Why that lock is less than demanded; none when it isn't, or nothing is demanded.
    pub short: Option<String>,
    /// What protects it is a policy of the bucket that isn't locked. Taking that away would concern
    /// every other object, so it isn't tried, and nobody can say what the credentials are allowed.
    pub policy_unlocked: bool,
    /// The command that tells how firm the container's policy is, where that is what protects it
    /// and the store itself doesn't tell.
    pub policy_command: Option<String>,
    /// The attempts in their order.
    pub attempts: Vec<Row>,
    /// What is left of the canary.
    pub left: String,
    /// The exit code that says it all.
    pub exit: u8,
}

/// What is tested, and what is demanded.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Where the store is.
    pub site: Site,
    /// How firmly and how long the canary must be locked, where that is demanded.
    pub require: Option<Retention>,
    /// When it was put, microseconds since the Unix epoch.
    pub put: i64,
    /// Whether what can be removed is left all the same.
    pub keep: bool,
}

/// What an attempt came to, by the answer and by the canary before and after it.
#[must_use]
pub fn verdict(attempt: Attempt, answer: &Answer, before: &Look, after: &Look) -> Verdict {
    match (&after.bytes, answer) {
        (CanaryBytes::Changed | CanaryBytes::Gone, _) => return Verdict::BytesLost,
        (CanaryBytes::Unknown(_), _) => return Verdict::Unknown,
        (CanaryBytes::Intact, Answer::Pointless(_)) => return Verdict::Pointless,
        (CanaryBytes::Intact, _) => {}
    }
    let weaker = match (&before.lock, &after.lock) {
        (Ok(before), Ok(after)) => is_weaker(after, before),
        _ => false,
    };
    let accepted = matches!(answer, Answer::Accepted(_));
    // What a reader sees tells what an attempt did, also one that was answered otherwise. A put
    // over a shadow is one more shadow.
    match &after.seen {
        _ if weaker => Verdict::Weakened,
        Seen::Absent if before.seen != Seen::Absent => Verdict::Hidden,
        Seen::Other if before.seen != Seen::Other => Verdict::Shadowed,
        Seen::Unknown(_) => Verdict::Unknown,
        // The bytes outlive a weakened lock, for now: only reading the lock would show it.
        _ if accepted && attempt.is_on_lock() && !is_judged(attempt, before, after) => {
            Verdict::Unknown
        }
        _ if accepted => Verdict::WithoutEffect,
        _ => match answer {
            Answer::Silent(_) => Verdict::Unknown,
            _ => Verdict::Refused,
        },
    }
}

fn is_weaker(is: &Lock, was: &Lock) -> bool {
    let hold_lifted = was.legal_hold && !is.legal_hold;
    hold_lifted || is.mode < was.mode || (is.mode == was.mode && is.until < was.until)
}

/// Whether the canary's lock, before and after an attempt on it, shows what the attempt did. Who
/// may not see a legal hold is told that there is none.
fn is_judged(attempt: Attempt, before: &Look, after: &Look) -> bool {
    let seen = match &before.lock {
        Ok(lock) => attempt != Attempt::LiftHold || lock.legal_hold,
        Err(_) => false,
    };
    seen && after.lock.is_ok()
}

/// Whether the store holds anything of an archive: a canary beside it would be reported by verify
/// as an unexpected object for as long as it is locked.
///
/// # Errors
/// When the store can't be listed.
pub async fn holds_chains(store: &dyn Store) -> Result<bool, Error> {
    Ok(store.folders("cluster=").next().await.transpose()?.is_some())
}

/// Attacks the canary with all that there is, and clears away what can be unless it is to be kept.
pub async fn run(attacker: &Attacker, terms: &Terms, mut show: impl FnMut(&Row)) -> Outcome {
    let mut rows: Vec<Row> = Vec::new();
    let first = attacker.look().await;
    let mut before = first.clone();
    for attempt in attacker.attempts() {
        let row = match before.bytes {
            CanaryBytes::Changed | CanaryBytes::Gone => Row {
                attempt: attempt.name(),
                answer: "the canary is gone".to_owned(),
                verdict: Verdict::Pointless,
            },
            _ => {
                let (row, after) = one(attacker, attempt, &first, &before).await;
                before = after;
                row
            }
        };
        show(&row);
        rows.push(row);
    }
    let (short, exit) = conclude(attacker.lock(), terms, &rows);
    let undisclosed = matches!(attacker.lock(), Ok(lock) if lock.mode == LockMode::Undisclosed);
    let policy_unlocked = is_policy_unlocked(attacker.lock());
    Outcome {
        canary: attacker.key().to_owned(),
        version: attacker.version().map(str::to_owned),
        lock: match attacker.lock() {
            Ok(lock) => describe(lock),
            Err(error) => format!("couldn't be read: {error}"),
        },
        short,
        policy_unlocked,
        policy_command: undisclosed.then(|| policy_command(&terms.site)),
        attempts: rows,
        left: left(attacker, terms.keep).await,
        exit,
    }
}

async fn one(attacker: &Attacker, attempt: Attempt, first: &Look, before: &Look) -> (Row, Look) {
    let answer = attacker.attempt(attempt).await;
    let after = attacker.look().await;
    let mut verdict = verdict(attempt, &answer, before, &after);
    // A lock that isn't weaker than a moment ago but weaker than at first was named already.
    if verdict == Verdict::WithoutEffect
        && matches!(attempt, Attempt::Overwrite | Attempt::CreateAgain | Attempt::PutOverMarker)
        && before.seen != first.seen
    {
        verdict = Verdict::Shadowed;
    }
    let said = match &answer {
        Answer::Accepted(said) | Answer::Refused(said) => said.clone(),
        Answer::Silent(error) => error.to_string(),
        Answer::Pointless(why) => (*why).to_owned(),
    };
    let said = match &after.bytes {
        CanaryBytes::Unknown(error) => format!("{said}; {error}"),
        _ if verdict == Verdict::Unknown && attempt.is_on_lock() => match &after.lock {
            Err(error) => format!("{said}; {error}"),
            Ok(_) => said,
        },
        _ => said,
    };
    (Row { attempt: attempt.name(), answer: clean(&said, LIMIT), verdict }, after)
}

fn conclude(lock: &Result<Lock, Error>, terms: &Terms, rows: &[Row]) -> (Option<String>, u8) {
    let held = match (lock, terms.require) {
        (Ok(lock), Some(require)) => require.judge(lock, terms.put),
        (Err(_), Some(_)) => Held::Untold,
        (Ok(lock), None) if lock.mode == LockMode::Undisclosed => Held::Untold,
        (_, None) => Held::Enough,
    };
    let short = match held {
        Held::Short(why) => Some(why.to_owned()),
        Held::Enough | Held::Untold => None,
    };
    let unread = held == Held::Untold || is_policy_unlocked(lock);
    let any = |verdicts: &[Verdict]| rows.iter().any(|row| verdicts.contains(&row.verdict));
    let exit = if any(&[Verdict::BytesLost, Verdict::Weakened]) || short.is_some() {
        1
    } else if any(&[Verdict::Unknown]) || unread || rows.is_empty() {
        2
    } else {
        0
    };
    (short, exit)
}

fn is_policy_unlocked(lock: &Result<Lock, Error>) -> bool {
    matches!(lock, Ok(Lock { mode: LockMode::Governance, by: LockedBy::Bucket, .. }))
}

async fn left(attacker: &Attacker, keep: bool) -> String {
    if keep {
        return "kept as it is".to_owned();
    }
    match attacker.clear().await {
        Ok(0) => "removed, with all that the attempts put there".to_owned(),
        Ok(1) => "1 version stays: it can't be deleted".to_owned(),
        Ok(left) => format!("{left} versions and markers stay: they can't be deleted"),
        Err(error) => format!("not known: {error}"),
    }
}

impl Outcome {
    /// Writes what was put, before the attempts.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn head(attacker: &Attacker, out: &mut impl Write) -> io::Result<()> {
        let version = attacker.version().map(|id| format!(" version {}", clean(id, LIMIT)));
        writeln!(out, "canary  {}{}", attacker.key(), version.unwrap_or_default())?;
        match attacker.lock() {
            Ok(lock) => writeln!(out, "lock    {}", describe(lock))?,
            Err(error) => writeln!(out, "lock    ???? {error}")?,
        }
        writeln!(out, "{:<20} {:<40} VERDICT", "ATTEMPT", "ANSWER")
    }

    /// Writes what it came to, after the attempts.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn tail(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "canary  {}", self.left)?;
        if let Some(short) = &self.short {
            writeln!(out, "lock    less than demanded: {short}")?;
        }
        if self.policy_unlocked {
            writeln!(
                out,
                "        the bucket's policy isn't locked: whoever may update the bucket can take it away, which wasn't tried"
            )?;
        }
        if let Some(command) = &self.policy_command {
            writeln!(
                out,
                "        the store doesn't tell whether the container's policy is locked, and until when:\n        run: {command}"
            )?;
        }
        let any = |verdict| self.attempts.iter().any(|row| row.verdict == verdict);
        let shadowed = self.attempts.iter().any(|row| {
            row.attempt == Attempt::CreateAgain.name()
                && matches!(row.verdict, Verdict::Shadowed | Verdict::BytesLost)
        });
        if shadowed {
            writeln!(out, "        create-only isn't honoured: this store can't hold an archive")?;
        }
        if any(Verdict::Hidden) || any(Verdict::Shadowed) {
            writeln!(
                out,
                "        verify and cat read by version: they name what is hidden or shadowed, and find the bytes"
            )?;
        }
        match self.exit {
            0 => writeln!(out, "SAFE from these credentials; others may be allowed more"),
            1 => writeln!(out, "NOT SAFE"),
            _ if any(Verdict::Unknown) => {
                writeln!(out, "NOT KNOWN: not every attempt could be judged")
            }
            _ => writeln!(
                out,
                "NOT KNOWN: no attempt hurt the bytes, but how firm their lock is can't be told"
            ),
        }
    }

    /// Writes a JSON document.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

impl Row {
    /// Writes one line.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{:<20} {:<40} {}", self.attempt, self.answer, self.verdict.text())
    }
}

#[cfg(test)]
mod tests;
