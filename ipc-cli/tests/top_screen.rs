//! `ipcr top` in a real terminal, which tmux is: what is on the screen after keys, and when the size changes.

mod common;

use std::process::{Command, Stdio};

use common::core::children::{Gate, child};
use common::core::namespace::isolated;
use common::core::skip::{Need, skip};
use common::core::until;
use ipc_ring::{Domain, broadcast, mpmc, spsc};

/// A terminal with a program in it, which prints its exit code when it ends.
struct Terminal {
    folder: tempfile::TempDir,
}

impl Terminal {
    fn start(arguments: &str, columns: u16, rows: u16) -> Terminal {
        let terminal = Terminal { folder: tempfile::tempdir().unwrap() };
        let program = env!("CARGO_BIN_EXE_ipcr");
        let shell = format!("'{program}' {arguments}; echo ended with $?; exec cat");
        let (columns, rows) = (columns.to_string(), rows.to_string());
        terminal.tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, &shell]);
        terminal
    }

    /// A server of its own: it is in the namespace of the test, and has no settings.
    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-f").arg("/dev/null").arg("-S").arg(self.folder.path().join("socket"));
        command.args(arguments).env("SHELL", "/bin/sh").env_remove("NO_COLOR").env_remove("TMUX");
        let output = command.stdin(Stdio::null()).output().expect("tmux");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The lines of the screen, without the empty ones at its end.
    fn screen(&self) -> Vec<String> {
        let text = self.tmux(&["capture-pane", "-p"]);
        let lines: Vec<&str> = text.trim_end_matches('\n').lines().collect();
        lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits until the line that begins so is drawn like this: a screen may be read while it is written.
    fn until_coloured(&self, begin: &str, is_it: impl Fn(&str) -> bool) {
        self.until_screen(|_| {
            let text = self.tmux(&["capture-pane", "-p", "-e"]);
            text.lines().find(|line| plain(line).starts_with(begin)).is_some_and(&is_it)
        });
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &rows]);
    }

    /// Waits for a screen of this kind, and gives it.
    fn until_screen(&self, is_meant: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut screen = Vec::new();
        let mut looks = 0;
        until(|| {
            screen = self.screen();
            looks += 1;
            // For the reader of a test that hangs.
            if looks % 1000 == 0 {
                common::core::say(&format!("still waiting, with {screen:#?} on the screen"));
            }
            is_meant(&screen)
        });
        screen
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let socket = self.folder.path().join("socket");
        let _ = Command::new("tmux").arg("-S").arg(socket).arg("kill-server").output();
    }
}

/// The text without colours.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = behind.split_once('m').map_or("", |(_, behind)| behind);
    }
    plain + rest
}

fn has(screen: &[String], text: &str) -> bool {
    screen.iter().any(|line| line.contains(text))
}

/// The line of a channel.
fn row(screen: &[String], channel: &str) -> usize {
    let found = screen.iter().position(|line| line.split_whitespace().next() == Some(channel));
    found.unwrap_or_else(|| panic!("{channel} in {screen:#?}"))
}

fn has_tmux() -> bool {
    let found = Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success());
    if !found {
        skip(Need::Tmux, "the screen of top is looked at");
    }
    found
}

#[test]
fn keys_sort_scroll_and_show_the_ends() {
    if !has_tmux() {
        return;
    }
    isolated(|| {
        let domain = Domain::open("screen").unwrap();
        let news = broadcast::Builder::<u64>::new("a.news").domain(&domain).capacity(16);
        let mut publisher = news.create_sender().unwrap();
        let mut quick = news.open_receiver().unwrap();
        let _slow = news.open_receiver().unwrap();
        let jobs = mpmc::Builder::<u64>::new("b.jobs").domain(&domain).capacity(8);
        let mut jobs = (jobs.create_sender().unwrap(), jobs.open_receiver().unwrap());
        let gate = Gate::new();
        let dead = child(|| {
            let domain = Domain::open("screen").unwrap();
            let _producer = spsc::Builder::<u32>::new("c.orphan").domain(&domain).create_sender().unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        let _consumer = spsc::Builder::<u32>::new("c.orphan").domain(&domain).open_receiver().unwrap();
        let (pid, me) = (dead.pid(), std::process::id());
        (0..12).for_each(|number| publisher.push(number).unwrap());
        while quick.try_pop().is_ok() {}
        jobs.0.push(1).unwrap();

        let terminal = Terminal::start("top --interval 50ms --sort name", 160, 24);
        let screen = terminal.until_screen(|screen| has(screen, "c.orphan"));
        let titles: Vec<&str> = screen[1].split_whitespace().collect();
        assert_eq!(titles, ["CHANNEL▾", "KIND", "RATE", "BYTES", "FILL", "MISSED", "LAG", "LATELY", "ENDS"]);
        assert_eq!((row(&screen, "a.news"), row(&screen, "b.jobs"), row(&screen, "c.orphan")), (2, 3, 4));
        // A cell is below its heading.
        let at = |screen: &[String], line: usize, title: &str| {
            let column = screen[1].chars().take_while(|_| true).collect::<String>().find(title).unwrap();
            let skipped = screen[1][..column].chars().count();
            screen[line].chars().skip(skipped).take_while(|letter| *letter != ' ').collect::<String>()
        };
        assert_eq!(at(&screen, 2, "LAG"), "12");
        assert_eq!(at(&screen, 3, "LAG"), "1");
        // Late: more than half the ring.
        terminal.until_coloured("a.news", |line| line.contains("\x1b[33m12"));
        // Only a dead end makes the name red; a process may sleep in the kernel for a moment.
        terminal.until_coloured("c.orphan", |line| line.starts_with("c.orphan"));

        dead.kill();
        terminal.until_screen(|screen| {
            has(screen, "1 dead end") && screen[4].contains(&format!("producer {pid} dead"))
        });
        terminal.until_coloured("c.orphan", |line| line.starts_with("\x1b[1m\x1b[31mc.orphan"));

        // Each end, and how far it is behind.
        terminal.press("e");
        let screen = terminal.until_screen(|screen| has(screen, "behind"));
        let lags: Vec<&str> =
            screen.iter().filter_map(|line| line.trim_start().strip_prefix("consumer ")).collect();
        let named = |lag: &str| {
            lags.iter().filter(|line| line.starts_with(&format!("{me} ")) && line.ends_with(lag)).count()
        };
        assert_eq!(
            (named("  12 behind"), named("  1 behind"), named("  0 behind")),
            (1, 1, 2),
            "{screen:#?}"
        );
        assert_eq!(screen[row(&screen, "c.orphan") + 1].trim_start(), format!("producer {pid} dead"));
        terminal.press("e");
        terminal.until_screen(|screen| !has(screen, "behind"));

        // To the greatest lag, and back.
        terminal.press("Left");
        let screen = terminal.until_screen(|screen| has(screen, "LAG▾"));
        assert_eq!((row(&screen, "a.news"), row(&screen, "b.jobs")), (2, 3));
        quick.try_pop().unwrap_err();
        for title in ["CHANNEL▾", "RATE▾", "BYTES▾", "FILL▾", "MISSED▾", "LAG▾"] {
            terminal.press("s");
            terminal.until_screen(|screen| screen[1].contains(title));
        }

        terminal.press("Down");
        let screen = terminal.until_screen(|screen| !has(screen, "a.news"));
        assert!(screen[1].starts_with("CHANNEL"), "the headings stay: {screen:#?}");
        terminal.press("Up");
        terminal.until_screen(|screen| has(screen, "a.news"));

        // What was there before is there again, and nothing of the table.
        terminal.press("q");
        let screen = terminal.until_screen(|screen| has(screen, "ended with"));
        assert_eq!(screen, ["ended with 0"]);
    });
}

#[test]
fn a_terminal_of_any_size_has_a_line_for_each_channel() {
    if !has_tmux() {
        return;
    }
    isolated(|| {
        let domain = Domain::open("sizes").unwrap();
        let build = |name: &str| {
            let builder = spsc::Builder::<u32>::new(name).domain(&domain);
            (builder.create_sender().unwrap(), builder.open_receiver().unwrap())
        };
        let _channels: Vec<_> = (0..6).map(|number| build(&format!("channel.{number}"))).collect();
        let terminal = Terminal::start("top --interval 50ms --sort name", 200, 24);
        terminal.until_screen(|screen| has(screen, "channel.5"));
        for (columns, titles) in [
            (110, "CHANNEL▾ KIND RATE BYTES FILL MISSED LAG ENDS"),
            (80, "CHANNEL▾ RATE BYTES FILL MISSED LAG ENDS"),
            (60, "CHANNEL▾ RATE FILL LAG ENDS"),
            (40, "CHANNEL▾ RATE LAG"),
            (24, "CHANNEL▾ RATE LAG"),
            (160, "CHANNEL▾ KIND RATE BYTES FILL MISSED LAG LATELY ENDS"),
        ] {
            terminal.resize(columns, 24);
            let is_drawn = |screen: &[String]| {
                screen.len() == 8
                    && screen[1].split_whitespace().collect::<Vec<_>>().join(" ").starts_with(titles)
            };
            let screen = terminal.until_screen(is_drawn);
            for number in 0..6 {
                assert_eq!(row(&screen, &format!("channel.{number}")), number + 2, "{columns}: {screen:#?}");
            }
            assert!(screen.iter().all(|line| line.chars().count() <= usize::from(columns)), "{screen:#?}");
        }
        // Low: as many lines as there are, and the others by scrolling.
        terminal.resize(100, 4);
        terminal.until_screen(|screen| {
            screen.len() == 4 && has(screen, "channel.1") && !has(screen, "channel.2")
        });
        (0..9).for_each(|_| terminal.press("Down"));
        let screen = terminal.until_screen(|screen| has(screen, "channel.5"));
        assert!(screen.len() == 3 && screen[1].starts_with("CHANNEL"), "{screen:#?}");
        terminal.press("C-c");
        assert_eq!(terminal.until_screen(|screen| has(screen, "ended with")), ["ended with 130"]);
    });
}
