//! Listing all objects.
