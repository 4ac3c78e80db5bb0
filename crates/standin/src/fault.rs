//! What goes wrong, and when: scripted, or drawn from a seed.

use std::time::Duration;

/// Which requests a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum On {
    /// All.
    All,
    /// Puts of objects.
    Put,
    /// Reads of an object's bytes.
    Get,
    /// Questions about an object: its head, its lock.
    Look,
    /// Listings of a bucket.
    List,
    /// Those of them that ask for versions.
    Versions,
    /// Deletions.
    Delete,
    /// Changes of an object's tags; with Google's JSON interface, of all that is known of it.
    Mark,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The request is refused with this status and code, and nothing is done.
    Refuse(u16, &'static str),
    /// The bucket is in this region, and the request came to another one.
    Elsewhere(&'static str),
    /// It is carried out, and the answer is this error.
    StoreThenFail(u16, &'static str),
    /// It is carried out, and no answer comes.
    StoreThenHang,
    /// No answer comes, and nothing is done.
    Hang,
    /// The connection breaks where an answer should come, and nothing is done: the request was cut.
    Reset,
    /// The answer comes so much later.
    Slow(Duration),
    /// The connection breaks in the middle of the answer's body, or before its head where it has
    /// none.
    Cut,
    /// One bit of the answer's body is another.
    WrongBytes,
    /// The answer is a portal's page, with status 200; nothing is done.
    HtmlPage,
    /// No checksum of a put counts but `Content-MD5`, and that is demanded.
    WantMd5,
    /// A condition of a put is ignored.
    IgnoreCondition,
    /// Nothing is locked, and the answer says it is, for a hundred years.
    ClaimLock,
    /// What is put is locked for a day less than asked.
    ShortLock,
    /// Whoever asks may not read locks.
    HideLock,
    /// Who asks for a version gets the latest.
    OtherVersion,
}

/// A fault, for so many requests after so many others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which requests count.
    pub on: On,
    /// So many of them are spared first.
    pub spares: u64,
    /// So many are hit then.
    pub hits: u64,
    /// What happens to them.
    pub effect: Effect,
}

impl Fault {
    /// A fault that strikes each time: the server is like that.
    #[must_use]
    pub fn always(on: On, effect: Effect) -> Self {
        Self { on, spares: 0, hits: u64::MAX, effect }
    }

    /// A fault that strikes once, after so many requests of its kind.
    #[must_use]
    pub fn once(on: On, spares: u64, effect: Effect) -> Self {
        Self { on, spares, hits: 1, effect }
    }

    /// So many faults, as a bad network and a busy store make them, spread over `requests`; the same
    /// for the same seed.
    #[must_use]
    pub fn seeded(seed: u64, count: usize, requests: u64) -> Vec<Self> {
        let mut state = seed | 1;
        let mut draw = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) % below.max(1)
        };
        let effects = [
            Effect::Refuse(500, "InternalError"),
            Effect::Refuse(503, "SlowDown"),
            Effect::Refuse(403, "AccessDenied"),
            Effect::Refuse(403, "ExpiredToken"),
            Effect::Refuse(400, "ExpiredToken"),
            Effect::Refuse(409, "ConditionalRequestConflict"),
            Effect::Refuse(413, "EntityTooLarge"),
            Effect::Reset,
            Effect::StoreThenFail(500, "InternalError"),
            Effect::StoreThenHang,
            Effect::Hang,
            Effect::Slow(Duration::from_millis(20)),
            Effect::Cut,
            Effect::WrongBytes,
            Effect::HtmlPage,
        ];
        let mut one = || {
            let effect = effects.get(usize::try_from(draw(effects.len() as u64)).unwrap_or(0));
            let effect = effect.cloned().unwrap_or(Effect::Hang);
            Self::once(On::All, draw(requests), effect)
        };
        (0..count).map(|_| one()).collect()
    }

    /// Counts a request; whether it is hit.
    pub(crate) fn strikes(&mut self, on: On) -> bool {
        let is_meant = match self.on {
            On::All => true,
            On::List => matches!(on, On::List | On::Versions),
            other => other == on,
        };
        if !is_meant || self.hits == 0 {
            return false;
        }
        if self.spares > 0 {
            self.spares -= 1;
            return false;
        }
        self.hits = if self.hits == u64::MAX { self.hits } else { self.hits - 1 };
        true
    }
}
