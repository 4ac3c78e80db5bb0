//! The read path: verify, cat, ls, inspect
