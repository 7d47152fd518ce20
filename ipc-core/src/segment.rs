//! One type over all kinds of memory.
