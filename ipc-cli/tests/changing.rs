//! What `ipcr sysv` changes, and above all what it does not.

mod common;

use std::fs::File;
use std::process::Stdio;

use common::core::children::{Gate, child};
use common::core::namespace::{isolated, others_exist, set_kernel};
use common::{command, done, end, in_terminal, json, lines, run, run_with_input};
use ipc_core::msg::{MessageBuffer, MessageQueue, MessageType, Select};
use ipc_core::sem::SemaphoreSet;
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{Key, Mode, RemoveOnDrop, list};
use serde_json::json as value;

fn queue() -> MessageQueue {
    MessageQueue::create_new(Key::random().unwrap(), Mode::PRIVATE).unwrap()
}

fn number_of_objects() -> usize {
    list::segments().unwrap().len() + list::sets().unwrap().len() + list::queues().unwrap().len()
}

#[test]
fn objects_are_made_as_asked_for() {
    isolated(|| {
        let name = done("sysv mk shm 4K --key 0x2a -p 0640");
        let (id, stat) = list::segments().unwrap()[0];
        assert_eq!(name, format!("shm:{id}\n"));
        assert_eq!(
            (stat.size(), stat.permissions().key(), stat.permissions().mode().bits()),
            (4096, Key::from_raw(42), 0o640)
        );
        assert_eq!(run("sysv mk shm 4K --key 0x2a").code, Some(1));

        let line = &json("sysv mk sem 3 --values 1,0,7 --private")[0];
        let (id, stat) = list::sets().unwrap()[0];
        assert_eq!((&line["object"], &line["key"]), (&value!(format!("sem:{id}")), &value!("0x00000000")));
        assert_eq!(SemaphoreSet::from_id(id).values().unwrap(), [1, 0, 7]);
        assert_eq!(stat.permissions().mode(), Mode::PRIVATE);

        done("sysv mk msg --capacity 1000");
        let (_, stat) = list::queues().unwrap()[0];
        assert_eq!(stat.capacity_bytes(), 1000);
        assert_ne!(stat.permissions().key(), Key::PRIVATE);
        for wrong in ["shm 0", "shm x", "sem 2 --values 1,2,3", "msg -p 1777", "msg --key 0", "sem 0"] {
            assert_eq!(run(&format!("sysv mk {wrong}")).code, Some(2), "{wrong}");
        }
        assert_eq!(number_of_objects(), 3);
        for object in ["shm:0x2a", &format!("sem:{id}"), &format!("msg:{}", stat.permissions().key())] {
            done(&format!("sysv rm --yes {object}"));
        }
    });
}

/// Its name would be lost, and the object would stay permanently.
#[test]
fn what_cannot_be_told_is_not_made() {
    isolated(|| {
        for what in ["shm 100", "sem 1", "msg"] {
            let full = File::options().write(true).open("/dev/full").unwrap();
            let mut command = command(&format!("sysv mk {what}"));
            let ended = end(command.stdout(full).spawn().unwrap());
            assert_eq!(ended.code, Some(1), "{ended:?}");
            assert!(ended.errors.contains("removed again"), "{ended:?}");
            assert_eq!(number_of_objects(), 0);
        }
    });
}

#[test]
fn nothing_is_removed_that_was_not_confirmed() {
    isolated(|| {
        let queue = queue();
        let name = format!("msg:{}", queue.id());
        for (arguments, code) in [(format!("sysv rm {name}"), 5), (format!("sysv rm -n {name}"), 0)] {
            let ended = run(&arguments);
            assert_eq!(ended.code, Some(code), "{ended:?}");
            assert!(ended.output.contains(&format!("would remove {name}")), "{ended:?}");
            queue.stat().unwrap();
        }
        let (shown, code) = in_terminal(&format!("sysv rm {name}"), 200, "n\n", &[]);
        assert_eq!(code, Some(5), "{shown}");
        queue.stat().unwrap();
        let (shown, code) = in_terminal(&format!("sysv rm {name}"), 200, "y\n", &[]);
        assert_eq!(code, Some(0), "{shown}");
        assert!(
            shown.contains("Remove 1 object? [y/N]") && shown.contains(&format!("removed {name}")),
            "{shown}"
        );
        queue.stat().unwrap_err();
        assert_eq!(run(&format!("sysv rm --yes {name}")).code, Some(3));
    });
}

#[test]
fn what_is_in_use_is_removed_only_when_that_is_said() {
    isolated(|| {
        let memory = SharedMemory::create_new(Key::from_raw(42), 64, &Options::default()).unwrap();
        let attached = memory.attach().unwrap();
        let ended = run("sysv rm --yes shm:0x2a");
        assert_eq!(ended.code, Some(5), "{ended:?}");
        assert!(ended.errors.contains("in use") && ended.errors.contains("--in-use"), "{ended:?}");
        assert!(!memory.stat().unwrap().is_marked_for_removal());
        done("sysv rm --yes --in-use shm:key=42");
        assert!(memory.stat().unwrap().is_marked_for_removal());
        drop(attached);
    });
}

#[test]
fn a_listing_removes_what_it_holds_and_nothing_that_came_after() {
    isolated(|| {
        let (kept, changed, gone) = (queue(), queue(), queue());
        let listing = done("sysv ls --json");
        // A second later, as the kernel's record has whole seconds.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        changed.set_mode(Mode::PRIVATE.group_read()).unwrap();
        gone.remove().unwrap();
        let later = queue();
        let ended = run_with_input("sysv rm --from - --yes --json", &listing);
        assert_eq!(ended.code, Some(5), "{ended:?}");
        let lines = lines(&ended.output);
        let outcome = |queue: MessageQueue| {
            let name = format!("msg:{}", queue.id());
            lines
                .iter()
                .find(|line| line["object"] == name)
                .map(|line| line["outcome"].as_str().unwrap().to_owned())
        };
        assert_eq!(outcome(kept).as_deref(), Some("removed"));
        assert_eq!(outcome(changed).as_deref(), Some("refused"));
        assert_eq!(outcome(gone).as_deref(), Some("gone"));
        assert_eq!(outcome(later), None);
        kept.stat().unwrap_err();
        changed.remove().unwrap();
        later.remove().unwrap();
    });
}

/// The identifier is the same, the object is not.
#[test]
fn a_stranger_with_the_identifier_is_not_removed() {
    isolated(|| {
        let meant = queue();
        let listing = done("sysv ls --json");
        meant.remove().unwrap();
        if !set_kernel("msg_next_id", &meant.id().to_string()) {
            return;
        }
        let stranger = queue();
        assert_eq!(stranger.id(), meant.id());
        let ended = run_with_input("sysv rm --from - --yes", &listing);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        stranger.stat().unwrap();
        let ended = run_with_input("sysv verify - --json", &listing);
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert_eq!(lines(&ended.output)[0]["difference"], "replaced");
        stranger.remove().unwrap();
    });
}

#[test]
fn a_listing_that_is_none_is_refused() {
    isolated(|| {
        let queue = queue();
        for (text, why) in [
            ("nonsense", "not JSON"),
            ("{\"schema_version\":2,\"type\":\"queue\"}", "schema_version"),
            ("{\"schema_version\":1,\"type\":\"queue\",\"identity\":null}", "no identity"),
            ("{\"schema_version\":1,\"type\":\"queue\",\"identity\":\"queue id=0\"}", "expected is"),
        ] {
            let ended = run_with_input("sysv rm --from - --yes", text);
            assert_eq!(ended.code, Some(2), "{ended:?}");
            assert!(ended.errors.contains("line 1") && ended.errors.contains(why), "{ended:?}");
        }
        assert_eq!(run("sysv verify /no/such/file").code, Some(3));
        queue.remove().unwrap();
    });
}

#[test]
fn all_dead_spares_the_living_the_young_and_the_rings() {
    isolated(|| {
        let mine = SharedMemory::create_new(Key::random().unwrap(), 64, &Options::default()).unwrap();
        let gate = Gate::new();
        let victim = child(|| {
            SharedMemory::create_new(Key::from_raw(42), 64, &Options::default()).unwrap();
            // A persistent channel, in a domain whose only member is killed.
            let builder =
                ipc_ring::spsc::Builder::<u64>::new("kept").lifetime(ipc_ring::Lifetime::Persistent);
            let mut producer = builder.create_sender().unwrap();
            producer.push(7).unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        victim.kill();
        let before = number_of_objects();
        let ended = run("sysv rm --all-dead --yes");
        assert_eq!((ended.code, number_of_objects()), (Some(0), before), "{ended:?}");
        assert!(ended.output.contains("within the last 1m"), "{ended:?}");
        let ended = run("sysv rm --all-dead --older-than 0s");
        assert_eq!((ended.code, number_of_objects()), (Some(5), before), "{ended:?}");
        let ended = run("sysv rm --all-dead --older-than 0s --yes");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(
            ended.errors.contains("channel \"kept\"") && ended.errors.contains("domain \"default\""),
            "{ended:?}"
        );
        assert!(
            SharedMemory::find(Key::from_raw(42), ipc_core::shm::Size::Any, &ipc_core::Trust::same_user())
                .is_err()
        );
        mine.stat().unwrap();
        let mut consumer = ipc_ring::spsc::Consumer::<u64>::open("kept").unwrap();
        assert_eq!(consumer.pop().unwrap(), 7);
        drop(consumer);
        for finding in ipc_ring::gc::examine().unwrap() {
            finding.remove().unwrap();
        }
        mine.remove().unwrap();
    });
}

/// Which this version cannot look into, and another program may need.
#[test]
fn all_dead_spares_rings_of_other_versions() {
    isolated(|| {
        let key = Key::from_raw(42);
        child(|| {
            let memory = SharedMemory::create_new(key, 1 << 20, &Options::default()).unwrap();
            memory.attach().unwrap().copy_to(0, b"ipc-ring\x63\x00\x00\x00").unwrap();
            SemaphoreSet::create_new(key, 3, Mode::PRIVATE).unwrap().set_value(0, 1).unwrap();
        })
        .join();
        let ended = run("sysv rm --all-dead --older-than 0s --yes");
        assert_eq!((ended.code, number_of_objects()), (Some(0), 2), "{ended:?}");
        assert_eq!(ended.errors.matches("another version").count(), 2, "{ended:?}");
        // Named, they go.
        done("sysv rm --yes shm:0x2a sem:0x2a");
    });
}

#[test]
fn messages_are_shown_and_stay() {
    isolated(|| {
        let queue = RemoveOnDrop::new(queue());
        let texts: [&[u8]; 3] = [b"hello \xc3\xa9", b"\x1b[2J\x9b\x00", b""];
        for (number, text) in (1..).zip(texts) {
            queue.send_bytes(MessageType::new(number).unwrap(), text).unwrap();
        }
        let lines = json(&format!("sysv peek msg:{}", queue.id()));
        assert_eq!(lines.len(), 3);
        assert_eq!(
            (&lines[0]["text"], &lines[0]["length"], &lines[0]["hex"]),
            (&value!("hello é"), &value!(8), &value!("68656c6c6f20c3a9"))
        );
        assert_eq!(
            (&lines[1]["text"], &lines[1]["hex"], &lines[1]["message_type"]),
            (&value!(null), &value!("1b5b324a9b00"), &value!(2))
        );
        assert_eq!((&lines[2]["index"], &lines[2]["hex"]), (&value!(2), &value!("")));
        let shown = done(&format!("sysv peek msg:{} --count 2", queue.id()));
        assert!(shown.contains("1b 5b 32 4a 9b 00") && shown.contains("|.[2J..|"), "{shown}");
        assert!(shown.contains("2 of 3 messages shown"), "{shown}");
        assert!(!shown.contains(|character: char| character.is_control() && character != '\n'), "{shown:?}");
        let mut message = MessageBuffer::with_capacity(100);
        for text in texts {
            queue.receive(&mut message, Select::Any).unwrap();
            assert_eq!(message.bytes(), text);
        }
        assert!(done(&format!("sysv peek msg:{}", queue.id())).contains("no message"));
        assert_eq!(run("sysv peek shm:0").code, Some(2));
    });
}

#[test]
fn a_saved_listing_is_compared_with_what_there_is() {
    isolated(|| {
        let (same, changed, gone) = (queue(), queue(), queue());
        let listing = done("sysv ls --json");
        let as_listed = run_with_input("sysv verify -", &listing);
        assert_eq!(as_listed.code, Some(0), "{as_listed:?}");
        // Use is no difference.
        same.send_bytes(MessageType::ONE, b"1").unwrap();
        changed.set_mode(Mode::PRIVATE.others_read()).unwrap();
        gone.remove().unwrap();
        let new = queue();
        let ended = run_with_input("sysv verify - --json", &listing);
        assert_eq!(ended.code, Some(4), "{ended:?}");
        let lines = lines(&ended.output);
        for (queue, difference) in [(same, "same"), (changed, "changed"), (gone, "gone"), (new, "new")] {
            let name = format!("msg:{}", queue.id());
            assert_eq!(common::object(&lines, &name)["difference"], difference, "{lines:?}");
        }
        let ended = run_with_input("sysv verify -", &listing);
        assert!(
            ended.output.contains("mode 0600 to 0604")
                && ended.output.contains("3 differences among 3 listed"),
            "{ended:?}"
        );
        for queue in [same, changed, new] {
            queue.remove().unwrap();
        }
    });
}

#[test]
fn rights_are_never_widened_by_accident() {
    isolated(|| {
        let queue = RemoveOnDrop::new(queue());
        let name = format!("msg:{}", queue.id());
        let mode = || queue.stat().unwrap().permissions().mode().bits();
        for (asked, why) in [("0640", "the group"), ("0602", "others"), ("0777", "others")] {
            let ended = run(&format!("sysv grant {name} -p {asked}"));
            assert_eq!((ended.code, mode()), (Some(5), 0o600), "{ended:?}");
            assert!(ended.errors.contains(why) && ended.errors.contains("--widen"), "{ended:?}");
        }
        done(&format!("sysv grant {name} -p 0640 --widen"));
        assert_eq!(mode(), 0o640);
        // Less needs no word.
        done(&format!("sysv grant {name} -p 0400"));
        assert_eq!(mode(), 0o400);
        assert_eq!(run(&format!("sysv grant {name}")).code, Some(2));
        assert_eq!(run(&format!("sysv grant {name} -u no-such-user")).code, Some(3));
        if others_exist() {
            done(&format!("sysv grant {name} -u 4242 -g 4243"));
            let permissions = queue.stat().unwrap().permissions();
            assert_eq!(
                (permissions.uid(), permissions.gid(), permissions.mode().bits()),
                (4242, 4243, 0o400)
            );
            // Of several changes all or, when one is refused, none.
            let ended = run(&format!("sysv grant {name} -u 1 -p 0666"));
            assert_eq!((ended.code, queue.stat().unwrap().permissions().uid()), (Some(5), 4242), "{ended:?}");
        }
    });
}

#[test]
fn keys_of_files_and_their_collisions() {
    isolated(|| {
        use std::num::NonZeroU8;
        use std::os::unix::fs::MetadataExt as _;
        let directory =
            tempfile::Builder::new().tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = directory.path().join("one");
        let one = File::create(&path).unwrap();
        let key = Key::ftok(&path, NonZeroU8::new(b'a').unwrap()).unwrap();
        let memory = RemoveOnDrop::new(SharedMemory::create_new(key, 64, &Options::default()).unwrap());
        let asked =
            format!("sysv ftok {} --project a --collisions {}", path.display(), directory.path().display());
        let lines = json(&asked);
        assert_eq!(
            (lines.len(), &lines[0]["key"], &lines[0]["objects"]),
            (1, &value!(key.to_string()), &value!([format!("shm:{}", memory.id())]))
        );
        // File systems in memory number their files one after the other.
        std::fs::create_dir(directory.path().join("deep")).unwrap();
        let wanted = one.metadata().unwrap().ino() & 0xffff;
        let other =
            (0..200_000).map(|number| directory.path().join("deep").join(number.to_string())).find(|other| {
                let found = File::create(other).unwrap().metadata().unwrap().ino() & 0xffff == wanted;
                if !found {
                    std::fs::remove_file(other).unwrap();
                }
                found
            });
        let other = other.expect("an inode that is larger by a multiple of 65536");
        let lines = json(&asked);
        assert_eq!(
            (lines.len(), &lines[1]["type"], &lines[1]["path"]),
            (2, &value!("collision"), &value!(other.to_str().unwrap()))
        );
        assert!(done(&asked).contains("1 other file has the same key"));
        assert_eq!(run("sysv ftok /no/such/file -p 1").code, Some(3));
        assert_eq!(run("sysv ftok /etc -p 0").code, Some(2));
    });
}

/// Starts `watch`, and reads what it prints line by line.
fn watch(
    arguments: &str,
) -> (std::process::Child, std::io::Lines<std::io::BufReader<std::process::ChildStdout>>) {
    use std::io::BufRead as _;
    let mut child = command(&format!("sysv watch --json --interval 20ms {arguments}")).spawn().unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

#[test]
fn changes_are_told_as_they_come_and_ctrl_c_ends_it() {
    isolated(|| {
        let one = queue();
        let (mut child, mut events) = watch("");
        let mut next = || common::lines(&events.next().unwrap().unwrap()).remove(0);
        let event = next();
        assert_eq!(
            (&event["event"], &event["object"]),
            (&value!("present"), &value!(format!("msg:{}", one.id())))
        );
        one.send_bytes(MessageType::ONE, b"hello").unwrap();
        let event = next();
        assert_eq!(
            (&event["event"], &event["numbers"]["messages"], &event["numbers"]["bytes"]),
            (&value!("changed"), &value!(1), &value!(5))
        );
        assert!(event["rates"]["messages"].as_f64().unwrap() > 0.0, "{event}");
        let two = SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE).unwrap();
        let event = next();
        assert_eq!(
            (&event["event"], &event["object"]),
            (&value!("made"), &value!(format!("sem:{}", two.id())))
        );
        two.post(0).unwrap();
        assert_eq!(next()["numbers"]["sum_of_values"], 1);
        two.remove().unwrap();
        one.remove().unwrap();
        let removed = [next(), next()];
        assert!(removed.iter().all(|event| event["event"] == "removed"), "{removed:?}");
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(child.id().cast_signed()),
            nix::sys::signal::Signal::SIGINT,
        )
        .unwrap();
        assert!(events.next().is_none());
        assert_eq!(child.wait().unwrap().code(), Some(130));
    });
}

#[test]
fn watching_an_object_ends_with_it() {
    isolated(|| {
        let queue = queue();
        let (mut child, mut events) = watch(&format!("msg:{}", queue.id()));
        events.next().unwrap().unwrap();
        queue.remove().unwrap();
        assert!(events.next().unwrap().unwrap().contains("removed"));
        assert!(events.next().is_none());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(run("sysv watch msg:0").code, Some(3));
    });
}

#[test]
fn a_reader_that_goes_away_ends_it_without_a_word() {
    isolated(|| {
        let queues: Vec<_> = (0..2000).map(|_| RemoveOnDrop::new(queue())).collect();
        for arguments in [
            "sysv ls",
            "sysv ls --json",
            "sysv limits",
            "sysv watch --interval 10ms",
            "sysv ls --why",
            "completions bash",
        ] {
            let (reader, writer) = std::io::pipe().unwrap();
            let child = command(arguments).stdout(Stdio::from(writer)).spawn().unwrap();
            drop(reader);
            // Something to tell for `watch`.
            queues[0].send_bytes(MessageType::ONE, b"1").unwrap();
            let ended = end(child);
            assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{arguments}: {ended:?}");
        }
    });
}

#[test]
fn a_full_disk_is_an_error() {
    isolated(|| {
        let _queue = RemoveOnDrop::new(queue());
        for arguments in [
            "sysv ls",
            "sysv ls --json",
            "sysv limits",
            "sysv watch --interval 10ms",
            "man",
            "completions zsh",
        ] {
            let full = File::options().write(true).open("/dev/full").unwrap();
            let ended = end(command(arguments).stdout(full).spawn().unwrap());
            assert_eq!(ended.code, Some(1), "{arguments}: {ended:?}");
            assert!(ended.errors.contains("No space left"), "{arguments}: {ended:?}");
        }
    });
}

#[test]
fn a_terminal_gets_colours_and_lines_that_fit() {
    isolated(|| {
        let gate = Gate::new();
        let memory =
            RemoveOnDrop::new(SharedMemory::create_new(Key::from_raw(7), 64, &Options::default()).unwrap());
        let users: Vec<_> = (0..5)
            .map(|_| {
                let user = child(|| {
                    let _attached = memory.attach().unwrap();
                    gate.open();
                    std::thread::sleep(std::time::Duration::from_secs(600));
                });
                gate.pass();
                user
            })
            .collect();
        for columns in [80, 120] {
            let (shown, code) = in_terminal("sysv ls", columns, "", &[]);
            assert_eq!(code, Some(0), "{shown}");
            assert!(shown.contains('\x1b'), "{shown:?}");
            let plain = common::without_colours(&shown);
            let widest = plain
                .lines()
                .take_while(|line| !line.starts_with("not seen"))
                .map(|line| line.chars().count())
                .max();
            assert!(widest.is_some_and(|widest| widest <= usize::from(columns)), "{plain}");
            for user in &users {
                assert!(plain.contains(&user.pid().to_string()), "{plain}");
            }
        }
        for settings in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let (shown, _) = in_terminal("sysv ls", 80, "", &[settings]);
            assert!(!shown.contains('\x1b'), "{settings:?}: {shown:?}");
        }
        assert!(!done("sysv ls").contains('\x1b'));
        users.into_iter().for_each(common::core::children::Child::kill);
    });
}

#[test]
fn every_command_has_its_page_and_completions() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(done(&format!("completions {shell}")).contains("ipcr"));
    }
    assert!(done("man").contains(".TH"));
    for command in ["ls", "show", "rm", "mk", "limits", "watch", "peek", "verify", "ftok", "grant"] {
        assert!(
            done(&format!("man sysv {command}")).contains(&format!("ipcr\\-sysv\\-{command}")),
            "{command}"
        );
        assert!(done(&format!("sysv {command} --help")).contains("Usage:"));
    }
    assert_eq!(run("man nonsense").code, Some(2));
    assert_eq!(run("nonsense").code, Some(2));
}
