//! What a run couldn't have noticed, in words.

use auditseal_chain::Extent;

/// What a search by time can't show.
pub(crate) fn limit_of_a_search(extent: Extent) -> Option<String> {
    let from = extent.from.seq();
    let seals = match (extent.from.is_late(), extent.to) {
        (false, None) => return None,
        (true, None) => format!("from {from} on"),
        (_, Some(to)) => format!("{from} to {to}"),
    };
    Some(format!(
        "only the seals {seals} were looked at: a line of that time that was sealed in others, because \
         its writer was far behind or took up old files, isn't found; --from 0 reads the whole chain"
    ))
}
