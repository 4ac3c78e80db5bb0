//! What a change means, in words that a person reads.

pub mod netpol;
