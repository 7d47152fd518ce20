//! `sysv` and its commands.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use ipc_core::{Key, Mode};

use super::parts::{Format, Looks};
use crate::sysv::name::{Kind, Name};
use crate::sysv::project::Project;
use crate::units::{parse_bytes, parse_duration};

/// What the verdicts mean.
const VERDICTS: &str = "\
Verdicts, from what the kernel has on record:
  in use   a process has it attached, or sleeps in it, now
  live     no process uses it at this moment, but one that is on record is alive
  unknown  too little is on record, or not shown to this user
  dead     no process uses it, and all that are on record are gone

On record are: of a segment its creator and the process that attached or detached it last; of a set the process that operated last on each \
semaphore; of a queue the last sender and the last receiver. A process that only knows the identifier or the key is not on record, so look \
before you remove. The listing attaches nothing and changes nothing.";

/// How objects are named.
const NAMES: &str = "\
An object is named by its kind and its identifier, as the listing shows it (shm:3, sem:0, msg:5), or by its kind and its key (shm:0x2a, \
sem:key=42).";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Sysv {
    /// Lists segments, semaphore sets and message queues: who uses them, and which are dead
    #[command(visible_alias = "list", after_help = VERDICTS)]
    Ls(Ls),
    /// Shows everything that is known about objects
    #[command(after_help = NAMES)]
    Show(Show),
    /// Removes objects; without --yes it only says which
    #[command(after_help = NAMES)]
    Rm(Rm),
    /// Makes a segment, a semaphore set or a message queue, and prints its name
    Mk {
        #[command(subcommand)]
        what: Mk,
    },
    /// Shows the kernel's limits, and how much of each is used
    Limits(Format),
    /// Prints what changes, as it changes: objects that come and go, messages, waiting processes
    #[command(
        after_help = "The kernel does not count the messages that pass: rates are of the net change. Ctrl-C ends it."
    )]
    Watch(Watch),
    /// Shows the messages of a queue and leaves them there
    Peek(Peek),
    /// Compares a listing saved by `ls --json` with what there is now; exit code 4 when they differ
    #[command(
        after_help = "Compared are the objects with their owner, group and mode. How they are used is not: messages and attachments may differ."
    )]
    Verify(Verify),
    /// Tells the key that ftok(3) makes of a file, and which other files have the same
    #[command(
        after_help = "The key holds 8 bits of the project, 8 of the device and 16 of the inode, so files whose inodes differ by a multiple of 65536 collide."
    )]
    Ftok(Ftok),
    /// Changes owner, group and mode of an object
    #[command(
        after_help = "Rights that group or others did not have are given with --widen only. The creator keeps all rights permanently: the kernel has no call to change that."
    )]
    Grant(Grant),
}

/// Which kinds.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Kinds {
    /// Shared memory segments
    #[arg(short = 'm', long)]
    shm: bool,
    /// Semaphore sets
    #[arg(short = 's', long)]
    sem: bool,
    /// Message queues
    #[arg(short = 'q', long)]
    msg: bool,
}

impl Kinds {
    /// All when none is named.
    pub(crate) fn includes(self, kind: Kind) -> bool {
        let Kinds { shm, sem, msg } = self;
        let named = match kind {
            Kind::Shm => shm,
            Kind::Sem => sem,
            Kind::Msg => msg,
        };
        named || !(shm || sem || msg)
    }
}

/// `ls`.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) kinds: Kinds,
    /// Only objects that this user owns or created
    #[arg(long)]
    pub(crate) mine: bool,
    /// Only objects whose users are all gone
    #[arg(long)]
    pub(crate) dead: bool,
    /// With the evidence of each verdict
    #[arg(short, long)]
    pub(crate) why: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The objects, such as shm:3
    #[arg(required = true, value_name = "OBJECT")]
    pub(crate) objects: Vec<Name>,
    /// All semaphores of a large set, also those of value 0 that no process waits for
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `rm`.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// The objects, such as shm:3
    #[arg(value_name = "OBJECT", required_unless_present_any = ["from", "all_dead"])]
    pub(crate) objects: Vec<Name>,
    /// Removes what a listing of `ls --json` holds, `-` for stdin; an object that was changed or replaced
    /// since is refused
    #[arg(long, value_name = "FILE", conflicts_with = "objects")]
    pub(crate) from: Option<PathBuf>,
    /// Removes all objects with the verdict "dead", of this user, or of all users as root; not those that
    /// `ipcr gc` is for
    #[arg(long, conflicts_with_all = ["objects", "from"])]
    pub(crate) all_dead: bool,
    /// With --all-dead: only those that were not active for this long
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1m")]
    pub(crate) older_than: Duration,
    /// Removes them; otherwise a terminal is asked, and without one nothing is removed and the exit code is 5
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Only says which would be removed
    #[arg(short = 'n', long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Also objects that are in use
    #[arg(long)]
    pub(crate) in_use: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `mk`.
#[derive(Debug, Subcommand)]
pub(crate) enum Mk {
    /// A shared memory segment of zeros
    Shm {
        /// Its size in bytes; 4K and 1M are understood
        #[arg(value_parser = parse_bytes)]
        size: u64,
        #[command(flatten)]
        how: How,
    },
    /// A semaphore set
    Sem {
        /// The number of semaphores
        count: u16,
        /// Their first values, one for all or one for each, from 0 to 32767; 0 when absent
        #[arg(long, value_delimiter = ',', value_name = "VALUE,…")]
        values: Vec<u16>,
        #[command(flatten)]
        how: How,
    },
    /// A message queue
    Msg {
        /// The bytes that it may hold, no more than kernel.msgmnb without privileges
        #[arg(long, value_parser = parse_bytes)]
        capacity: Option<u64>,
        #[command(flatten)]
        how: How,
    },
}

/// How an object is made.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Its key, in decimal, 0x hexadecimal or 0 octal; a random one when absent
    #[arg(short, long, value_parser = parse_key)]
    pub(crate) key: Option<Key>,
    /// No key: only its identifier names it
    #[arg(long, conflicts_with = "key")]
    pub(crate) private: bool,
    /// Its mode, in octal; the umask does not apply
    #[arg(short = 'p', long, value_parser = parse_mode, default_value = "0600")]
    pub(crate) mode: Mode,
    /// A JSON object instead of its name
    #[arg(long)]
    pub(crate) json: bool,
}

/// `watch`.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The objects, such as msg:5; all when absent
    #[arg(value_name = "OBJECT")]
    pub(crate) objects: Vec<Name>,
    #[command(flatten)]
    pub(crate) kinds: Kinds,
    #[command(flatten)]
    pub(crate) looks: Looks,
    /// Ends after this many looks
    #[arg(short, long, value_name = "LOOKS")]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `peek`.
#[derive(Debug, Args)]
pub(crate) struct Peek {
    /// The queue, such as msg:5
    pub(crate) queue: Name,
    /// Shows at most this many messages
    #[arg(short, long, value_name = "MESSAGES")]
    pub(crate) count: Option<usize>,
    /// Shows at most this many bytes of each message; JSON holds them all
    #[arg(short, long, value_name = "BYTES", default_value_t = 256)]
    pub(crate) bytes: usize,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The saved listing, `-` for stdin
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `ftok`.
#[derive(Debug, Args)]
pub(crate) struct Ftok {
    /// The file or directory
    pub(crate) path: PathBuf,
    /// The project: a number from 1 to 255, or one character
    #[arg(short, long)]
    pub(crate) project: Project,
    /// Searches this directory, and all in it, for other files of the same key
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) collisions: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `grant`.
#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// The object, such as shm:3
    #[arg(value_name = "OBJECT")]
    pub(crate) object: Name,
    /// The new owner, by name or number
    #[arg(short, long, required_unless_present_any = ["group", "mode"])]
    pub(crate) user: Option<String>,
    /// The new group, by name or number
    #[arg(short, long)]
    pub(crate) group: Option<String>,
    /// The new mode, in octal
    #[arg(short = 'p', long, value_parser = parse_mode)]
    pub(crate) mode: Option<Mode>,
    /// Also when group or others get rights that they did not have
    #[arg(long)]
    pub(crate) widen: bool,
    /// A JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_key(text: &str) -> Result<Key, String> {
    match text.parse() {
        Ok(Key::PRIVATE) => Err("key 0 is IPC_PRIVATE: say --private".to_owned()),
        Ok(key) => Ok(key),
        Err(error) => Err(error.to_string()),
    }
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    let is_octal = !text.is_empty() && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    let bits = is_octal.then(|| u16::from_str_radix(text, 8).ok()).flatten();
    bits.and_then(Mode::new).ok_or_else(|| {
        format!("invalid mode {text:?}: expected is an octal number of nine bits, such as 0640")
    })
}
