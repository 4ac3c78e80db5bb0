//! Which part of a chain is asked for, and what is known of it from elsewhere.

use auditseal_chain::{Begin, Extent};
use auditseal_format::{SealId, Time};
use auditseal_reader::Window;
use clap::Args;
use clap::builder::BoolishValueParser;

use crate::failure::Failure;
use crate::times::{in_order, time};

/// What is known of a chain, and which part of it is asked for.
#[derive(Debug, Args)]
pub(crate) struct Part {
    /// The newest seal known from elsewhere: a chain that ends before it was truncated.
    #[arg(long, env = "AUDITSEAL_HEAD", value_name = "SEQ:HASH", value_parser = head)]
    pub(crate) head: Option<SealId>,
    /// Begin at this seal, whose hash is known from elsewhere: what lies before may be gone, and is
    /// not looked at. SEQ alone begins at a seal of which nothing is known (UNANCHORED); 0 is the
    /// genesis.
    #[arg(long, env = "AUDITSEAL_FROM", value_name = "SEQ[:HASH]", value_parser = begin)]
    from: Option<Begin>,
    /// End with this seal.
    #[arg(long, env = "AUDITSEAL_TO", value_name = "SEQ")]
    to: Option<u64>,
    /// Only events from this time on (stageTimestamp; lines without one are kept): RFC 3339, a local
    /// date or date and time, or how long ago, like 7d. Without --from and --to, only the seals around
    /// that time are read.
    #[arg(long, env = "AUDITSEAL_SINCE", value_name = "TIME", value_parser = time)]
    since: Option<Time>,
    /// Only events up to this time; a date alone is its first moment.
    #[arg(long, env = "AUDITSEAL_UNTIL", value_name = "TIME", value_parser = time)]
    until: Option<Time>,
    /// Exit 0 also where no seal that is known ties the part that was read to its chain.
    #[arg(long, env = "AUDITSEAL_ALLOW_UNANCHORED", value_parser = BoolishValueParser::new())]
    pub(crate) allow_unanchored: bool,
}

impl Part {
    /// The part that is named by its seals; `None` if none is.
    pub(crate) fn extent(&self) -> Result<Option<Extent>, Failure> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to < from.seq()
        {
            return Err(Failure::new(format!("choose seals: --to {to} is before --from {from}")));
        }
        let named = self.from.is_some() || self.to.is_some();
        let from = self.from.unwrap_or_default();
        Ok(named.then_some(Extent { from, to: self.to }))
    }

    /// The times that are asked for.
    pub(crate) fn window(&self) -> Result<Window, Failure> {
        let Self { since, until, .. } = *self;
        in_order(since, until, "choose events: --since is after --until")?;
        Ok(Window { since, until })
    }
}

pub(crate) fn head(text: &str) -> Result<SealId, String> {
    text.parse().map_err(|()| "expected SEQ:HASH, as verify and ls print it".to_owned())
}

fn begin(text: &str) -> Result<Begin, String> {
    text.parse().map_err(|()| "expected SEQ:HASH, as verify and ls print it, or SEQ".to_owned())
}
