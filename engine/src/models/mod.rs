//! The models that Medley knows and the content-addressed store they live in.

/// The store on disk.
#[derive(Debug, Clone)]
pub struct Store {}
