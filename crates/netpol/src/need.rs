//! What lines say of one peer and port of one side.

use crate::cited::{FlowSeal, Seen};
use crate::left_out::LeftOut;

/// Which side's line it is, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NeedSaid {
    /// This side's: it let it through.
    ByItself,
    /// The line doesn't tell whose it is: it was let through.
    ByNobody,
    /// The other side's, which let it through.
    ByTheOther,
    /// This side's: it stopped it.
    Stopped,
}

/// What is told of one peer and port.
#[derive(Debug, Clone, Default)]
pub(crate) struct NeedTold {
    own: Seen,
    nobodys: Seen,
    others: Seen,
    stopped: bool,
}

impl NeedTold {
    /// `filled`: objects tell something of the line.
    pub(crate) fn add(&mut self, said: NeedSaid, at: &FlowSeal, filled: bool) {
        match said {
            NeedSaid::ByItself => self.own.add_filled(at, filled),
            NeedSaid::ByNobody => self.nobodys.add_filled(at, filled),
            NeedSaid::ByTheOther => self.others.add_filled(at, filled),
            NeedSaid::Stopped => self.stopped = true,
        }
    }

    /// The lines that ask for a rule, or why there are none and the lines that ask in vain.
    pub(crate) fn asks(self) -> Result<Seen, (LeftOut, Seen)> {
        let Self { mut own, nobodys, mut others, stopped } = self;
        let told = own.lines > 0;
        if told || (nobodys.lines > 0 && !stopped) {
            own.join(&nobodys);
            return Ok(own);
        }
        others.join(&nobodys);
        Err((if stopped { LeftOut::StoppedHere } else { LeftOut::OneSide }, others))
    }
}
