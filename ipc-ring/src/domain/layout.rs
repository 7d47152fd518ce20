//! The layout of a domain's words. The table is in `docs/layout.md` too.
//!
//! | offset | content |
//! |---|---|
//! | 0x000 | header: magic, ready, version, table sizes, next channel generation, identifier of the semaphore set, name |
//! | 0x100 | process table: 64 bytes a slot |
//! | … | wake table: 8 bytes a wake semaphore, its owner |
//! | … | channel directory: 256 bytes a channel |
//! | … | queue table: 64 bytes a message queue |
//! | … | park table: 4 bytes a wake semaphore, a word to sleep on in its place |
//! | … | notes: 32 bytes a segment that is being made |
//!
//! All of it is written under the domain's lock, which is taken over from a holder that is gone. An entry's
//! state word is written last when it comes to life and first when it ends, so a holder that dies half-way
//! leaves either nothing or the whole.

pub(super) const MAGIC: u64 = u64::from_ne_bytes(*b"ipc-doma");
pub(super) const VERSION: u32 = 6;
pub(super) const READY: u32 = 0x5244_5931;

/// The maximum number of processes of a domain. The [`sizes`](super::sizes) of a domain follow from its set
/// of semaphores.
pub const PROCESSES: usize = 256;
/// The maximum number of wake semaphores, one for each end that may sleep.
pub const WAKES: usize = 1024;
/// The number of wake semaphores, from the first, that get a token at the death of any process of the domain.
/// For those that wait for events of processes that never woke them.
pub const BELLS: usize = 16;
/// The number of channels.
pub const CHANNELS: usize = 256;
/// The number of message queues for control traffic.
pub const QUEUES: usize = 512;

pub(super) const H_MAGIC: usize = 0x00;
pub(super) const H_READY: usize = 0x08;
pub(super) const H_VERSION: usize = 0x0c;
pub(super) const H_PROCESSES: usize = 0x10;
pub(super) const H_CHANNELS: usize = 0x14;
pub(super) const H_WAKES: usize = 0x18;
pub(super) const H_QUEUES: usize = 0x1c;
pub(super) const H_GENERATION: usize = 0x20;
pub(super) const H_SEMAPHORES: usize = 0x28;
/// The number of notes about segments.
pub(super) const H_NOTES: usize = 0x2c;
pub(super) const H_NAME_LENGTH: usize = 0x30;
pub(super) const H_NAME: usize = 0x40;
pub(super) const H_WATCHERS: usize = 0x80;
/// The number of departures without the lock, and the number of them that have been handled.
pub(super) const H_DEPARTED: usize = 0x84;
pub(super) const H_SETTLED: usize = 0x88;
/// The longest name of a domain, in bytes.
pub(super) const DOMAIN_NAME_BYTES: usize = 64;

pub(super) const PROCESS_TABLE: usize = 0x100;
pub(super) const PROCESS_SIZE: usize = 64;
pub(super) const P_GENERATION: usize = 0;
pub(super) const P_STATE: usize = 8;
pub(super) const P_PID: usize = 12;
pub(super) const P_STARTED_NS: usize = 16;
/// The image of the process: [`ImageId::to_word`](super::image::ImageId::to_word).
pub(super) const P_IMAGE: usize = 24;

pub(super) const WAKE_TABLE: usize = PROCESS_TABLE + PROCESSES * PROCESS_SIZE;

pub(super) const CHANNEL_TABLE: usize = WAKE_TABLE + WAKES * 8;
pub(super) const CHANNEL_SIZE: usize = 256;
pub(super) const C_GENERATION: usize = 0;
pub(super) const C_STATE: usize = 8;
pub(super) const C_KIND: usize = 12;
pub(super) const C_SEGMENT: usize = 16;
pub(super) const C_WAKE: usize = 20;
pub(super) const C_CREATOR: usize = 24;
pub(super) const C_NAME_LENGTH: usize = 32;
pub(super) const C_NAME: usize = 40;
pub(super) const C_UP: usize = 160;
pub(super) const C_DOWN: usize = 168;
pub(super) const C_FENCES: usize = 176;
/// Generation of the channel that an end left without the lock; and of one that had ended then.
pub(super) const C_LEFT: usize = 184;
pub(super) const C_FINISHED: usize = 192;

pub(super) const QUEUE_TABLE: usize = CHANNEL_TABLE + CHANNELS * CHANNEL_SIZE;
pub(super) const QUEUE_SIZE: usize = 64;
pub(super) const Q_OWNER: usize = 0;
pub(super) const Q_STATE: usize = 8;
pub(super) const Q_KEY: usize = 12;
pub(super) const Q_ID: usize = 16;
pub(super) const Q_WAKE: usize = 20;
pub(super) const Q_WATCHED: usize = 24;
pub(super) const Q_UID: usize = 32;
pub(super) const Q_MISSED: usize = 40;

/// Words to sleep on, four bytes for each wake semaphore: for ends that do not sleep on the semaphore.
pub(super) const PARK_TABLE: usize = QUEUE_TABLE + QUEUES * QUEUE_SIZE;

/// The number of notes about segments that are being made.
pub const NOTES: usize = 64;
pub(super) const NOTE_TABLE: usize = PARK_TABLE + WAKES * 4;
pub(super) const NOTE_SIZE: usize = 32;
pub(super) const N_KEY: usize = 0;
pub(super) const N_STATE: usize = 4;
pub(super) const N_SIZE: usize = 8;
pub(super) const N_UID: usize = 16;

/// Size of the whole segment, in bytes.
pub(super) const SIZE: usize = NOTE_TABLE + NOTES * NOTE_SIZE;

/// State of a process slot or channel entry.
pub(super) const FREE: u32 = 0;
pub(super) const LIVE: u32 = 1;
/// State of a queue's entry, or of a note about a segment, while the object is being made under the key
/// written there.
pub(super) const MAKING: u32 = 2;

/// Kind of a channel entry that is a listener: its `segment` is the identifier of a message queue.
pub(crate) const LISTENER: u32 = 64;

/// The semaphores: the domain's lock, its mark, the lock's holder, then groups of a token for a process slot
/// and some wake semaphores. The position of a semaphore does not depend on the number of groups.
///
/// They are one set on purpose: when a process dies the kernel reverts all its adjustments to one set in one
/// step. So a sleeper that is woken by a death finds the token lowered.
pub(super) const LOCK: u16 = 0;
/// Marks the set as a domain's: [`MARKED`] from the first operation on the set, and never changed.
pub(super) const MARK: u16 = 1;
/// The bytes `ip`.
pub(super) const MARKED: u16 = 0x6970;
/// This semaphore and the next one: with [`LOCK`] they name the image of the lock's holder.
pub(super) const HOLDER: u16 = 2;
/// Semaphores before the groups.
pub(super) const FIRST_GROUP: usize = 4;
/// Wake semaphores of a group.
pub(super) const WAKES_IN_GROUP: usize = WAKES / PROCESSES;
/// Semaphores of a group.
pub(super) const GROUP: usize = 1 + WAKES_IN_GROUP;
/// The semaphores of the largest set.
pub(super) const SEMAPHORES: usize = FIRST_GROUP + PROCESSES * GROUP;

const _: () = {
    assert!(PROCESS_TABLE.is_multiple_of(64));
    assert!(WAKE_TABLE.is_multiple_of(64));
    assert!(CHANNEL_TABLE.is_multiple_of(64));
    assert!(C_NAME + crate::layout::NAME_BYTES <= C_UP);
    assert!(QUEUE_TABLE.is_multiple_of(64));
    assert!(H_NAME + DOMAIN_NAME_BYTES <= H_WATCHERS);
    assert!(PROCESSES < 1 << 16);
    assert!(BELLS < WAKES);
    assert!(WAKES.is_multiple_of(PROCESSES));
    assert!(SEMAPHORES < 1 << 16);
};

/// The semaphore of a wake semaphore's number.
pub(super) const fn wake(index: u16) -> u16 {
    let (group, place) = (index / WAKES_IN_GROUP as u16, index % WAKES_IN_GROUP as u16);
    token(group as usize) + 1 + place
}

/// The token semaphore of a process slot.
pub(super) const fn token(slot: usize) -> u16 {
    (FIRST_GROUP + slot * GROUP) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::assert_table;

    #[test]
    fn every_semaphore_has_one_use() {
        let tokens = (0..PROCESSES).map(token);
        let wakes = (0..WAKES as u16).map(wake);
        let mut all: Vec<u16> =
            [LOCK, MARK, HOLDER, HOLDER + 1].into_iter().chain(tokens).chain(wakes).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..SEMAPHORES as u16));
    }

    #[test]
    fn the_specification_has_the_same_offsets() {
        assert_table(
            "Domain header",
            &[
                ("magic", H_MAGIC),
                ("ready", H_READY),
                ("version", H_VERSION),
                ("processes", H_PROCESSES),
                ("channels", H_CHANNELS),
                ("wakes", H_WAKES),
                ("queues", H_QUEUES),
                ("generation", H_GENERATION),
                ("semaphores", H_SEMAPHORES),
                ("notes", H_NOTES),
                ("name_length", H_NAME_LENGTH),
                ("name", H_NAME),
                ("watchers", H_WATCHERS),
                ("departed", H_DEPARTED),
                ("settled", H_SETTLED),
                ("process_table", PROCESS_TABLE),
                ("wake_table", WAKE_TABLE),
                ("channel_table", CHANNEL_TABLE),
                ("queue_table", QUEUE_TABLE),
                ("park_table", PARK_TABLE),
                ("note_table", NOTE_TABLE),
            ],
        );
        assert_table(
            "Process table entry",
            &[
                ("generation", P_GENERATION),
                ("state", P_STATE),
                ("pid", P_PID),
                ("started_ns", P_STARTED_NS),
                ("image", P_IMAGE),
            ],
        );
        assert_table(
            "Channel table entry",
            &[
                ("generation", C_GENERATION),
                ("state", C_STATE),
                ("kind", C_KIND),
                ("segment", C_SEGMENT),
                ("wake", C_WAKE),
                ("creator", C_CREATOR),
                ("name_length", C_NAME_LENGTH),
                ("name", C_NAME),
                ("up", C_UP),
                ("down", C_DOWN),
                ("fences", C_FENCES),
                ("left", C_LEFT),
                ("finished", C_FINISHED),
            ],
        );
        assert_table(
            "Note about a segment",
            &[("key", N_KEY), ("state", N_STATE), ("size", N_SIZE), ("uid", N_UID)],
        );
        assert_table(
            "Queue table entry",
            &[
                ("owner", Q_OWNER),
                ("state", Q_STATE),
                ("key", Q_KEY),
                ("queue", Q_ID),
                ("wake", Q_WAKE),
                ("watched", Q_WATCHED),
                ("uid", Q_UID),
                ("missed", Q_MISSED),
            ],
        );
        assert_eq!((SIZE, SEMAPHORES, VERSION), (0x1f900, 1284, 6));
        crate::documented::assert_versions(crate::layout::VERSION, VERSION);
    }
}
