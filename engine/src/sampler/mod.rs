//! 6: logits → token.
