//! Test chains, objects that are sealed wrongly, and the vectors in `testdata/vectors`.
//!
//! * [`Chain`] seals a correct chain step by step; the same calls always give the same bytes.
//! * [`Chain::edit`] and [`Chain::rewrite`] make its writer lie; [`Parts`] and [`text`] take an
//!   object apart and put it together wrongly.
//! * [`packs::TestPack`] packs a chain and attests that, rightly or wrongly.
//! * [`Vector`] is one case in `testdata/vectors`: an archive and what a reader must find in it.
//!   [`Vector::committed`] reads them; [`cases::all`] makes them.
//! * [`ProofVector`] is one case in `testdata/proofs`: a file that is given as a proof.
//! * [`RollupVector`] is one case in `testdata/rollups`: a roll-up of indexes, and a note that should bind it.
//!
//! All keys are test keys made of small numbers. This crate is for tests only.

pub mod cases;
mod chain;
pub mod client;
pub mod example;
pub mod packs;
mod parts;
mod proof_vector;
mod rollup_vector;
mod signer;
mod source;
pub mod text;
mod vector;

pub use chain::{Archive, Chain, event, events, head_text};
pub use parts::{Parts, assemble, frame_header, raw_block, resign, rle_block, seal_line};
pub use proof_vector::ProofVector;
pub use rollup_vector::{RolledPack, RollupVector};
pub use signer::TestSigner;
pub use source::{Lost, Piece};
pub use vector::{Vector, committed_dir};
