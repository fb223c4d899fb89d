//! 5: the shared decoder.
