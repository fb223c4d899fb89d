//! The inside of answers in the window.
