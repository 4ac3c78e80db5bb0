//! The daemon and the backfill: one pipeline
