//! `explain`: what an errno of a System V call means, and what an error of ipc-ring means and asks for.

mod errors;

use errors::ERRORS;
use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use nix::errno::Errno;
use serde::Serialize;

use crate::exit::{DONE, Failure, NOT_FOUND, Outcome};
use crate::json;

/// The project's page on System V IPC; a test of `ipc-core` compares its table with the code.
const PAGE: &str = include_str!("system-v.md");
const TABLE: &str = "### What each errno of each call means";

/// What an errno of System V IPC usually is a sign of, and what to look at.
const USUALLY: [(Errno, &str, &str); 16] = [
    (
        Errno::EINVAL,
        "the identifier names nothing: the object was removed, perhaps at logout or by a clean-up",
        "`ipcr sysv ls` shows whether it is there, `ipcr doctor` what removes objects here",
    ),
    (
        Errno::EIDRM,
        "the object was removed while the caller waited in it, or was about to",
        "the program has to open or make it anew; `ipcr sysv watch` tells when it comes back",
    ),
    (
        Errno::ENOENT,
        "no object has this key",
        "`ipcr sysv ls` shows the keys there are; with ftok, `ipcr sysv ftok` shows the key that a file has now",
    ),
    (
        Errno::EEXIST,
        "an object has this key already",
        "`ipcr sysv show shm:KEY` shows whose it is; two files can have one key: `ipcr sysv ftok --collisions`",
    ),
    (
        Errno::EACCES,
        "the mode of the object does not allow it to this user",
        "`ipcr sysv show OBJECT` shows mode and owner, `ipcr sysv grant` changes them",
    ),
    (
        Errno::EPERM,
        "only the creator, the owner or root may change or remove an object; or a sandbox forbids the call",
        "`ipcr sysv show OBJECT` shows creator and owner",
    ),
    (
        Errno::ENOSPC,
        "a limit of the kernel is reached",
        "`ipcr sysv limits` shows which; `ipcr sysv ls --dead` what can go",
    ),
    (
        Errno::ENOMEM,
        "the kernel has not enough memory, or the control group may not have more",
        "`ipcr sysv ls -m` shows what the segments take",
    ),
    (
        Errno::E2BIG,
        "the next message is longer than the buffer, or a call has too many operations",
        "`ipcr sysv peek` shows the length of the messages; nothing was lost",
    ),
    (
        Errno::EAGAIN,
        "it would have to wait: the queue is full, or the semaphore is not free",
        "`ipcr sysv show OBJECT` shows how full it is and who waits",
    ),
    (
        Errno::ENOMSG,
        "no message of the type that was asked for is in the queue",
        "`ipcr sysv peek` shows the types that are",
    ),
    (
        Errno::EINTR,
        "a signal came while it waited; these calls are never started again by themselves",
        "the program has to call again",
    ),
    (
        Errno::EFBIG,
        "the set has no semaphore of this number",
        "`ipcr sysv show OBJECT` shows how many it has",
    ),
    (
        Errno::ERANGE,
        "a semaphore would leave 0 to 32767, or what is to be undone its bounds",
        "`ipcr sysv show OBJECT` shows the values",
    ),
    (Errno::EFAULT, "the program passed a bad address", "it is a fault of the program"),
    (
        Errno::ENOSYS,
        "the kernel has no System V IPC, or a sandbox forbids it",
        "look at the seccomp filter of the container or service",
    ),
];

#[derive(Serialize)]
struct Line<'a> {
    /// What was looked up.
    term: &'a str,
    call: Option<&'a str>,
    errno: Option<&'a str>,
    meaning: String,
    to_do: Option<&'a str>,
}

/// A row of the page's table.
struct Row {
    call: &'static str,
    errno: &'static str,
    meaning: &'static str,
}

pub(crate) fn run(term: &str, for_programs: bool) -> Outcome {
    let errno = errno(term);
    let wanted = errno.map_or_else(|| term.to_owned(), |errno| format!("{errno:?}"));
    let rows: Vec<Row> = rows().filter(|row| row.is_about(&wanted)).collect();
    let error = ERRORS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(term));
    if rows.is_empty() && error.is_none() && errno.is_none() {
        let names: Vec<_> = ERRORS.iter().map(|(name, ..)| *name).collect();
        let reason = format!(
            "{term:?} is no errno (such as EINVAL or 22), no call of System V IPC (such as semop), and no error known here; those of ipc-ring are {}",
            names.join(", ")
        );
        return Err(Failure::new(NOT_FOUND, reason));
    }
    if for_programs {
        for row in rows {
            let Row { call, errno, meaning } = row;
            json::line(
                "explanation",
                &Line { term, call: Some(call), errno: Some(errno), meaning: plain(meaning), to_do: None },
            );
        }
        let usually = USUALLY.iter().find(|(known, ..)| Some(*known) == errno);
        if let Some((known, meaning, to_do)) = usually {
            let errno = format!("{known:?}");
            json::line(
                "explanation",
                &Line {
                    term,
                    call: None,
                    errno: Some(&errno),
                    meaning: (*meaning).to_owned(),
                    to_do: Some(to_do),
                },
            );
        }
        if let Some((_, meaning, to_do)) = error {
            json::line(
                "explanation",
                &Line { term, call: None, errno: None, meaning: (*meaning).to_owned(), to_do: Some(to_do) },
            );
        }
        return Ok(DONE);
    }
    if let Some((name, meaning, to_do)) = error {
        say!("{}", paint(&format!("{}: {meaning}.", Look::Heading.of(name))));
        say!("  {to_do}.");
    }
    if let Some(errno) = errno {
        say!(
            "{}",
            paint(&format!(
                "{}, {}: {}",
                Look::Heading.of(&format!("{errno:?}")),
                errno as i32,
                errno.desc()
            ))
        );
    }
    let usually = USUALLY.iter().find(|(known, ..)| Some(*known) == errno);
    if let Some((_, meaning, to_do)) = usually {
        say!("  of System V IPC: {meaning}.");
        say!("  {to_do}.");
    }
    if rows.is_empty() {
        if error.is_none() && usually.is_none() {
            say!("No call of System V IPC answers it with a meaning of its own.");
        }
        return Ok(DONE);
    }
    let mut table = output::bare_table(["CALL", "ERRNO", "MEANS"]);
    for row in rows {
        table.add_row([plain(row.call), row.errno.to_owned(), plain(row.meaning)]);
    }
    output::print_table(&table);
    Ok(DONE)
}

impl Row {
    /// Whether it is about this errno, this call, or this kind of error.
    fn is_about(&self, term: &str) -> bool {
        let has = |text: &str| {
            text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
                .any(|word| word == term)
        };
        has(self.call) || has(self.errno) || has(self.meaning)
    }
}

fn rows() -> impl Iterator<Item = Row> {
    let table = PAGE.split_once(TABLE).map_or("", |(_, rest)| rest.split("\n## ").next().unwrap_or_default());
    table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let row = Row { call: cells.next()?, errno: cells.next()?, meaning: cells.next()? };
        row.errno.starts_with('E').then_some(row)
    })
}

/// Without the marks of Markdown.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

fn errno(term: &str) -> Option<Errno> {
    let known = |errno: &Errno| *errno != Errno::UnknownErrno;
    match term.parse() {
        Ok(number) => Some(Errno::from_raw(number)).filter(known),
        Err(_) => (1..=133)
            .map(Errno::from_raw)
            .filter(known)
            .find(|errno| format!("{errno:?}").eq_ignore_ascii_case(term)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_its_table() {
        assert!(rows().count() > 40);
        assert!(rows().filter(|row| row.is_about("ENOSPC")).count() >= 4);
        assert!(rows().filter(|row| row.is_about("semctl")).count() >= 3);
        assert!(rows().filter(|row| row.is_about("LimitReached")).count() >= 5);
    }

    #[test]
    fn errnos_have_names_and_numbers() {
        assert_eq!(errno("EINVAL"), Some(Errno::EINVAL));
        assert_eq!(errno("22"), Some(Errno::EINVAL));
        assert_eq!(errno("eidrm"), Some(Errno::EIDRM));
        assert_eq!((errno("0"), errno("99999"), errno("nonsense")), (None, None, None));
    }
}
