//! The read path's commands: verify, cat, ls, inspect.
//!
//! All of them stand on `auditseal-reader`, which fetches and judges, and here is what each makes of
//! it: [`verify`] collects what is found, [`cat`] stops before the first unproved byte, or salvages the
//! rest, and puts the source's bytes together again, [`ls`] and [`inspect`] show what is there, [`prove_line`] makes a proof of one event.
//!
//! Names are escaped before they are shown.

mod cat;
mod estate;
mod heads_file;
mod inspect;
mod judgement;
mod limits;
mod ls;
mod pass;
mod paths;
mod progress;
mod prove;
mod render;
mod report;
mod size;
mod verify;

pub use cat::{CatError, CatOptions, CatPacks, Output, Piped, Restored, Sparse, cat};
pub use estate::{
    Age, EstateChain, EstateError, EstateOptions, EstateReport, Shard, Summary, origins,
    verify_estate,
};
pub use heads_file::{HeadsError, HeadsFile};
pub use inspect::{Check, Fact, Inspection, inspect};
pub use judgement::Judgement;
pub use ls::{Row, ls};
pub use paths::{TruePath, paths};
pub use progress::Progress;
pub use prove::{
    FoundStage, MadeProof, ProveError, ProveOptions, RequestStage, prove_line, prove_request,
};
pub use report::{OriginReport, Report};
pub use verify::{Options, verify};
