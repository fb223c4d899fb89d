//! Models in the window.
