//! The auditseal command line.
fn main() {}
