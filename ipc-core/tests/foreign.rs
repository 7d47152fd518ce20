//! Objects shared with programs of other people: Perl's IPC::SysV, util-linux, Python's sysv_ipc.

mod common;

use std::num::NonZeroU8;
use std::process::Command;

use common::namespace::isolated;
use common::{Need, skip};
use ipc_core::msg::{MessageBuffer, MessageQueue, MessageType, MsgId, Select};
use ipc_core::sem::{Count, SemId, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory, ShmId, Size};
use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, Trust, list};

/// Runs a program to its successful end and returns its output; `None` when it is not there, which must be
/// [allowed](skip).
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).env("LC_ALL", "C").output() {
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {arguments:?}: {error}");
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) => {
            skip(need(program), &format!("{program}: {error}"));
            None
        }
    }
}

fn need(program: &str) -> Need {
    match program {
        "perl" => Need::Perl,
        "python3" => Need::Python,
        _ => Need::UtilLinux,
    }
}

/// Whether the program can load these modules.
fn has(program: &str, arguments: &[&str]) -> bool {
    let there = Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success());
    if !there {
        skip(need(program), &format!("{program} {}: not installed", arguments.join(" ")));
    }
    there
}

fn perl(script: &str, arguments: &[&str]) -> Option<String> {
    has("perl", &["-MIPC::SysV", "-e", "1"])
        .then(|| run("perl", &[&["-e", script, "--"], arguments].concat()).unwrap())
}

#[test]
fn perl_and_we_pass_messages_both_ways() {
    isolated(|| {
        let key = Key::random().unwrap();
        let queue = RemoveOnDrop::new(MessageQueue::create_new(key, Mode::PRIVATE).unwrap());
        queue.send_bytes(MessageType::new(7).unwrap(), b"from Rust").unwrap();
        let script = r#"
            use IPC::SysV qw(IPC_NOWAIT); use IPC::Msg;
            my $queue = IPC::Msg->new($ARGV[0], 0) or die "msgget: $!";
            my $text; my $type = $queue->rcv($text, 100, 0, IPC_NOWAIT) or die "msgrcv: $!";
            $queue->snd(9, "Perl got $text of type $type") or die "msgsnd: $!";
        "#;
        if perl(script, &[&key.as_raw().to_string()]).is_some() {
            let mut buffer = MessageBuffer::with_capacity(100);
            assert!(queue.try_receive(&mut buffer, Select::Any).unwrap());
            assert_eq!(
                (buffer.message_type().get(), buffer.bytes()),
                (9, &b"Perl got from Rust of type 7"[..])
            );
        }
    });
}

#[test]
fn perl_and_we_share_semaphores_and_memory() {
    isolated(|| {
        let key = Key::random().unwrap();
        let script = r#"
            use IPC::SysV qw(S_IRUSR S_IWUSR IPC_CREAT IPC_EXCL); use IPC::Semaphore; use IPC::SharedMem;
            my $set = IPC::Semaphore->new($ARGV[0], 3, S_IRUSR | S_IWUSR | IPC_CREAT | IPC_EXCL) or die "semget: $!";
            $set->setall(1, 2, 3); $set->op(1, 5, 0) or die "semop: $!";
            my $memory = IPC::SharedMem->new($ARGV[0], 100, S_IRUSR | S_IWUSR | IPC_CREAT | IPC_EXCL) or die "shmget: $!";
            $memory->write("from Perl", 10, 9) or die "write: $!";
        "#;
        if perl(script, &[&key.as_raw().to_string()]).is_none() {
            return;
        }
        let set = RemoveOnDrop::new(SemaphoreSet::open(key, Count::Exact(3), &Trust::same_user()).unwrap());
        assert_eq!(set.values().unwrap(), [1, 7, 3]);
        let memory =
            RemoveOnDrop::new(SharedMemory::open(key, Size::Exact(100), &Trust::same_user()).unwrap());
        let mut text = [0; 9];
        let attached = memory.attach().unwrap();
        attached.copy_from(10, &mut text).unwrap();
        assert_eq!(&text, b"from Perl");

        attached.copy_to(50, b"from Rust").unwrap();
        set.wait(1).unwrap();
        let script = r#"
            use IPC::Semaphore; use IPC::SharedMem;
            print join(",", IPC::Semaphore->new($ARGV[0], 0, 0)->getall), " ", IPC::SharedMem->new($ARGV[0], 0, 0)->read(50, 9);
        "#;
        assert_eq!(perl(script, &[&key.as_raw().to_string()]).unwrap(), "1,6,3 from Rust");
    });
}

#[test]
fn perl_computes_the_same_keys() {
    if let Some(printed) = perl(r#"use IPC::SysV qw(ftok); print ftok("/etc", ord "k");"#, &[]) {
        let ours = Key::ftok("/etc", NonZeroU8::new(b'k').unwrap()).unwrap();
        // Perl may print it with or without its sign.
        assert_eq!(printed.parse::<i64>().unwrap() as i32, ours.as_raw());
    }
}

fn last_number(text: &str) -> i32 {
    text.trim().rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn what_ipcmk_makes_we_open_and_our_policy_objects_to_its_mode() {
    isolated(|| {
        let Some(made) = run("ipcmk", &["-M", "5000", "-S", "4", "-Q"]) else { return };
        let ids: Vec<i32> = made.lines().filter(|line| !line.is_empty()).map(last_number).collect();
        assert_eq!(ids.len(), 3, "{made}");
        let memory = RemoveOnDrop::new(SharedMemory::from_id(list::segments().unwrap()[0].0));
        let set = RemoveOnDrop::new(SemaphoreSet::from_id(list::sets().unwrap()[0].0));
        let queue = RemoveOnDrop::new(MessageQueue::from_id(list::queues().unwrap()[0].0));
        assert!(
            ids.contains(&memory.id().as_raw())
                && ids.contains(&set.id().as_raw())
                && ids.contains(&queue.id().as_raw())
        );
        assert_eq!((memory.stat().unwrap().size(), set.stat().unwrap().count()), (5000, 4));
        // 0644: every user may read the objects that ipcmk makes.
        let error = queue.verify(&Trust::same_user()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted);
        assert!(error.to_string().contains("its mode is 0644"), "{error}");
        let key = memory.stat().unwrap().permissions().key();
        let trust = Trust::same_user().mode_at_most(Mode::new(0o644).unwrap());
        assert_eq!(SharedMemory::open(key, Size::Exact(5000), &trust).unwrap(), *memory);
    });
}

#[test]
fn ipcrm_removes_by_identifier_and_by_key() {
    isolated(|| {
        let key = Key::random().unwrap();
        let memory = SharedMemory::create_new(Key::PRIVATE, 64, &Options::default()).unwrap();
        let set = SemaphoreSet::create_new(key, 1, Mode::PRIVATE).unwrap();
        let queue = MessageQueue::create_new(key, Mode::PRIVATE).unwrap();
        let waiting = common::children::child(|| {
            let error = queue.receive(&mut MessageBuffer::with_capacity(8), Select::Any).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Removed);
        });
        waiting.until_blocked_in(&common::children::MSGRCV);
        let (memory_id, key) = (memory.id().to_string(), key.to_string());
        if run("ipcrm", &["-m", &memory_id, "-S", &key, "-Q", &key]).is_none() {
            queue.remove().unwrap();
            set.remove().unwrap();
            memory.remove().unwrap();
        }
        waiting.join();
        assert_eq!(memory.stat().unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(set.post(0).unwrap_err().kind(), ErrorKind::Removed);
    });
}

#[test]
fn lsipc_and_ipcs_show_our_objects_as_they_are() {
    isolated(|| {
        let key = Key::random().unwrap();
        let memory = RemoveOnDrop::new(SharedMemory::create_new(key, 12345, &Options::default()).unwrap());
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(key, 6, Mode::PRIVATE.group_read()).unwrap());
        let queue = RemoveOnDrop::new(MessageQueue::create_new(key, Mode::PRIVATE).unwrap());
        queue.send_bytes(MessageType::ONE, b"hello").unwrap();
        let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        if let Some(shown) =
            run("lsipc", &["-m", "-b", "-r", "--noheadings", "-o", "KEY,ID,PERMS,SIZE,NATTCH,CPID"])
        {
            let pid = std::process::id().to_string();
            let id = memory.id().to_string();
            assert_eq!(fields(&shown), [&key.to_string(), &id, "rw-------", "12345", "0", &pid]);
        }
        if let Some(shown) = run("lsipc", &["-s", "-r", "--noheadings", "-o", "KEY,ID,PERMS,NSEMS"]) {
            assert_eq!(fields(&shown), [&key.to_string(), &set.id().to_string(), "rw-r-----", "6"]);
        }
        if let Some(shown) = run("lsipc", &["-q", "-b", "-r", "--noheadings", "-o", "KEY,ID,USEDBYTES,MSGS"])
        {
            assert_eq!(fields(&shown), [&key.to_string(), &queue.id().to_string(), "5", "1"]);
        }
        if let Some(shown) = run("ipcs", &[]) {
            for text in [&key.to_string(), "12345", "640"] {
                assert!(shown.contains(text), "{text}: {shown}");
            }
        }
    });
}

#[test]
fn python_and_we_share_all_three() {
    isolated(|| {
        // PYTHON names an interpreter whose environment has the module, if the system's interpreter does not
        // have it.
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        if !has(&python, &["-c", "import sysv_ipc"]) {
            return;
        }
        let script = r#"
import sys, sysv_ipc
key = int(sys.argv[1])
queue = sysv_ipc.MessageQueue(key, sysv_ipc.IPC_CREX, 0o600)
queue.send(b"from Python", type=3)
semaphore = sysv_ipc.Semaphore(key, sysv_ipc.IPC_CREX, 0o600, 4)
semaphore.acquire()
memory = sysv_ipc.SharedMemory(key, sysv_ipc.IPC_CREX, 0o600, 100)
memory.write(b"bytes", 20)
memory.detach()
print(queue.id, semaphore.id, memory.id)
"#;
        let key = Key::random().unwrap();
        let printed = run(&python, &["-c", script, &key.as_raw().to_string()]).unwrap();
        let ids: Vec<i32> = printed.split_whitespace().map(|id| id.parse().unwrap()).collect();
        let queue = RemoveOnDrop::new(MessageQueue::open(key, &Trust::same_user()).unwrap());
        let set = RemoveOnDrop::new(SemaphoreSet::open(key, Count::Exact(1), &Trust::same_user()).unwrap());
        let memory =
            RemoveOnDrop::new(SharedMemory::open(key, Size::Exact(100), &Trust::same_user()).unwrap());
        assert_eq!(queue.id(), MsgId::from_raw(ids[0]));
        assert_eq!((set.id(), memory.id()), (SemId::from_raw(ids[1]), ShmId::from_raw(ids[2])));
        let mut buffer = MessageBuffer::with_capacity(100);
        queue.receive(&mut buffer, Select::Any).unwrap();
        assert_eq!((buffer.message_type().get(), buffer.bytes()), (3, &b"from Python"[..]));
        assert_eq!(set.value(0).unwrap(), 3);
        let mut bytes = [0; 5];
        memory.attach_read_only().unwrap().copy_from(20, &mut bytes).unwrap();
        assert_eq!(&bytes, b"bytes");
    });
}
