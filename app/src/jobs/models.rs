//! What workers tell about models.

use engine::LoadedModel;

use crate::state::{Other, Space};

/// Something about models.
#[derive(Debug)]
pub enum ModelsNews {
    /// What is in memory, and what the whole program takes of it.
    Loaded(Vec<LoadedModel>, Option<u64>),
    /// What models and what is made of them take on disk.
    Space(Space),
    /// What other programs have.
    Others(Vec<Other>),
    /// How far a check is: bytes done, and of how many.
    Checking(u64, u64),
    /// A model was checked: nothing, or what is wrong.
    Checked(String, Option<String>),
    /// A model was deleted, and how many bytes became free, or why not.
    Deleted(String, Result<u64, String>),
}
