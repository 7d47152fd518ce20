//! `ipcr` looks into domains from outside: it joins none and needs the right to read only.

mod common;

use common::core::children::{Gate, become_user, child};
use common::core::namespace::isolated;
use common::core::skip::{Need, skip};
use common::{done, end, json, lines};
use ipc_core::Mode;
use ipc_ring::{Domain, spsc};
use serde_json::{Value, json as value};

#[test]
fn the_dead_are_told_until_a_member_sweeps_them() {
    isolated(|| {
        let domain = Domain::open("default").unwrap();
        let gate = Gate::new();
        let producer = child(|| {
            let mut producer = spsc::Producer::<u64>::create("numbers").unwrap();
            producer.push(7).unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        let _consumer = spsc::Builder::<u64>::new("numbers").domain(&domain).open_receiver().unwrap();
        let pid = producer.pid();
        producer.kill();
        for look in ["ls", "show numbers", "metrics", "hz numbers --count 1 --interval 1ms"] {
            done(look);
            let lines = json("ls");
            assert_eq!((&lines[0]["alive"], &lines[0]["dead"]), (&value!(1), &value!(1)), "after {look}");
            let dead: Vec<_> = lines.iter().filter(|line| line["alive"] == false).collect();
            // Its number may be another's by now.
            assert_eq!((dead.len(), &dead[0]["pid"], &dead[0]["name"]), (1, &value!(pid), &Value::Null));
        }
        child(|| drop(Domain::open("default").unwrap())).join();
        assert_eq!(json("ls")[0]["dead"], 0);
    });
}

/// The users of a domain that is open to readers, and one who may only read.
#[test]
fn another_user_who_may_read_looks_into_a_domain() {
    isolated(|| {
        if !common::core::is_root() {
            skip(Need::Root, "another user is played");
            return;
        }
        let readable = Mode::PRIVATE.others_read();
        let trust = ipc_core::Trust::same_user().mode_at_most(readable);
        let domain = Domain::open_shared("open", 0, readable, trust).unwrap();
        let mut producer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_sender().unwrap();
        producer.push(7).unwrap();
        let _closed = Domain::open("closed").unwrap();
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).unwrap();
        let copy = directory.path().join("ipcr");
        std::fs::copy(env!("CARGO_BIN_EXE_ipcr"), &copy).unwrap();
        child(|| {
            become_user(4711, 4711, &[]);
            std::env::set_current_dir("/").unwrap();
            let ask = |arguments: &str| end(common::command_of(copy.as_os_str(), arguments).spawn().unwrap());
            let ended = ask("ls --user 0 --json");
            assert_eq!(ended.code, Some(0), "{ended:?}");
            let channel = lines(&ended.output).into_iter().find(|line| line["type"] == "channel").unwrap();
            assert_eq!(
                (&channel["channel"], &channel["ends"][0]["alive"]),
                (&value!("numbers"), &value!(true))
            );
            let ended = ask("show numbers --user 0 --json");
            let pushed = lines(&ended.output).into_iter().find(|line| line["counter"] == "pushed").unwrap();
            assert_eq!((ended.code, &pushed["value"]), (Some(0), &value!(1)));
            let ended = ask("ls --user 0 --domain closed");
            assert_eq!(ended.code, Some(1), "{ended:?}");
        })
        .join();
        // No trace of the other user among the members.
        assert_eq!(domain.list().unwrap().processes.len(), 1);
    });
}
