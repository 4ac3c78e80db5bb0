//! A fork that was found, written down: nothing more is sealed on this node until somebody looked.

use auditseal_format::ObjectKey;
use auditseal_shipper::{Conflict, End, Fork};
use auditseal_spool::{Spool, failpoint};

use crate::Error;

const HEADER: &str = "auditseal fork v1";

/// Writes down that two branches of a chain say different things; says how the chain ends.
pub(crate) fn write(spool: &mut Spool, key: ObjectKey, conflict: &Conflict) -> Result<End, Error> {
    let why =
        format!("the object there can't be one history with what this node sealed: {}", conflict.0);
    failpoint!("agent.fork.before");
    let path = spool.forked(&format!(
        "{HEADER}\nkey {key}\nwhy {why}\n\n\
         What this node sealed is in the files beside this one. No more is sealed here while this file \
         is there: docs/operate.md, AuditsealForked, says what to do.\n"
    ))?;
    failpoint!("agent.fork.after");
    let why = format!("{why} (written to {})", path.display());
    Ok(End::Forked(key, Fork::Other(why)))
}

/// How the chain ended before, if a fork was found then.
pub(crate) fn read(spool: &Spool) -> Result<Option<End>, Error> {
    let Some(text) = spool.fork()? else { return Ok(None) };
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let key = field("key ").and_then(ObjectKey::parse);
    let key = key.unwrap_or_else(|| ObjectKey::genesis(spool.origin().clone()));
    let why = field("why ").unwrap_or("two histories were found");
    Ok(Some(End::Forked(key, Fork::Other(format!("found before: {why}")))))
}
