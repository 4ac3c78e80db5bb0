//! The sans-IO state machine from lines taken to objects stored
