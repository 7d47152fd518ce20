//! The kernel's structures, compared with the C headers by the C compiler.

mod common;

use core::mem::{offset_of, size_of};
use std::process::Command;

use nix::libc;

/// What the crate keeps itself because `libc` lacks it, written down once more: `src/sys/abi.rs` asserts the same sizes.
const OURS: [(&str, usize); 5] = [
    ("sizeof(struct shminfo)", 72),
    ("offsetof(struct shminfo, shmall)", 32),
    ("sizeof(struct shm_info)", 48),
    ("offsetof(struct shm_info, shm_tot)", 8),
    ("sizeof(struct msgbuf) - offsetof(struct msgbuf, mtext)", 8),
];

const CONSTANTS: [(&str, usize); 12] = [
    ("SHM_STAT", 13),
    ("SHM_INFO", 14),
    ("SHM_STAT_ANY", 15),
    ("MSG_STAT_ANY", 13),
    ("SEM_STAT_ANY", libc::SEM_STAT_ANY as usize),
    ("SEM_UNDO", libc::SEM_UNDO as usize),
    ("SHM_DEST", 0o1000),
    ("SHM_LOCKED", 0o2000),
    ("MSG_COPY", libc::MSG_COPY as usize),
    ("MSG_EXCEPT", libc::MSG_EXCEPT as usize),
    ("SHM_HUGETLB", libc::SHM_HUGETLB as usize),
    ("SHM_NORESERVE", libc::SHM_NORESERVE as usize),
];

#[test]
fn sizes_offsets_and_constants_are_those_of_the_headers() {
    let mut expected: Vec<(String, usize)> = vec![
        ("sizeof(struct ipc_perm)".into(), size_of::<libc::ipc_perm>()),
        ("sizeof(struct shmid_ds)".into(), size_of::<libc::shmid_ds>()),
        ("sizeof(struct msqid_ds)".into(), size_of::<libc::msqid_ds>()),
        ("sizeof(struct semid_ds)".into(), size_of::<libc::semid_ds>()),
        ("sizeof(struct seminfo)".into(), size_of::<libc::seminfo>()),
        ("sizeof(struct msginfo)".into(), size_of::<libc::msginfo>()),
        ("sizeof(struct sembuf)".into(), size_of::<libc::sembuf>()),
        ("sizeof(key_t)".into(), size_of::<libc::key_t>()),
    ];
    macro_rules! offsets {
        ($($structure:ident: $($field:ident = $c:literal),+;)+) => {
            $($(expected.push((
                format!("offsetof(struct {}, {})", stringify!($structure), $c),
                offset_of!(libc::$structure, $field),
            ));)+)+
        };
    }
    offsets! {
        ipc_perm: __key = "__key", uid = "uid", gid = "gid", cuid = "cuid", cgid = "cgid", mode = "mode", __seq = "__seq";
        shmid_ds: shm_perm = "shm_perm", shm_segsz = "shm_segsz", shm_atime = "shm_atime", shm_dtime = "shm_dtime",
            shm_ctime = "shm_ctime", shm_cpid = "shm_cpid", shm_lpid = "shm_lpid", shm_nattch = "shm_nattch";
        msqid_ds: msg_perm = "msg_perm", msg_stime = "msg_stime", msg_rtime = "msg_rtime", msg_ctime = "msg_ctime",
            __msg_cbytes = "__msg_cbytes", msg_qnum = "msg_qnum", msg_qbytes = "msg_qbytes", msg_lspid = "msg_lspid",
            msg_lrpid = "msg_lrpid";
        semid_ds: sem_perm = "sem_perm", sem_otime = "sem_otime", sem_ctime = "sem_ctime", sem_nsems = "sem_nsems";
        sembuf: sem_num = "sem_num", sem_op = "sem_op", sem_flg = "sem_flg";
        seminfo: semmni = "semmni", semmns = "semmns", semmsl = "semmsl", semopm = "semopm", semusz = "semusz",
            semvmx = "semvmx", semaem = "semaem";
        msginfo: msgpool = "msgpool", msgmap = "msgmap", msgmax = "msgmax", msgmnb = "msgmnb", msgmni = "msgmni",
            msgtql = "msgtql";
    }
    expected.extend(OURS.iter().chain(&CONSTANTS).map(|&(text, value)| (text.to_owned(), value)));

    let folder = std::env::temp_dir().join(format!("ipc-core-layout-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let (source, program) = (folder.join("layout.c"), folder.join("layout"));
    let prints: String =
        expected.iter().map(|(text, _)| format!("  printf(\"%zu\\n\", (size_t)({text}));\n")).collect();
    let text = format!(
        "#define _GNU_SOURCE\n#include <stddef.h>\n#include <stdio.h>\n#include <sys/ipc.h>\n#include <sys/msg.h>\n\
         #include <sys/sem.h>\n#include <sys/shm.h>\nint main(void) {{\n{prints}  return 0;\n}}\n"
    );
    std::fs::write(&source, text).unwrap();
    let compiled = Command::new("cc").arg(&source).arg("-o").arg(&program).output();
    let output = match compiled {
        Ok(compiled) => {
            assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
            Some(Command::new(&program).output().unwrap())
        }
        Err(_) => None,
    };
    std::fs::remove_dir_all(&folder).unwrap();
    let Some(output) = output else {
        common::skipped("comparison with the C headers", "no C compiler");
        return;
    };
    let values: Vec<usize> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(values.len(), expected.len());
    for ((text, ours), theirs) in expected.iter().zip(values) {
        assert_eq!(*ours, theirs, "{text}");
    }
}
