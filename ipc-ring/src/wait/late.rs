//! Late sleeps: sleeps that ended by the periodic check although a wake-up was owed.
//!
//! An end that sleeps checks its ring every [`HEARTBEAT`](super::HEARTBEAT) by itself, to detect deaths. So a
//! wake-up that is lost through a bug loses no message: it only delays one, and nothing fails. This module
//! makes such bugs visible. When a sleep ends without a token, and not by the caller's deadline, the end
//! checks its ring for something for which the other side must have woken it. If there is, it sleeps a little
//! longer, since the notifier may be on its way: between its publication and its token, or woken itself to
//! pass the wake-up on, and without the CPU. If no token comes in that time, no process that may have owed it
//! has died, and there still is something, the sleep was a late one.
//!
//! Each wait states what counts as owed, which is less than what is there. A consumer is owed a wake-up for
//! each element that it finds, and for the end of the stream. A producer that waits for room is not: the
//! other side notifies it of room for a quarter of the ring, or when it sleeps itself. The producer is owed
//! one if the entire other side sleeps while there is room.
//!
//! A listener, a watch and a process that connects are owed one for each frame in their queue whose sender
//! belongs to the domain and is alive; an end that waits for a name is owed one if the name exists and its
//! maker is alive.
//!
//! The count covers all ends of this process. All of this happens after a sleep without a token, so it costs
//! nothing while wake-ups come.

use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How long a notifier may take: as long as others may keep it from a shared processor.
const GRACE: Duration = super::HEARTBEAT;

static COUNT: AtomicU64 = AtomicU64::new(0);
static LISTENER: OnceLock<Report> = OnceLock::new();

/// The function called at a late sleep, with the place in this crate where the end waited.
pub type Report = fn(&'static Location<'static>);

/// The number of late sleeps of this process so far. 0 in a program without bugs, unless a notifier that was
/// about to wake an end of this process was stopped for longer than a tenth of a second at that moment.
#[must_use]
pub fn count() -> u64 {
    COUNT.load(Relaxed) // A count, for display and for assertions of tests.
}

/// Calls `report` at each late sleep from now on, in the thread that slept. For tests: to fail where it
/// happens. Only the first call has an effect.
pub fn report_to(report: Report) {
    LISTENER.get_or_init(|| report);
}

/// The limit of a sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nap {
    /// When it ends without a token.
    pub(crate) until: Instant,
    /// The caller's deadline, which `until` does not exceed.
    pub(crate) deadline: Option<Instant>,
}

impl Nap {
    /// Until this time, or the deadline if that comes first.
    pub(crate) fn new(until: Instant, deadline: Option<Instant>) -> Self {
        Self { until: deadline.map_or(until, |deadline| deadline.min(until)), deadline }
    }

    /// No later than this time.
    pub(crate) fn at_most(self, until: Instant) -> Self {
        Self { until: self.until.min(until), ..self }
    }

    /// Longer by this much.
    #[cfg(test)]
    pub(crate) fn later(self, time: Duration) -> Self {
        Self { until: self.until + time, ..self }
    }

    /// Sleeps, using `sleep`, and returns its result: whether there was a token. If there was none,
    /// determines through `is_owed`, in at most two calls, whether one was [owed](self): whether there is
    /// something, and no process that may have owed the token has died. Both closures are passed `end`.
    ///
    /// # Errors
    /// Those of `sleep`.
    #[track_caller]
    pub(crate) fn take<T: ?Sized, E>(
        self,
        end: &mut T,
        mut sleep: impl FnMut(&mut T, Instant) -> Result<bool, E>,
        mut is_owed: impl FnMut(&mut T) -> bool,
    ) -> Result<bool, E> {
        if sleep(end, self.until)? {
            return Ok(true);
        }
        let now = Instant::now();
        let is_over = |time: Instant| self.deadline.is_some_and(|deadline| deadline <= time);
        if is_over(now) || !is_owed(end) {
            return Ok(false);
        }
        let grace = Nap::new(now + GRACE, self.deadline);
        if sleep(end, grace.until)? {
            return Ok(true);
        }
        // If the deadline comes in between, the question stays open.
        if !is_over(now + GRACE) && is_owed(end) {
            note(Location::caller());
        }
        Ok(false)
    }
}

#[cold]
fn note(place: &'static Location<'static>) {
    COUNT.fetch_add(1, Relaxed); // A count.
    if let Some(report) = LISTENER.get() {
        report(place);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    thread_local! {
        static SEEN: Cell<u32> = const { Cell::new(0) };
    }

    /// Whether there was a token, and the number of late sleeps reported to this thread. `tokens` says which
    /// of the sleeps end with a token, `owed` what the checks find; each holds as many as there must be.
    fn told(deadline: Option<Duration>, tokens: &[bool], owed: &[bool]) -> (bool, u32) {
        report_to(|place| {
            assert!(place.file().ends_with("late.rs"));
            SEEN.set(SEEN.get() + 1);
        });
        let before = SEEN.get();
        let (mut tokens, mut owed) = (tokens.iter().copied(), owed.iter().copied());
        let now = Instant::now();
        let woken = Nap::new(now, deadline.map(|deadline| now + deadline)).take(
            &mut (),
            |_, _| Ok::<_, Infallible>(tokens.next().unwrap()),
            |_| owed.next().unwrap(),
        );
        assert_eq!((tokens.next(), owed.next()), (None, None), "all sleeps and checks were made");
        (woken.unwrap(), SEEN.get() - before)
    }

    #[test]
    fn a_sleep_is_late_when_a_token_was_owed_and_none_came() {
        let twice = [false, false];
        assert_eq!(told(None, &twice, &[true, true]), (false, 1));
        assert_eq!(told(Some(GRACE * 10), &twice, &[true, true]), (false, 1));
        assert_eq!(told(None, &[false], &[false]), (false, 0), "nothing was there, or the notifier is dead");
        assert_eq!(
            told(None, &twice, &[true, false]),
            (false, 0),
            "another end took it, or the notifier died"
        );
        assert_eq!(told(None, &[true], &[]), (true, 0), "woken");
        assert_eq!(told(None, &[false, true], &[true]), (true, 0), "the notifier was under way");
        assert_eq!(told(Some(Duration::ZERO), &[false], &[]), (false, 0), "the deadline ended it");
        assert_eq!(told(Some(GRACE / 2), &twice, &[true]), (false, 0), "the deadline came in between");
        assert!(count() > 0);
    }

    #[test]
    fn no_nap_exceeds_the_deadline() {
        let now = Instant::now();
        let (soon, later) = (now + Duration::from_millis(1), now + Duration::from_millis(2));
        assert_eq!(Nap::new(later, Some(soon)).until, soon);
        assert_eq!(Nap::new(soon, Some(later)).until, soon);
        assert_eq!(Nap::new(later, None).at_most(soon), Nap::new(soon, None));
    }
}
