//! What is proved of an event, and what isn't, in words.

use auditseal_format::{EventProof, LineTimes, Time};

use crate::event::{EventField, fields};
use crate::knowledge::Judged;

/// An event that is proved, and what holds and doesn't hold of it.
pub(crate) struct Proved<'a> {
    pub(crate) proof: &'a EventProof,
    /// What the event says; `None` where that can't be read in one way.
    pub(crate) fields: Option<Vec<EventField>>,
    /// When it happened, where the line says that beyond doubt.
    pub(crate) time: Option<Time>,
    pub(crate) proves: Vec<String>,
    pub(crate) lacks: Vec<String>,
}

impl<'a> Proved<'a> {
    /// Of a proof that holds, by what was known beforehand.
    pub(crate) fn of(proof: &'a EventProof, judged: &Judged) -> Self {
        let mut times = LineTimes::new(proof.seal().payload.field);
        let mut time = None;
        times.take(proof.event());
        times.each(b"\n", |found| time = found);
        let fields = fields(proof.event());
        let lacks = lacks(proof, judged, time, fields.is_some());
        Self { proof, fields, time, proves: proves(proof, judged), lacks }
    }
}

fn proves(proof: &EventProof, judged: &Judged) -> Vec<String> {
    let (seal, line, bytes) = (proof.seal(), proof.line(), proof.event().len());
    let mut proves = vec![
        format!(
            "These exact {bytes} bytes are line {line} of seal {} of {}. A single other bit would have been \
             noticed.",
            seal.seq, seal.origin
        ),
        format!(
            "That seal was signed with {}, {}: whoever holds the secret half of that key vouched \
             for the line.",
            seal.key, judged.tie
        ),
        format!(
            "The seal is {}, and says that it was made at {} by the clock of its node.",
            proof.id(),
            seal.sealed
        ),
    ];
    proves.extend(judged.known.clone());
    proves
}

/// What nobody may take it for.
fn lacks(proof: &EventProof, judged: &Judged, time: Option<Time>, readable: bool) -> Vec<String> {
    let seal = proof.seal();
    let always = [
        "That nothing else was logged, before, behind or beside it: one event says nothing of others.",
        "The chain around it: that the archive holds this seal, and that no seal before or after is \
         missing. `auditseal verify` over the archive shows that.",
        "When, beyond the word of two clocks: the API server's in the event, the node's in the seal. No \
         checkpoint and no witness is in a proof of this version.",
        "Who held the key: whoever had it, then or at any time since, could sign this, with that date.",
        "That what the API server wrote is true: the bytes are what it wrote to its log, or whoever else \
         could write there.",
    ];
    let mut lacks: Vec<String> = always.map(str::to_owned).to_vec();
    lacks.extend(judged.remarks.iter().cloned());
    let outside = |time: &Time| seal.payload.times.is_none_or(|(a, b)| *time < a || b < *time);
    match time {
        None => lacks.push(
            "A certain time: the line doesn't say when it happened in the one way that leaves no doubt."
                .to_owned(),
        ),
        Some(time) if outside(&time) => lacks.push(format!(
            "The times in the seal: they don't include this line's, {time} (WRONG_TIMES). The line is the \
             signed one all the same."
        )),
        Some(_) => {}
    }
    if !readable {
        lacks.push(
            "What it means: the line isn't an audit event, or can be read in two ways. Its bytes are all that \
             can be said."
                .to_owned(),
        );
    }
    let (guessable, siblings) = (proof.guessable(), proof.siblings());
    if guessable > 0 {
        let of = if guessable == 1 { "1 is" } else { &format!("{guessable} are") };
        lacks.push(format!(
            "That the file tells nothing of other lines: nobody can read one out of it, but of the {siblings} \
             hashes that stand for them {of} of a single piece, at most 1,008 bytes of a line. Whoever guesses \
             all of such a piece sees that they guessed right."
        ));
    }
    lacks
}
