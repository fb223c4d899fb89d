//! The models that Medley knows ([`Registry`]) and the content-addressed [`Store`] they live in.
//!
//! A file gets its name in the store only by a rename after its hash matched, so whatever has a name
//! is whole; half-written files are never loaded.

mod registry;

mod store;

mod local;

mod others;

mod fetch;

mod inspect;

pub use fetch::{Pull, PullEvent, PullStage};
pub(crate) use inspect::projector_beside;
pub use inspect::{Memory, ModelInfo, Step, inspect, shape};
pub use others::{FoundModel, Places, Tool, find_others};
pub use registry::{Ability, FileEntry, ModelEntry, PackagePart, Registry, Source};
pub use store::{FileState, Store, Verify, VerifyEvent, cache_folder, data_folder};
