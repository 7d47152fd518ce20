//! `ipcr record` and what goes wrong: it is killed, the disk is full or slow, its reader goes, the memory is
//! hostile. What was written can be read, and what was not read is counted.

mod common;

use std::io::Read as _;

use common::core::children::{Gate, child};
use common::core::namespace::isolated;
use common::core::{Need, is_root, skip, until};
use common::recording::{Recorder, directory, missed, of, read, read_from};
use common::{command, end, run};
use ipc_ring::{Domain, broadcast, latest, spsc};
use nix::sys::signal::Signal;

#[test]
fn a_recorder_that_is_killed_leaves_what_it_had_written() {
    isolated(|| {
        let domain = Domain::open("killed").unwrap();
        let (_directory, file) = directory();
        let numbers = broadcast::Builder::<u64>::new("numbers").domain(&domain).described();
        let mut numbers = numbers.create_sender().unwrap();
        let recorder = Recorder::start("numbers", &file, 1);
        (0..100).for_each(|number| numbers.push(number).unwrap());
        // A chunk is written after a second, if it has not become large before.
        until(|| read_from(std::fs::File::open(&file).unwrap()).0.len() == 100);
        (100..150).for_each(|number| numbers.push(number).unwrap());
        recorder.signal(Signal::SIGKILL);
        recorder.end();
        let (messages, is_complete) = read_from(std::fs::File::open(&file).unwrap());
        assert!(!is_complete && messages.len() >= 100);

        drop(numbers);
        let ended = run(&format!("replay {} --as-fast-as-possible", file.display()));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.errors.contains("ends in the middle"), "{ended:?}");
        let sent = format!("replayed {} messages to \"numbers\"", messages.len());
        assert!(ended.output.contains(&sent), "{ended:?}");
    });
}

#[test]
fn a_full_disk_ends_the_recording_and_keeps_what_was_written() {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    isolated(|| {
        if !is_root() {
            return skip(Need::Root, "mounting a small file system");
        }
        let (directory, _) = directory();
        let small = directory.path().join("small");
        std::fs::create_dir(&small).unwrap();
        child(|| {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE | MsFlags::MS_REC, None::<&str>)
                .unwrap();
            mount(Some("tmpfs"), &small, Some("tmpfs"), MsFlags::empty(), Some("size=3m")).unwrap();
            let domain = Domain::open("full").unwrap();
            let pages = broadcast::Builder::<[u64; 512]>::new("pages").domain(&domain).gated();
            let mut pages = pages.create_sender().unwrap();
            let file = small.join("run.mcap");
            let mut recorder = Recorder::start("--seat pages", &file, 1);
            // A publisher that waits for its subscribers goes on when the recorder has left.
            for number in 0..4_000 {
                pages.push([number; 512]).unwrap();
            }
            recorder.until("\"file\"");
            let ended = recorder.end();
            assert_eq!(ended.code, Some(1), "{ended:?}");
            assert!(ended.errors.contains("No space left on device"), "{ended:?}");
            let (messages, is_complete) = read_from(std::fs::File::open(&file).unwrap());
            assert!(is_complete && messages.len() > 256, "{}", messages.len());
            let numbers =
                messages.iter().map(|message| u64::from_le_bytes(message.data[..8].try_into().unwrap()));
            assert!(numbers.eq(0..messages.len() as u64));
            assert!(ended.output.contains(&format!("\"messages\":{},", messages.len())), "{ended:?}");
        })
        .join();
    });
}

/// The disk is a pipe that is not read: what goes beyond the recorder's memory is missed, and each message is
/// either recorded or counted.
#[test]
fn what_a_slow_disk_lets_the_recorder_miss_is_counted_exactly() {
    isolated(|| {
        const MESSAGES: u64 = 40_000;
        let domain = Domain::open("slow").unwrap();
        let pages = spsc::Builder::<[u64; 512]>::new("pages").domain(&domain).capacity(4096);
        let mut producer = pages.create_sender().unwrap();
        let mut consumer = pages.open_receiver().unwrap();
        let mut recorder = command("record pages --output -").spawn().unwrap();
        let maps = || std::fs::read_to_string(format!("/proc/{}/maps", recorder.id())).unwrap_or_default();
        until(|| maps().contains("SYSV"));
        for number in 0..MESSAGES {
            producer.push([number; 512]).unwrap();
            consumer.pop().unwrap();
            // The recorder keeps up, until its memory is full.
            if number % 8 == 0 {
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
        }
        drop((producer, consumer));
        let mut recording = Vec::new();
        recorder.stdout.take().unwrap().read_to_end(&mut recording).unwrap();
        let ended = end(recorder);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let (messages, is_complete) = read_from(&recording[..]);
        let pages = of(&messages, "pages");
        let missed = missed(&messages);
        assert!(is_complete && missed > 0, "nothing was missed: {ended:?}");
        // What waited in its memory, and what was still in the ring when the pipe was read.
        assert!(recording.len() < 100 << 20, "{} bytes in the memory of the recorder", recording.len());
        // Where the tap began.
        let before = messages.iter().position(|message| message.topic == "pages").unwrap();
        let first = u64::from(pages[0].sequence) - common::recording::missed(&messages[..before]);
        assert_eq!(first + pages.len() as u64 + missed, MESSAGES, "{ended:?}");
        assert!(ended.errors.contains(&format!("missed {missed}")), "{ended:?}");
        for page in pages {
            assert!(page.data.chunks(8).all(|word| word == u64::from(page.sequence).to_le_bytes()), "torn");
        }
    });
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    isolated(|| {
        let domain = Domain::open("pipe").unwrap();
        let mut pages =
            broadcast::Builder::<[u64; 512]>::new("pages").domain(&domain).create_sender().unwrap();
        let mut recorder = command("record pages --output -").spawn().unwrap();
        drop(recorder.stdout.take());
        while recorder.try_wait().unwrap().is_none() {
            pages.push([0; 512]).unwrap();
        }
        let ended = end(recorder);
        assert_eq!(ended.code, Some(0), "{ended:?}");

        // Only its lines are not read: it goes on.
        let (_directory, file) = directory();
        let mut recorder = command("record pages --count 10").arg("--output").arg(&file).spawn().unwrap();
        drop(recorder.stdout.take());
        while recorder.try_wait().unwrap().is_none() {
            pages.push([0; 512]).unwrap();
        }
        assert_eq!(end(recorder).code, Some(0));
        assert_eq!(of(&read(&file), "pages").len(), 10);
    });
}

#[test]
fn hostile_memory_ends_one_channel_at_the_most() {
    isolated(|| {
        let domain = Domain::open("hostile").unwrap();
        let (_directory, file) = directory();
        let mut good = broadcast::Builder::<u32>::new("good").domain(&domain).create_sender().unwrap();
        let before: Vec<_> = segments();
        let gate = Gate::new();
        let hostile = child(|| {
            let domain = Domain::open("hostile").unwrap();
            let _ends = (
                spsc::Builder::<u32>::new("a").domain(&domain).described().create_sender().unwrap(),
                broadcast::Builder::<u32>::new("b").domain(&domain).create_sender().unwrap(),
                broadcast::frames::Builder::new("c").domain(&domain).create_sender().unwrap(),
                latest::TableBuilder::<u32>::new("d").keys(4).domain(&domain).create_sender().unwrap(),
            );
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        let recorder = Recorder::start("--all", &file, 5);
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let targets: Vec<_> = segments().into_iter().filter(|id| !before.contains(id)).collect();
        assert_eq!(targets.len(), 5, "the process's own, and four channels");
        let attached = targets.iter().map(|id| ipc_core::shm::SharedMemory::from_id(*id).attach().unwrap());
        let attached: Vec<_> = attached.filter(|attached| attached.len() > 4096).collect();
        for number in 0..20_000_u32 {
            for memory in &attached {
                let len = memory.len();
                // Mostly among the words of the ring.
                let at = next() as usize % if next() % 4 == 0 { len } else { 2048 };
                let bytes = next().to_le_bytes();
                memory.copy_to(at.min(len - 8), &bytes[..1 + next() as usize % 8]).unwrap();
            }
            if number % 100 == 0 {
                good.push(number / 100).unwrap();
            }
        }
        let told = recorder.interrupt();
        hostile.kill();
        let (messages, is_complete) = read_from(std::fs::File::open(&file).unwrap());
        assert!(is_complete, "{told:?}");
        let good: Vec<_> = of(&messages, "good").iter().map(|message| message.data[0]).collect();
        assert!(good.iter().copied().eq(0..200), "{good:?} {told:?}");
    });
}

fn segments() -> Vec<ipc_core::shm::ShmId> {
    ipc_core::list::segments().unwrap().into_iter().map(|(id, _)| id).collect()
}
