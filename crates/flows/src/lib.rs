//! One line of a log in which a network plugin says what its policies let through and what they stopped, as a [`Flow`].
//!
//! [`LogFormat`] says how a log's lines are dated and read, [`read`] reads one, [`LogFormat::of`] tells the format by a
//! line itself. What a line doesn't say, a flow doesn't know: nothing is filled in. Pure: bytes in, a flow or the reason
//! why it is none out, in bounded memory and never a panic.

mod antrea;
mod calico;
mod endpoint;
mod field;
mod flow;
mod format;
mod hubble;
mod json;
mod jsonl;
mod labels;
mod ovn;
mod refused;
mod text;

pub use endpoint::{Endpoint, EndpointKind};
pub use flow::{Flow, FlowDirection, FlowVerdict, Protocol};
pub use format::LogFormat;
pub use labels::{LabelSet, LabelValue, Unlisted};
pub use refused::NotAFlow;

/// Bytes of the longest line that is read; a longer one is no flow.
pub const MAX_LINE: usize = 256 << 10;

/// Policies that one line names; with more, it is no flow.
pub const MAX_POLICIES: usize = 64;

/// Labels of one pod or namespace that are read; with more, the line is no flow.
pub const MAX_LABELS: usize = 256;

/// Reads a line, without its newline.
///
/// # Errors
/// [`NotAFlow`], with the reason.
pub fn read(line: &[u8], format: LogFormat) -> Result<Flow, NotAFlow> {
    if line.len() > MAX_LINE {
        return Err(NotAFlow::Long);
    }
    let text = std::str::from_utf8(line).map_err(|_| NotAFlow::NotText)?.trim();
    let flow = match format {
        LogFormat::Audit => Err(NotAFlow::Form("an audit log has events")),
        LogFormat::Hubble => hubble::read(text),
        LogFormat::Antrea => antrea::read(text),
        LogFormat::Calico => calico::read(text),
        LogFormat::Ovn => ovn::read(text),
        LogFormat::Jsonl(time) => jsonl::read(text, &time.to_string()),
        LogFormat::Text => text::read(text),
    }?;
    // It would be of anybody with anybody.
    let nobody = |of: &Endpoint| of.ip.is_none() && of.pod.is_none() && of.namespace.is_none();
    if nobody(&flow.source) && nobody(&flow.destination) {
        return Err(NotAFlow::Missing("source and no destination"));
    }
    Ok(flow)
}

#[cfg(test)]
mod tests;
