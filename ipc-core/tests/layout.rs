//! The kernel's records as the crate defines them, compared by a C compiler with the headers of the C library
//! and of the kernel.
//!
//! The compiler is the one of the target that the test was built for; it only compiles, so it may be a cross
//! compiler. `LAYOUT_CC` names another one.

mod common;
#[path = "../src/sys/records.rs"]
#[allow(dead_code, reason = "the library uses the fields")]
mod records;

use core::mem::{offset_of, size_of};
use std::process::Command;

use nix::libc;

use records::{IpcPerm, MsgInfo, MsqidDs, SemInfo, SemidDs, ShmInfo, ShmLimits, ShmidDs};

/// `src/sys/abi.rs` says the same.
const CONSTANTS: [(&str, usize); 16] = [
    ("IPC_STAT", 2),
    ("SHM_STAT", 13),
    ("SHM_INFO", 14),
    ("SHM_STAT_ANY", 15),
    ("MSG_STAT", 11),
    ("MSG_STAT_ANY", 13),
    ("SEM_STAT", 18),
    ("SEM_STAT_ANY", 20),
    ("SHM_DEST", 0o1000),
    ("SHM_LOCKED", 0o2000),
    ("SEM_UNDO", libc::SEM_UNDO as usize),
    ("MSG_EXCEPT", libc::MSG_EXCEPT as usize),
    ("MSG_COPY", libc::MSG_COPY as usize),
    ("SHM_HUGETLB", libc::SHM_HUGETLB as usize),
    ("SHM_NORESERVE", libc::SHM_NORESERVE as usize),
    ("IPC_NOWAIT", libc::IPC_NOWAIT as usize),
];

/// Expressions of C and their values here. `kernel`: as the kernel's own headers name the structures.
fn expected(kernel: bool) -> Vec<(String, usize)> {
    let mut expected = Vec::new();
    macro_rules! structures {
        ($($structure:ident = $c:literal | $uapi:literal: $($field:ident = $name:literal | $uapi_name:literal),+;)+) => {$(
            let structure = if kernel { $uapi } else { $c };
            expected.push((format!("sizeof(struct {structure})"), size_of::<$structure>()));
            $(
                let field = if kernel { $uapi_name } else { $name };
                let text = format!("offsetof(struct {structure}, {field})");
                expected.push((text, offset_of!($structure, $field)));
            )+
        )+};
    }
    structures! {
        IpcPerm = "ipc_perm" | "ipc64_perm": key = "__key" | "key", uid = "uid" | "uid", gid = "gid" | "gid",
            cuid = "cuid" | "cuid", cgid = "cgid" | "cgid", mode = "mode" | "mode", seq = "__seq" | "seq";
        ShmidDs = "shmid_ds" | "shmid64_ds": shm_perm = "shm_perm" | "shm_perm", shm_segsz = "shm_segsz" | "shm_segsz",
            shm_atime = "shm_atime" | "shm_atime", shm_dtime = "shm_dtime" | "shm_dtime",
            shm_ctime = "shm_ctime" | "shm_ctime", shm_cpid = "shm_cpid" | "shm_cpid", shm_lpid = "shm_lpid" | "shm_lpid",
            shm_nattch = "shm_nattch" | "shm_nattch";
        MsqidDs = "msqid_ds" | "msqid64_ds": msg_perm = "msg_perm" | "msg_perm", msg_stime = "msg_stime" | "msg_stime",
            msg_rtime = "msg_rtime" | "msg_rtime", msg_ctime = "msg_ctime" | "msg_ctime",
            msg_cbytes = "__msg_cbytes" | "msg_cbytes", msg_qnum = "msg_qnum" | "msg_qnum",
            msg_qbytes = "msg_qbytes" | "msg_qbytes", msg_lspid = "msg_lspid" | "msg_lspid",
            msg_lrpid = "msg_lrpid" | "msg_lrpid";
        SemidDs = "semid_ds" | "semid64_ds": sem_perm = "sem_perm" | "sem_perm", sem_otime = "sem_otime" | "sem_otime",
            sem_ctime = "sem_ctime" | "sem_ctime", sem_nsems = "sem_nsems" | "sem_nsems";
        SemInfo = "seminfo" | "seminfo": semmni = "semmni" | "semmni", semmns = "semmns" | "semmns", semmsl = "semmsl" | "semmsl",
            semopm = "semopm" | "semopm", semusz = "semusz" | "semusz", semvmx = "semvmx" | "semvmx",
            semaem = "semaem" | "semaem";
        MsgInfo = "msginfo" | "msginfo": msgpool = "msgpool" | "msgpool", msgmap = "msgmap" | "msgmap",
            msgmax = "msgmax" | "msgmax", msgmnb = "msgmnb" | "msgmnb", msgmni = "msgmni" | "msgmni",
            msgtql = "msgtql" | "msgtql";
        ShmLimits = "shminfo" | "shminfo64": shmmax = "shmmax" | "shmmax", shmmin = "shmmin" | "shmmin",
            shmmni = "shmmni" | "shmmni", shmseg = "shmseg" | "shmseg", shmall = "shmall" | "shmall";
        ShmInfo = "shm_info" | "shm_info": shm_tot = "shm_tot" | "shm_tot", shm_rss = "shm_rss" | "shm_rss",
            shm_swp = "shm_swp" | "shm_swp";
    }
    let sembuf = [
        ("sizeof(struct sembuf)", size_of::<libc::sembuf>()),
        ("offsetof(struct sembuf, sem_num)", offset_of!(libc::sembuf, sem_num)),
        ("offsetof(struct sembuf, sem_op)", offset_of!(libc::sembuf, sem_op)),
        ("offsetof(struct sembuf, sem_flg)", offset_of!(libc::sembuf, sem_flg)),
        ("offsetof(struct msgbuf, mtext)", 8),
    ];
    expected.extend(sembuf.map(|(text, value)| (text.to_owned(), value)));
    if !kernel {
        expected.push(("sizeof(key_t)".to_owned(), size_of::<libc::key_t>()));
    }
    expected
}

/// A C compiler that is there: `LAYOUT_CC`, or the one of this target; none where no such compiler is known.
fn compiler(of_target: &str) -> Option<String> {
    let name = std::env::var("LAYOUT_CC").unwrap_or(of_target.to_owned());
    let works = |output: std::process::Output| output.status.success();
    Command::new(&name).arg("--version").output().is_ok_and(works).then_some(name)
}

/// The one with glibc's headers.
fn glibc() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" if common::is_emulated() => "aarch64-linux-gnu-gcc",
        "riscv64" if common::is_emulated() => "riscv64-linux-gnu-gcc",
        _ => "cc",
    }
}

/// The one with the headers of the C library that this test is built with.
fn of_the_library() -> Option<&'static str> {
    match (cfg!(target_env = "musl"), common::is_emulated()) {
        (false, _) => Some(glibc()),
        (true, false) => Some("musl-gcc"),
        (true, true) => None,
    }
}

/// Has the compiler compare all of them; its messages name the differing ones.
fn compare(compiler: &str, what: &str, includes: &[&str], expected: &[(String, usize)]) {
    let folder = std::env::temp_dir().join(format!("ipc-core-layout-{}-{what}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let source = folder.join("layout.c");
    let mut text = String::from("#define _GNU_SOURCE\n#include <stddef.h>\n");
    text.extend(includes.iter().map(|name| format!("#include <{name}>\n")));
    for (expression, value) in expected {
        text.push_str(&format!(
            "_Static_assert(({expression}) == {value}, \"{expression}, here {value}\");\n"
        ));
    }
    std::fs::write(&source, text).unwrap();
    let compiled =
        Command::new(compiler).arg("-c").arg(&source).arg("-o").arg(folder.join("layout.o")).output();
    std::fs::remove_dir_all(&folder).unwrap();
    let compiled = compiled.unwrap();
    assert!(compiled.status.success(), "{what}: {}", String::from_utf8_lossy(&compiled.stderr));
}

#[test]
fn records_and_constants_are_those_of_the_c_library() {
    let Some(compiler) = of_the_library().and_then(compiler) else {
        let why = "comparison with the headers of the C library: none for this target";
        return common::skip(common::Need::CCompiler, why);
    };
    let mut expected = expected(false);
    // musl has no name for it.
    let known = |name: &str| !(cfg!(target_env = "musl") && name == "MSG_COPY");
    let constants = CONSTANTS.iter().filter(|(name, _)| known(name));
    expected.extend(constants.map(|&(name, value)| (name.to_owned(), value)));
    compare(&compiler, "libc", &["sys/ipc.h", "sys/msg.h", "sys/sem.h", "sys/shm.h"], &expected);
}

#[test]
fn records_are_those_of_the_kernel() {
    // musl's compiler has no headers of the kernel's; those of glibc's have.
    let Some(compiler) = compiler(glibc()) else {
        let why = "comparison with the kernel's headers: none for this target";
        return common::skip(common::Need::CCompiler, why);
    };
    compare(
        &compiler,
        "kernel",
        &["linux/ipc.h", "linux/msg.h", "linux/sem.h", "linux/shm.h"],
        &expected(true),
    );
}

/// What is compared can differ.
#[test]
#[should_panic(expected = "sizeof(struct sembuf), here 7")]
fn a_wrong_size_is_found() {
    let compiler = compiler(glibc()).expect("sizeof(struct sembuf), here 7: not compared, no C compiler");
    compare(&compiler, "wrong", &["sys/sem.h"], &[("sizeof(struct sembuf)".to_owned(), 7)]);
}
