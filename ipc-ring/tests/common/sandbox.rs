//! What a sandbox forbids.
#![allow(dead_code, reason = "each test file uses a part")]

use nix::libc;

/// From here on this thread gets EPERM for the system call of this number; other threads continue as before.
pub fn forbid(call: libc::c_long) {
    forbid_where(call, &[]);
}

/// As [`forbid`], for calls with this third argument only. Its upper half is not examined.
pub fn forbid_third(call: libc::c_long, argument: u32) {
    const THIRD: u32 = 16 + 2 * 8; // Offset of the lower half, on a little-endian machine.
    forbid_where(call, &[(THIRD, argument)]);
}

/// Forbids a call where the words at these offsets in the data that a filter examines have these values.
fn forbid_where(call: libc::c_long, words: &[(u32, u32)]) {
    const NUMBER: u32 = 0; // Offset of the call's number.
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut program = Vec::new();
    for (offset, value) in [(NUMBER, call as u32)].iter().chain(words) {
        // Equal: over the next statement, which allows the call.
        let equal = statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *value);
        program.push(statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, *offset));
        program.push(libc::sock_filter { jt: 1, ..equal });
        program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    }
    program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    nix::sys::prctl::set_no_new_privs().unwrap();
    // SAFETY: the program is a valid one of this length, and is copied by the call.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::c_long::from(libc::SECCOMP_MODE_FILTER as i32),
            &raw const program,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
