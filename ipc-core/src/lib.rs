//! Safe System V IPC.
