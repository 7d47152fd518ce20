//! `serve`: what `top` shows, as a page for a browser of this machine.
//!
//! The page asks for `data.json` again and again. It is asked for, rather than sent as it changes, so that a
//! look is taken when a browser shows it and not otherwise: a page in the background costs nothing.

mod snapshot;

use std::time::{Duration, Instant};

use ipc_cli_support::output::{self, say};

use super::http::{self, Answer};
use super::top::rows::Rows;
use crate::cli::looking::Serve;
use crate::exit::{DONE, Failure, Outcome};

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";
/// Without a request for this long the channels are detached: their memory goes with their users.
const FORGET: Duration = Duration::from_secs(3);

pub(crate) fn run(asked: &Serve) -> Outcome {
    // A domain that was asked for must be there at first; later it may go and come.
    Rows::default().look(&asked.place, true)?;
    let server = http::Server::listen(asked.listen)?;
    say!("http://{}/", server.address());
    output::flush();
    let site = std::cell::RefCell::new(Site { asked, rows: None });
    let answer = |path: &str| match path {
        "/" => Answer::new(200, HTML, include_str!("serve/page.html")),
        "/page.css" => Answer::new(200, STYLE, include_str!("serve/page.css")),
        "/page.js" => Answer::new(200, SCRIPT, include_str!("serve/page.js")),
        "/data.json" => match site.borrow_mut().data() {
            Ok(text) => Answer::new(200, JSON, text),
            Err(failure) => Answer::new(500, JSON, snapshot::failed(failure.reason())),
        },
        _ => Answer::new(404, "text/plain; charset=utf-8", "the page is at /\n"),
    };
    server.run(answer, || site.borrow_mut().forget())?;
    Ok(DONE)
}

/// The channels while a page is open.
struct Site<'a> {
    asked: &'a Serve,
    rows: Option<Looked>,
}

struct Looked {
    rows: Rows,
    at: Instant,
    /// What was seen then, for all that ask before it is time for the next look.
    text: String,
    asked_at: Instant,
}

impl Site<'_> {
    fn data(&mut self) -> Result<String, Failure> {
        let now = Instant::now();
        let (mut rows, due) = match self.rows.take() {
            None => (Rows::default(), None),
            Some(looked) if now.duration_since(looked.at) >= self.asked.looks.interval.mul_f64(0.9) => {
                (looked.rows, Some(looked.at))
            }
            Some(looked) => {
                let text = looked.text.clone();
                self.rows = Some(Looked { asked_at: now, ..looked });
                return Ok(text);
            }
        };
        rows.look(&self.asked.place, false)?;
        if due.is_none() {
            // Rates are there from the second look on: a first page does not wait for it.
            let pause = self.asked.looks.interval.min(Duration::from_millis(100));
            std::thread::sleep(pause);
            rows.look(&self.asked.place, false)?;
        }
        let text = snapshot::text(&rows, self.asked)?;
        self.rows = Some(Looked { rows, at: Instant::now(), text: text.clone(), asked_at: now });
        Ok(text)
    }

    fn forget(&mut self) {
        if self
            .rows
            .as_ref()
            .is_some_and(|looked| looked.asked_at.elapsed() > FORGET.max(self.asked.looks.interval * 3))
        {
            self.rows = None;
        }
    }
}
