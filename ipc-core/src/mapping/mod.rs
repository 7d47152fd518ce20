//! Mapped memory.
