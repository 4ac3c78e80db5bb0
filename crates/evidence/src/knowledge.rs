//! What whoever checks a proof knows beforehand, and what that makes of it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use auditseal_chain::{Policy, Trust, Verdict};
use auditseal_format::{EventProof, Origin, SealId, Time, VerifierKey};
use auditseal_trust::{Acceptable, Acceptance, Heads, Silence, TrustFile, TrustedOrigin};

/// What whoever checks a proof knows beforehand. Nothing in the proof adds to it.
#[derive(Debug, Clone)]
pub enum Knowledge {
    /// Keys, and the chain that the proof must be of.
    Keys {
        /// The chain.
        origin: Origin,
        /// The keys: each is trusted for what its name says.
        vkeys: Vec<VerifierKey>,
        /// A seal of that chain that is known from elsewhere.
        head: Option<SealId>,
    },
    /// A trust file.
    File {
        /// The file.
        trust: TrustFile,
        /// How far chains were verified.
        heads: Heads,
        /// The chain that the proof must be of, if that is asked for.
        origin: Option<Origin>,
    },
}

/// Why nothing can be said of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncheckable {
    /// The trust file doesn't name its chain.
    NotNamed(Origin),
    /// None of the keys is for the chain, by its name; and the names.
    NoKeyFor(Origin, Vec<String>),
}

impl fmt::Display for Uncheckable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNamed(origin) => {
                write!(f, "check the proof: the trust file doesn't name its chain, {origin}")
            }
            Self::NoKeyFor(origin, names) => {
                let names = names.join(", ");
                write!(
                    f,
                    "check the proof: of the given keys none is for {origin}, but for {names}"
                )
            }
        }
    }
}

impl std::error::Error for Uncheckable {}

/// What knowledge makes of a proof that holds by itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    /// Why it proves nothing.
    pub(crate) fault: Option<(Verdict, String)>,
    /// How its key is known.
    pub(crate) tie: String,
    /// That it is a seal which is known.
    pub(crate) known: Option<String>,
    /// What is to be said of the seal beside that.
    pub(crate) remarks: Vec<String>,
}

impl Judged {
    fn fault(verdict: Verdict, why: String) -> Self {
        Self { fault: Some((verdict, why)), ..Self::default() }
    }
}

impl Knowledge {
    /// Holds a proof against what is known: steps 4 to 6 of FORMAT.md, "Event proofs".
    pub(crate) fn judge(&self, proof: &EventProof) -> Result<Judged, Uncheckable> {
        let own = &proof.seal().origin;
        let asked = match self {
            Self::Keys { origin, .. } => Some(origin),
            Self::File { origin, .. } => origin.as_ref(),
        };
        if let Some(asked) = asked.filter(|asked| *asked != own) {
            let why = format!("it is of {own}, and {asked} was asked for");
            return Ok(Judged::fault(Verdict::WrongOrigin, why));
        }
        match self {
            Self::Keys { vkeys, head, .. } => by_keys(proof, vkeys, *head),
            Self::File { trust, heads, .. } => {
                let trusted = trust.get(own).ok_or_else(|| Uncheckable::NotNamed(own.clone()))?;
                Ok(by_file(proof, trusted, heads))
            }
        }
    }
}

fn by_keys(
    proof: &EventProof,
    vkeys: &[VerifierKey],
    head: Option<SealId>,
) -> Result<Judged, Uncheckable> {
    let seal = proof.seal();
    if !vkeys.iter().any(|key| seal.origin.admits(key)) {
        let names: BTreeSet<_> = vkeys.iter().map(|key| key.name().to_owned()).collect();
        return Err(Uncheckable::NoKeyFor(seal.origin.clone(), names.into_iter().collect()));
    }
    if !Trust::in_keys_for(&seal.origin, vkeys).includes(&seal.key, seal.seq) {
        return Ok(Judged::fault(Verdict::WrongKey, untrusted(proof)));
    }
    let head = head.map(|seal| (seal, None));
    if let Some(fault) = head.and_then(|(head, _)| another(proof, head, "the head that was given"))
    {
        return Ok(fault);
    }
    let tie = "a key that was given for this chain".to_owned();
    Ok(beside_head(proof, head, Judged { tie, ..Judged::default() }))
}

fn by_file(proof: &EventProof, trusted: &TrustedOrigin, heads: &Heads) -> Judged {
    let (seal, id) = (proof.seal(), proof.id());
    if !trusted.trusts(&seal.key, seal.seq) {
        return Judged::fault(Verdict::WrongKey, untrusted(proof));
    }
    let named = Policy::of(trusted).at(id.seq).map(|hash| SealId { seq: id.seq, hash });
    let named = named.or(trusted.begin);
    let head = heads.get(&seal.origin);
    // Somebody looked, and said that of the two it is this one.
    let settled =
        |accepted: &Acceptance| accepted.verdict == Acceptable::Fork && accepted.seal == id;
    let settled = trusted.accepted.iter().any(settled);
    let forks = heads.forks().filter(|(of, _)| !settled && *of == &seal.origin);
    let forks = forks.flat_map(|(_, seals)| seals);
    let forks = forks.map(|fork| (fork.seal, "a seal that the heads file keeps of a fork"));
    let others = named.map(|named| (named, "the seal that the trust file names"));
    let others = others.into_iter().chain(head.map(|head| (head.seal, "the verified head")));
    if let Some(fault) = others.chain(forks).find_map(|(seal, what)| another(proof, seal, what)) {
        return fault;
    }
    if let Silence::Ended(end) = trusted.silence
        && end.seq < id.seq
    {
        let why = format!("the chain has ended with seal {}, by the trust file", end.seq);
        return Judged::fault(Verdict::Resumed, why);
    }
    let mut remarks = Vec::new();
    if let Some(begin) = trusted.begin.filter(|begin| id.seq < begin.seq) {
        remarks.push(format!(
            "That its seal is in the chain as it is verified now: it lies before seal {}, with which the trust \
             file has readers begin.",
            begin.seq
        ));
    }
    for accepted in trusted.accepted.iter().filter(|accepted| accepted.seal == id) {
        let (verdict, reason) = (accepted.verdict.as_str(), &accepted.reason);
        remarks.push(format!(
            "That nothing was found about this seal: {verdict} was, and accepted: \"{reason}\"."
        ));
    }
    let key = trusted.keys.iter().find(|key| key.covers(id.seq));
    let from = key.map_or(0, |key| key.from);
    let until = key.and_then(|key| key.until).map(|until| format!(" to {}", until.seq));
    let until = until.unwrap_or_else(|| " on".to_owned());
    let tie = format!("the key that the trust file names for this chain from seal {from}{until}");
    let head = head.map(|head| (head.seal, Some(head.verified)));
    beside_head(proof, head, Judged { tie, remarks, ..Judged::default() })
}

/// That another seal is known at the proof's seq.
fn another(proof: &EventProof, known: SealId, what: &str) -> Option<Judged> {
    let id = proof.id();
    let other = known.seq == id.seq && known.hash != id.hash;
    other.then(|| {
        let why = format!(
            "{what} is {known}, and this one is {id}: two histories of the chain are signed, and this \
             isn't the one that is known"
        );
        Judged::fault(Verdict::Fork, why)
    })
}

fn untrusted(proof: &EventProof) -> String {
    let seal = proof.seal();
    format!(
        "it is signed by {}, which isn't trusted for seal {} of {}: a chain may hand over to a further key, \
         but only the seal before shows that, so such a key must be given too",
        seal.key, seal.seq, seal.origin
    )
}

/// Says where the seal stands beside the head that is known.
fn beside_head(proof: &EventProof, head: Option<(SealId, Option<Time>)>, judged: Judged) -> Judged {
    let seq = proof.id().seq;
    let mut judged = judged;
    let Some((head, verified)) = head else {
        judged.remarks.push(
            "Whether anybody has seen this seal in its chain: no verified head was given."
                .to_owned(),
        );
        return judged;
    };
    let when = verified.map(|time| format!(", verified at {time}")).unwrap_or_default();
    match seq.cmp(&head.seq) {
        Ordering::Equal => {
            judged.known =
                Some(format!("It is the very seal that is known as its chain's head{when}."));
        }
        Ordering::Less => judged.remarks.push(format!(
            "That this is the seal which was seen at {seq} in the chain known up to {}{when}: `auditseal \
             verify` over the archive shows it.",
            head.seq
        )),
        Ordering::Greater => judged.remarks.push(format!(
            "That anybody has seen this seal in its chain: it is ahead of the known head, {}{when}.",
            head.seq
        )),
    }
    judged
}
