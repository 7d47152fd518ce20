//! The kernel's limits and what is in use.
