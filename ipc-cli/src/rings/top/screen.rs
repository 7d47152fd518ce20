//! The terminal as a screen of its own, and as it was afterwards.

use std::io::{self, Write, stdout};
use std::sync::Once;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::style::Print;
use crossterm::terminal::{
    Clear, ClearType, DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};

/// A screen beside what the terminal showed before, with keys that come one by one. Dropping it gives the
/// terminal back, and so does a panic, before it says its message.
pub(super) struct Screen(());

impl Screen {
    /// # Errors
    /// Of the terminal, which is given back then.
    pub(super) fn enter() -> io::Result<Screen> {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                give_back();
                report(panic);
            }));
        });
        let screen = Screen(());
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, DisableLineWrap, Hide)?;
        Ok(screen)
    }

    /// Shows these lines from the top, and nothing else.
    pub(super) fn show(&self, lines: &[String]) -> io::Result<()> {
        let mut out = stdout().lock();
        for (row, line) in (0..).zip(lines) {
            queue!(out, MoveTo(0, row), Print(line), Clear(ClearType::UntilNewLine))?;
        }
        // A place below the last line would be taken for that line.
        let below = lines.len() as u16;
        if size().is_ok_and(|(_, height)| below < height) {
            queue!(out, MoveTo(0, below), Clear(ClearType::FromCursorDown))?;
        }
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Nothing can be done about a terminal that does not take it; it may be gone.
fn give_back() {
    let _ = execute!(stdout(), Show, EnableLineWrap, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use nix::pty::openpty;
    use nix::sys::termios::tcgetattr;

    use super::Screen;

    const INSIDE: &str = "SCREEN_TEST_PANICS";

    /// The test runs itself on a terminal, and panics there with the screen entered.
    #[test]
    fn a_panic_gives_the_terminal_back_and_then_says_its_message() {
        if std::env::var_os(INSIDE).is_some() {
            let screen = Screen::enter().unwrap();
            screen.show(&["shown".to_owned()]).unwrap();
            panic!("of the test");
        }
        let terminal = openpty(None, None).unwrap();
        let before = tcgetattr(&terminal.slave).unwrap();
        let side = || Stdio::from(terminal.slave.try_clone().unwrap());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["a_panic_gives_the_terminal_back", "--nocapture", "--test-threads=1"]);
        // Its output has to fit into the terminal's buffer.
        command.env(INSIDE, "1").env("RUST_BACKTRACE", "0").stdin(side()).stdout(side()).stderr(side());
        let mut child = command.spawn().unwrap();
        drop(command);
        assert_eq!(child.wait().unwrap().code(), Some(101));
        let after = tcgetattr(&terminal.slave).unwrap();
        assert_eq!(
            (before.input_flags, before.output_flags, before.local_flags),
            (after.input_flags, after.output_flags, after.local_flags)
        );
        drop(terminal.slave);
        let mut text = Vec::new();
        // The other side's end comes as an error.
        let _ = std::fs::File::from(terminal.master).read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        let (shown, left) = (text.find("shown").unwrap(), text.find("\x1b[?1049l").unwrap());
        let said = text.find("of the test").unwrap();
        assert!(shown < left && left < said, "{text:?}");
    }
}
