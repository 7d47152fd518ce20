//! When a polling end asks whether the holder of a slot is alive.

/// Number of times a polling end finds a slot claimed before it asks whether the holder is alive: some ten
/// microseconds.
const POLLS_PER_QUESTION: u32 = 1024;

/// Counts these.
#[derive(Debug, Default)]
pub(super) struct Patience(u32);

impl Patience {
    /// Adds this number of looks. True when it is time to ask.
    pub(super) fn is_over(&mut self, looks: u32) -> bool {
        self.0 += looks;
        let over = self.0 >= POLLS_PER_QUESTION;
        if over {
            self.0 = 0;
        }
        over
    }
}
