//! What is tuned, as the methods see it: it proposes chains, and tells how a change makes chains likelier.

use crate::cancel::Cancel;
use crate::error::Result;

use super::form::Asked;

/// A chain that is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// For which example.
    pub example: usize,
    /// How it is asked for.
    pub asked: Asked,
    /// Drawn with this seed as it is; the likeliest one where there is none.
    pub seed: Option<u64>,
}

/// A chain whose log-probability counts.
pub struct Term<'a, C> {
    /// Of which example; it is asked for with [`Asked::Steps`], whatever asked for it first.
    pub example: usize,
    /// The chain.
    pub chain: &'a C,
    /// What ∇ log p is multiplied by.
    pub weight: f64,
}

/// Log-probabilities of some terms, in their order, and the gradient of their weighted sum.
pub struct Gradient {
    /// `log p(chain | question)`
    pub log_p: Vec<f64>,
    /// With respect to the parameters, as many as there are.
    pub of: Vec<f32>,
}

/// A model that reasons, with parameters to tune.
pub trait Reasoner {
    /// A rationale with its answer.
    type Chain: Clone;

    /// What is tuned now.
    fn parameters(&self) -> &[f32];

    /// Tunes.
    ///
    /// # Errors
    /// Of the model.
    fn set_parameters(&mut self, parameters: Vec<f32>) -> Result<()>;

    /// Draws chains, in the order in which they are wanted; `None` when cancelled.
    ///
    /// # Errors
    /// Of the model.
    fn propose(&mut self, wanted: &[Wanted], cancel: &Cancel) -> Result<Option<Vec<Self::Chain>>>;

    /// Whether it ends with the right answer.
    fn is_right(&self, example: usize, chain: &Self::Chain) -> bool;

    /// The answer without a chain, as a chain for [`Reasoner::gradient`].
    ///
    /// # Errors
    /// Of the model.
    fn direct(&self, example: usize) -> Result<Self::Chain>;

    /// How the log-probabilities of terms change with the parameters; `None` when cancelled.
    ///
    /// # Errors
    /// Of the model.
    fn gradient(&mut self, terms: &[Term<Self::Chain>], cancel: &Cancel) -> Result<Option<Gradient>>;
}
