//! Listing, and the two ways to list compared.

mod common;

use common::namespace::{isolated, others_exist, set_kernel};
use ipc_core::limits::{
    MessageLimits, MessageUsage, SemaphoreLimits, SemaphoreUsage, SharedMemoryLimits, SharedMemoryUsage,
};
use ipc_core::msg::{MessageQueue, MessageType};
use ipc_core::sem::SemaphoreSet;
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{Key, Limit, Mode, Object, RemoveOnDrop, list};

#[test]
fn both_ways_of_listing_agree_on_every_field() {
    isolated(|| {
        let key = || Key::random().unwrap();
        let memories: Vec<_> = (1..20)
            .map(|n| {
                RemoveOnDrop::new(SharedMemory::create_new(key(), n * 1000, &Options::default()).unwrap())
            })
            .collect();
        let sets: Vec<_> = (1..20)
            .map(|n| RemoveOnDrop::new(SemaphoreSet::create_new(key(), n, Mode::PRIVATE).unwrap()))
            .collect();
        let queues: Vec<_> = (1..20)
            .map(|_| RemoveOnDrop::new(MessageQueue::create_new(key(), Mode::PRIVATE).unwrap()))
            .collect();
        // Holes, and things to see.
        memories[3].remove_object().unwrap();
        sets[7].remove_object().unwrap();
        queues[0].remove_object().unwrap();
        let attached = memories[5].attach().unwrap();
        memories[5].remove().unwrap();
        sets[2].post(0).unwrap();
        queues[4].send_bytes(MessageType::ONE, b"hello").unwrap();
        if others_exist() {
            queues[5].set_owner(11, 22).unwrap();
        }

        let (walked, read) = (list::segments().unwrap(), list::proc::segments().unwrap());
        assert_eq!((walked.len(), read.len()), (18, 18));
        for (id, stat) in walked {
            let line = read.iter().find(|line| line.id == id).expect("in both");
            assert_eq!(line.object.key, stat.permissions().key());
            assert_eq!(line.size, stat.size() as u64);
            assert_eq!(line.attachments, stat.attachments());
            assert_eq!(Some(line.creator_pid), stat.creator_pid());
            assert_eq!(line.object.perms & 0o777, u32::from(stat.permissions().mode().bits()));
            assert_eq!(line.object.perms & 0o1000 != 0, stat.is_marked_for_removal());
            assert_eq!(line.atime != 0, stat.attached_at().is_some());
        }
        let (walked, read) = (list::sets().unwrap(), list::proc::sets().unwrap());
        assert_eq!((walked.len(), read.len()), (18, 18));
        for (id, stat) in walked {
            let line = read.iter().find(|line| line.id == id).expect("in both");
            assert_eq!((line.object.key, line.count), (stat.permissions().key(), stat.count() as u64));
            assert_eq!(line.otime != 0, stat.operated_at().is_some());
        }
        let (walked, read) = (list::queues().unwrap(), list::proc::queues().unwrap());
        assert_eq!((walked.len(), read.len()), (18, 18));
        for (id, stat) in walked {
            let line = read.iter().find(|line| line.id == id).expect("in both");
            assert_eq!((line.bytes, line.messages), (stat.bytes(), stat.messages()));
            assert_eq!(
                (line.object.uid, line.object.gid),
                (stat.permissions().uid(), stat.permissions().gid())
            );
            assert_eq!(Some(line.last_sender_pid).filter(|&pid| pid != 0), stat.last_sender_pid());
        }
        drop(attached);
    });
}

#[test]
fn usage_counts_what_is_there() {
    isolated(|| {
        let memory =
            RemoveOnDrop::new(SharedMemory::create_new(Key::PRIVATE, 3 * 4096, &Options::default()).unwrap());
        memory.attach().unwrap().prefault().unwrap();
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 7, Mode::PRIVATE).unwrap());
        let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap());
        queue.send_bytes(MessageType::ONE, b"hello").unwrap();
        queue.send_bytes(MessageType::ONE, b"").unwrap();
        let usage = SharedMemoryUsage::read().unwrap();
        assert_eq!((usage.segments, usage.pages, usage.pages_in_memory), (1, 3, 3));
        let usage = SemaphoreUsage::read().unwrap();
        assert_eq!((usage.sets, usage.semaphores), (1, 7));
        let usage = MessageUsage::read().unwrap();
        assert_eq!((usage.queues, usage.messages, usage.bytes), (1, 2, 5));
        assert_eq!(Limit::SegmentPages.used(), Some(3));
        assert_eq!(Limit::Semaphores.used(), Some(7));
        drop((set, queue));
        assert_eq!(Limit::Queues.used(), Some(0));
    });
}

#[test]
fn limits_are_those_of_the_files() {
    isolated(|| {
        if !(set_kernel("sem", "11 22 33 44") && set_kernel("msgmax", "55") && set_kernel("msgmnb", "66")) {
            return;
        }
        assert!(
            set_kernel("msgmni", "77")
                && set_kernel("shmmax", "88")
                && set_kernel("shmall", "99")
                && set_kernel("shmmni", "111")
        );
        let limits = SemaphoreLimits::read().unwrap();
        assert_eq!(
            (limits.semaphores_per_set, limits.semaphores, limits.operations_per_call, limits.sets),
            (11, 22, 33, 44)
        );
        let limits = MessageLimits::read().unwrap();
        assert_eq!((limits.message_bytes, limits.queue_bytes, limits.queues), (55, 66, 77));
        let limits = SharedMemoryLimits::read().unwrap();
        assert_eq!((limits.segment_bytes, limits.pages, limits.segments), (88, 99, 111));
        let all = [
            (Limit::SemaphoresPerSet, 11),
            (Limit::Semaphores, 22),
            (Limit::OperationsPerCall, 33),
            (Limit::SemaphoreSets, 44),
            (Limit::MessageBytes, 55),
            (Limit::QueueBytes, 66),
            (Limit::Queues, 77),
            (Limit::SegmentBytes, 88),
            (Limit::SegmentPages, 99),
            (Limit::Segments, 111),
        ];
        for (limit, value) in all {
            assert_eq!(limit.value(), Some(value), "{limit}");
            let file = std::fs::read_to_string(limit.path().unwrap()).unwrap();
            assert!(file.split_whitespace().any(|number| number == value.to_string()), "{limit}: {file}");
        }
    });
}

#[test]
fn tables_of_other_kernels_are_read_by_their_first_line() {
    let table = "ctime extra cgid cuid gid uid swap rss dtime atime nattch lpid cpid size perms shmid key\n\
                 9 x 4 3 2 1 20 10 8 7 6 5 40 100 1600 3 -5\n\n";
    let line = list::proc::parse_segments(table).unwrap()[0];
    assert_eq!(
        (line.object.key.as_raw(), line.id.as_raw(), line.size, line.object.perms),
        (-5, 3, 100, 0o1600)
    );
    assert_eq!((line.resident_bytes, line.swapped_bytes, line.object.ctime), (Some(10), Some(20), 9));
    let old = "key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime\n1 2 3 4 5 6 7 8 9 10 11 12 13 14\n";
    assert_eq!(list::proc::parse_segments(old).unwrap()[0].resident_bytes, None);
    let error = list::proc::parse_sets("key semid\n1 2\n").unwrap_err();
    assert!(error.to_string().contains("there is no column perms"), "{error}");
    let error = list::proc::parse_sets("key semid perms\n1 2 800\n").unwrap_err();
    assert!(error.to_string().contains("column perms says \"800\""), "{error}");
}
