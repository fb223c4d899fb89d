//! Building blocks that two models or more share.
