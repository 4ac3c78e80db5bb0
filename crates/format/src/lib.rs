//! Sealed batches, seals, object keys and their bytes (format v1)
