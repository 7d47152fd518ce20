//! `top`: all channels with what passes through them, on a screen that is drawn again and again.

pub(super) mod rows;
mod screen;

use std::io::{self, IsTerminal as _, stdin, stdout};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use ipc_cli_support::interrupt;
use ipc_cli_support::output::say;
use ipc_cli_support::style::{Look, paint};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::cli::rings::{Sort, Top};
use crate::exit::{DONE, FAILED, Failure, Outcome};
use rows::Rows;
use screen::Screen;

/// A wait for a key looks this often whether a signal came.
const SLICE: Duration = Duration::from_millis(50);
/// As a shell tells the end by Ctrl-C, which comes as a key here.
const INTERRUPTED: u8 = 130;
const SORTS: [Sort; 6] = [Sort::Rate, Sort::Bytes, Sort::Fill, Sort::Missed, Sort::Lag, Sort::Name];

pub(crate) fn run(asked: &Top) -> Outcome {
    let mut rows = Rows::default();
    rows.look(&asked.place, true)?;
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if asked.json || is_dumb || !stdin().is_terminal() || !stdout().is_terminal() {
        return once(asked, &mut rows);
    }
    watch(asked, &mut rows)
}

/// One table, or its rates as lines of JSON.
fn once(asked: &Top, rows: &mut Rows) -> Outcome {
    if !interrupt::sleep_until(Instant::now() + asked.looks.interval) {
        return Ok(DONE);
    }
    rows.look(&asked.place, false)?;
    let sorted = rows.sorted(asked.sort);
    if asked.json {
        sorted.iter().for_each(|row| row.tell());
    } else if sorted.is_empty() {
        say!("No channel. `ipcr ls` lists domains and processes.");
    } else {
        rows::lines(&sorted, asked.sort, asked.ends).iter().for_each(|line| say!("{line}"));
    }
    Ok(DONE)
}

fn watch(asked: &Top, rows: &mut Rows) -> Outcome {
    let failed = |error: io::Error| Failure::new(FAILED, format!("the terminal: {error}"));
    let mut view = View { sort: asked.sort, first: 0, with_ends: asked.ends };
    let screen = Screen::enter().map_err(failed)?;
    let interval = asked.looks.interval.max(SLICE);
    let mut next = Instant::now() + interval;
    let mut is_changed = true;
    while !interrupt::came() {
        if is_changed {
            screen.show(&view.lines(rows)).map_err(failed)?;
            is_changed = false;
        }
        let left = next.saturating_duration_since(Instant::now());
        rest(left.min(SLICE)).map_err(failed)?;
        if poll(Duration::ZERO).map_err(failed)? {
            match read().map_err(failed)? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match view.act(key) {
                    Action::Stay => {}
                    Action::End(code) => return Ok(code),
                },
                _ => {}
            }
            is_changed = true;
        }
        if Instant::now() >= next {
            rows.look(&asked.place, false)?;
            next = Instant::now() + interval;
            is_changed = true;
        }
    }
    Ok(DONE)
}

/// Waits for a key, a signal, or the end of this time.
///
/// # Errors
/// The terminal is gone. crossterm would read from it without end: it takes "nothing more" for "nothing yet".
fn rest(time: Duration) -> io::Result<()> {
    let stdin = stdin();
    let mut waited = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match nix::poll::poll(&mut waited, PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX)) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    if waited[0].revents().is_some_and(|found| found.intersects(gone)) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was closed"));
    }
    Ok(())
}

/// What is shown of the rows.
struct View {
    sort: Sort,
    /// The first line of the table that is shown.
    first: usize,
    /// Each end has a line of its own.
    with_ends: bool,
}

enum Action {
    Stay,
    /// With this exit code.
    End(u8),
}

impl View {
    fn act(&mut self, key: KeyEvent) -> Action {
        let at = SORTS.iter().position(|sort| *sort == self.sort).unwrap_or(0);
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Action::End(INTERRUPTED);
            }
            KeyCode::Char('q') | KeyCode::Esc => return Action::End(DONE),
            KeyCode::Char('s') | KeyCode::Right => self.sort = SORTS[(at + 1) % SORTS.len()],
            KeyCode::Left => self.sort = SORTS[(at + SORTS.len() - 1) % SORTS.len()],
            KeyCode::Char('e') | KeyCode::Enter => self.with_ends = !self.with_ends,
            KeyCode::Down => self.first += 1,
            KeyCode::Up => self.first = self.first.saturating_sub(1),
            _ => {}
        }
        Action::Stay
    }

    /// As many lines as the terminal has at most.
    fn lines(&mut self, rows: &Rows) -> Vec<String> {
        let (width, height) = crossterm::terminal::size().unwrap_or((80, 24));
        let sorted = rows.sorted(self.sort);
        let keys = match width {
            80.. => "s sorts, e shows ends, arrows scroll, q ends",
            60.. => "s sorts, e ends, q quits",
            _ => "",
        };
        let keys = Look::Faint.of(keys);
        let mut lines = vec![paint(&format!("ipcr top: {}  {keys}", rows::summary(&sorted)))];
        let table = rows::lines(&sorted, self.sort, self.with_ends);
        self.first = self.first.min(table.len().saturating_sub(2));
        let mut table = table.into_iter();
        lines.extend(table.next());
        lines.extend(table.skip(self.first));
        lines.truncate(usize::from(height));
        lines
    }
}
