//! C2SP signed notes, Ed25519 keys and the Signer
