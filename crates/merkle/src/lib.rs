//! Framing of lines into BLAKE3 chunks and the batch root
