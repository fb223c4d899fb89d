//! How long an answer takes before anything runs: the analytic model of "Efficiently Scaling Transformer Inference"
//! (Pope et al., 2022, arXiv 2211.05102), and what of it applies to this machine.
//!
//! A decoder ([`Shape`]), a machine ([`Machine`]) and a request ([`Workload`]) give for each way to divide the work
//! ([`Layout`]) a lower bound of the time ([`Cost`]): arithmetic, weights, keys and values, and communication.
//! [`choose`] takes the best layout for reading and for writing, [`front`] what batches and clusters can reach,
//! [`launch`] says it in the words of an engine for clusters. [`here`] is the same question for one processor and the
//! kernels of this crate. Everything is arithmetic on numbers; nothing is opened, measured or run here.

mod data;

mod shape;

mod machine;

mod layout;

mod cost;

mod memory;

mod calibrate;

mod choose;

mod front;

pub mod launch;

pub mod here;

pub use calibrate::{Calibration, Efficiency, Observation, fit};
pub use choose::{Choice, Plan, choose, choose_batch, layouts};
pub use cost::{Cost, Phase, Workload, cost, utilisation};
pub use data::{machine_from_text, machines, shape_named, shapes};
pub use front::{Point, front};
pub use layout::{AttentionLayout, FeedForwardLayout, Layout};
pub use machine::{Format, Machine, Node, Rates};
pub use memory::{MemoryNeed, cache_bytes_per_token, largest_context, memory_need};
pub use shape::{ExpertsShape, FeedForwardShape, LayerShape, Shape};
