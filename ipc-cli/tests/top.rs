//! `ipcr top` shows rates and ends on a terminal that it gives back, and prints one table elsewhere.

mod common;

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use common::core::children::{Gate, child};
use common::core::namespace::isolated;
use common::core::until;
use common::{command, done, json, run};
use ipc_ring::{Domain, broadcast, bytes, spsc};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};

/// The program on a terminal of its own.
struct OnTerminal {
    child: Child,
    /// Kept open, as its settings outlast the program only so.
    terminal: OpenptyResult,
    keys: std::fs::File,
    shown: Arc<Mutex<String>>,
    before: Termios,
}

impl OnTerminal {
    fn start(arguments: &str) -> OnTerminal {
        OnTerminal::of_width(arguments, 160)
    }

    fn of_width(arguments: &str, columns: u16) -> OnTerminal {
        let size = Winsize { ws_row: 20, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(Some(&size), None).unwrap();
        let before = tcgetattr(&terminal.slave).unwrap();
        let side = || Stdio::from(terminal.slave.try_clone().unwrap());
        let mut command = command(arguments);
        command.stdin(side()).stdout(side()).stderr(side()).env("TERM", "xterm");
        let child = command.spawn().unwrap();
        drop(command);
        let shown = Arc::new(Mutex::new(String::new()));
        let mut output = std::fs::File::from(terminal.master.try_clone().unwrap());
        let text = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length) = output.read(&mut part) {
                text.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..length]));
            }
        });
        let keys = std::fs::File::from(terminal.master.try_clone().unwrap());
        OnTerminal { child, terminal, keys, shown, before }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// The last whole picture; empty before there is one.
    fn frame(&self) -> String {
        self.shown().rsplit("ipcr top: ").nth(1).unwrap_or_default().to_owned()
    }

    /// Waits until this appears, and forgets what came before.
    fn until_shown(&self, text: &str) {
        until(|| self.shown().contains(text));
        let mut shown = self.shown.lock().unwrap();
        let at = shown.find(text).unwrap();
        shown.drain(..at + text.len());
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn settings(&self) -> Termios {
        tcgetattr(self.terminal.slave.as_fd()).unwrap()
    }

    /// Waits for the end; the terminal must be as it was.
    fn end(mut self) -> Option<i32> {
        let code = self.child.wait().unwrap().code();
        let (before, after) = (&self.before, self.settings());
        assert_eq!(
            (before.input_flags, before.output_flags, before.control_flags, before.local_flags),
            (after.input_flags, after.output_flags, after.control_flags, after.local_flags)
        );
        for given_back in ["\x1b[?25h", "\x1b[?7h", "\x1b[?1049l"] {
            self.until_shown(given_back);
        }
        code
    }
}

impl Drop for OnTerminal {
    /// A test that failed leaves no program behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A window that is closed sends a signal only to the processes of its session; the others see their terminal
/// go.
#[test]
fn it_ends_when_its_terminal_is_gone() {
    isolated(|| {
        let _domain = Domain::open("default").unwrap();
        let size = Winsize { ws_row: 20, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).unwrap();
        // The program must not hold the other side itself.
        fcntl(&master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        let side = || Stdio::from(slave.try_clone().unwrap());
        let mut command = command("top --interval 50ms");
        command.stdin(side()).stdout(side()).stderr(side()).env("TERM", "xterm");
        let mut child = command.spawn().unwrap();
        drop((command, slave));
        let mut output = std::fs::File::from(master);
        let (mut shown, mut part) = (String::new(), [0; 4096]);
        while !shown.contains("ipcr top: ") {
            let length = output.read(&mut part).unwrap();
            shown.push_str(&String::from_utf8_lossy(&part[..length]));
        }
        drop(output);
        assert_eq!(child.wait().unwrap().code(), Some(1));
    });
}

#[test]
fn it_shows_rates_and_dead_ends_and_gives_the_terminal_back() {
    isolated(|| {
        let domain = Domain::open("default").unwrap();
        let mut quick = broadcast::Builder::<u64>::new("quick").domain(&domain).create_sender().unwrap();
        let _quiet = bytes::Builder::new("a_quiet_one").domain(&domain).create_sender().unwrap();
        let gate = Gate::new();
        let dead = child(|| {
            let mut producer = spsc::Producer::<u32>::create("orphan").unwrap();
            producer.push(1).unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        let pid = dead.pid();
        let mut top = OnTerminal::start("top --interval 50ms");
        top.until_shown("\x1b[?1049h");
        top.until_shown("ipcr top: 3 channels");
        assert!(!top.settings().local_flags.contains(LocalFlags::ICANON));
        top.until_shown("RATE▾");
        assert!(!top.shown().contains("dead"), "{}", top.shown());

        dead.kill();
        let red = |word: &str| format!("\x1b[1m\x1b[31m{word}\x1b[0m");
        top.until_shown(&format!("3 channels, {} {} {}", red("1"), red("dead"), red("end")));
        top.until_shown(&format!("producer {pid} {}", red("dead")));

        // The one with messages comes first, with its rates as heights; it has no bar of fill.
        until(|| {
            (0..100).for_each(|number| quick.push(number).unwrap());
            let frame = top.frame();
            let (Some(at), Some(other)) = (frame.find("quick"), frame.find("a_quiet_one")) else {
                return false;
            };
            at < other && frame[at..other].contains('█') && !frame[at..other].contains(" 0 /s")
        });
        for title in ["BYTES▾", "FILL▾", "MISSED▾", "LAG▾", "CHANNEL▾", "RATE▾"] {
            top.press("s");
            top.until_shown(title);
        }
        top.press("\x1b[D");
        top.until_shown("CHANNEL▾");
        until(|| top.frame().contains("a_quiet_one"));
        // Scrolled: the first is not there any more.
        top.press("\x1b[B");
        until(|| top.frame().contains("quick") && !top.frame().contains("a_quiet_one"));

        // It takes no place.
        assert_eq!(domain.list().unwrap().processes.iter().filter(|process| process.is_alive).count(), 1);
        top.press("q");
        assert_eq!(top.end(), Some(0));
    });
}

#[test]
fn ctrl_c_and_signals_end_it_and_give_the_terminal_back() {
    use nix::sys::signal::{Signal, kill};
    isolated(|| {
        let domain = Domain::open("ends").unwrap();
        let _numbers = spsc::Builder::<u32>::new("numbers").domain(&domain).create_sender().unwrap();
        let mut top = OnTerminal::start("top");
        top.until_shown("numbers");
        top.press("\x03");
        assert_eq!(top.end(), Some(130));

        let top = OnTerminal::start("top");
        top.until_shown("numbers");
        kill(nix::unistd::Pid::from_raw(top.child.id().cast_signed()), Signal::SIGTERM).unwrap();
        assert_eq!(top.end(), Some(143));
    });
}

#[test]
fn the_memory_of_a_channel_that_went_is_detached() {
    isolated(|| {
        let domain = Domain::open("comes").unwrap();
        let build = |name| spsc::Builder::<u32>::new(name).domain(&domain).create_sender().unwrap();
        let _stays = build("stays");
        let goes = build("goes");
        let mut top = OnTerminal::start("top --interval 50ms");
        top.until_shown("2 channels");
        let maps = |top: &OnTerminal| {
            let maps = std::fs::read_to_string(format!("/proc/{}/maps", top.child.id())).unwrap();
            maps.lines().filter(|line| line.contains("SYSV")).count()
        };
        let segments = || ipc_core::list::segments().unwrap().len();
        let (with, there) = (maps(&top), segments());
        drop(goes);
        top.until_shown("1 channel ");
        until(|| maps(&top) < with && segments() < there);
        let _again = build("goes");
        top.until_shown("2 channels");
        top.press("q");
        assert_eq!(top.end(), Some(0));
    });
}

#[test]
fn on_a_narrow_terminal_a_channel_still_has_one_line() {
    isolated(|| {
        let domain = Domain::open("narrow").unwrap();
        let _one = spsc::Builder::<u32>::new("one").domain(&domain).create_sender().unwrap();
        let _two = spsc::Builder::<u32>::new("two").domain(&domain).create_sender().unwrap();
        let mut top = OnTerminal::of_width("top --interval 50ms --sort name", 50);
        until(|| top.frame().contains("two"));
        let frame = top.frame();
        // Headings in the second line, the channels in those behind it.
        assert!(frame.contains("\x1b[3;1Hone") && frame.contains("\x1b[4;1Htwo"), "{frame:?}");
        top.press("q");
        assert_eq!(top.end(), Some(0));
    });
}

#[test]
fn elsewhere_it_prints_one_table() {
    isolated(|| {
        assert!(done("top --interval 10ms").starts_with("No channel."));
        let domain = Domain::open("table").unwrap();
        let builder = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(16);
        let (mut producer, _consumer) = (builder.create_sender().unwrap(), builder.open_receiver().unwrap());
        (0..8).for_each(|number| producer.push(number).unwrap());
        let top = command("top --interval 1s").spawn().unwrap();
        let maps = || std::fs::read_to_string(format!("/proc/{}/maps", top.id())).unwrap_or_default();
        // After the first look, which the observer's memory shows.
        until(|| maps().contains("SYSV"));
        let ended = common::end(top);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let words: Vec<Vec<&str>> =
            ended.output.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0][..3], ["CHANNEL", "KIND", "RATE▾"]);
        assert_eq!(words[1][..6], ["numbers", "spsc", "0", "/s", "0", "B/s"]);
        assert!(ended.output.contains("████░░░░  50%"), "{ended:?}");
        let process = format!("producer {}", std::process::id());
        assert!(ended.output.contains(&process) && ended.output.contains(", consumer"), "{ended:?}");
        assert!(!ended.output.contains('\x1b'), "{ended:?}");

        let lines = json("top --interval 10ms --sort name");
        assert_eq!((&lines[0]["type"], &lines[0]["channel"]), (&"rate".into(), &"numbers".into()));
        assert_eq!((&lines[0]["pushed_per_second"], &lines[0]["waiting"]), (&0.0.into(), &8.into()));
        assert_eq!(run("top --domain nowhere").code, Some(3));
    });
}
