//! Code shared by the programs of this project.
//!
//! | module | for |
//! |---|---|
//! | [`output`] | lines and tables on stdout, for readers that may go away and disks that may be full |
//! | [`text`] | text of others, made harmless for a terminal |
//! | [`style`] | colours, on terminals only |
//! | [`interrupt`] | Ctrl-C and its like, noted instead of ending the program in the middle |
//! | [`manual`] | completion scripts and manual pages |
//! | [`removal`] | what on this machine removes System V objects that programs mean to keep |
//! | [`room`] | how large a domain of ipc-ring can be |

pub mod interrupt;
pub mod manual;
pub mod output;
pub mod removal;
pub mod room;
pub mod style;
pub mod text;
