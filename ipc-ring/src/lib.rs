//! Rings between processes.
