//! When an end that polls asks whether the holder of a slot is alive.

/// How often a polling end meets a slot in somebody's hands before it asks whether that somebody is alive:
/// some ten microseconds.
const POLLS_PER_QUESTION: u32 = 1024;

/// Counts such meetings.
#[derive(Debug, Default)]
pub(super) struct Patience(u32);

impl Patience {
    /// So many looks more. True when it is time to ask.
    pub(super) fn is_over(&mut self, looks: u32) -> bool {
        self.0 += looks;
        let over = self.0 >= POLLS_PER_QUESTION;
        if over {
            self.0 = 0;
        }
        over
    }
}
