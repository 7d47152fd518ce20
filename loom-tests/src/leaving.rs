//! Hand-overs between processes without a common lock: an end that leaves while another process holds the
//! domain's lock, a wake semaphore that is released, a queue that is found.
//!
//! The words and the operations on them are production's. The lock is the kernel's semaphore: its operations,
//! failed attempts included, are carried out one after the other, and it orders nothing else.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::leaving;
use ipc_ring::platform::Word as _;
use loom::sync::Mutex;
use loom::thread;

use crate::{Loom, Model, Word32, Word64, mutation, reached};

/// A mistake: the note is written after it has been counted.
pub const COUNTED_FIRST: &str = "leaving: counted before it is noted";
/// A mistake: the seat is left after the note.
pub const NOTED_FIRST: &str = "leaving: noted before the seat is left";
/// A mistake: an end that has counted does not try the lock again.
pub const NO_SECOND_TRY: &str = "leaving: the lock is not tried again";
/// A mistake: the holder does not check the count after the release.
pub const NO_LOOK_BEHIND: &str = "leaving: no look behind the release of the lock";
/// A mistake: the count is loaded after the notes have been checked.
pub const COUNTED_LATE: &str = "leaving: the count is loaded behind the sweep";
/// A mistake: the note is taken after the seats have been checked.
pub const TAKEN_LATE: &str = "leaving: the note is taken behind the look at the seats";

/// All of them.
pub const MISTAKES: [&str; 6] =
    [COUNTED_FIRST, NOTED_FIRST, NO_SECOND_TRY, NO_LOOK_BEHIND, COUNTED_LATE, TAKEN_LATE];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("leaving_while_the_lock_is_held", 100, while_it_is_held)
        .reaches(&["swept by the holder", "swept by the leaver"]),
    Model::new("leaving_together", 100, together).reaches(&["one end is left", "no end is left"]),
    Model::new("leaving_what_is_given_back", 3, given_back).reaches(&["claimed", "still taken"]),
    Model::new("leaving_a_queue_that_is_found", 3, found).reaches(&["found", "not found"]),
];

const GENERATION: u64 = 7;

/// The semaphore of the lock.
struct Kernel(Mutex<bool>);

/// The lock, held.
struct Lock<'a>(&'a Kernel);

impl Kernel {
    fn try_take(&self) -> Option<Lock<'_>> {
        let mut taken = self.0.lock().expect("no thread dies in the kernel");
        // Lazily: a value that is dropped releases the lock.
        (!std::mem::replace(&mut *taken, true)).then(|| Lock(self))
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        *self.0.0.lock().expect("no thread dies in the kernel") = false;
    }
}

/// A channel with two seats in a domain's directory.
struct Scene {
    kernel: Kernel,
    departed: Word32,
    settled: Word32,
    left: Word64,
    seats: [Word64; 2],
    listed: Word32,
}

impl Scene {
    fn new(seats: [u64; 2]) -> Rc<Self> {
        Rc::new(Self {
            kernel: Kernel(Mutex::new(false)),
            departed: Word32::contended(0),
            settled: Word32::contended(0),
            left: Word64::contended(0),
            seats: seats.map(Word64::contended),
            listed: Word32::contended(1),
        })
    }

    /// As `Member::depart` of an end that found the lock held by another.
    fn leave(&self, seat: usize) {
        // Relaxed, where production has [E1]: what is modelled does not depend on that.
        let vacate = || self.seats[seat].store(0, Relaxed);
        let note = || leaving::note::<Loom>(&self.left, GENERATION);
        let count = || leaving::count::<Loom>(&self.departed);
        if mutation::logic(NOTED_FIRST) {
            note();
            vacate();
            count();
        } else if mutation::logic(COUNTED_FIRST) {
            vacate();
            count();
            note();
        } else {
            vacate();
            note();
            count();
        }
        if !mutation::logic(NO_SECOND_TRY) {
            self.settle(|| reached("swept by the leaver"));
        }
    }

    /// As `Member::settle_departures`.
    fn settle(&self, swept: impl Fn()) {
        leaving::settle(
            || leaving::is_unsettled::<Loom>(&self.departed, &self.settled),
            || self.kernel.try_take(),
            |_| {
                self.sweep(&swept);
                true
            },
        );
    }

    /// As `Locked::sweep_departed`.
    fn sweep(&self, swept: impl Fn()) {
        let departed = leaving::counted::<Loom>(&self.departed);
        if departed == self.settled.load(Relaxed) {
            return;
        }
        if self.listed.load(Relaxed) != 0
            && leaving::is_noted::<Loom>(&self.left, GENERATION)
            && self.is_deserted()
        {
            self.listed.store(0, Relaxed);
            swept();
        }
        let late = mutation::logic(COUNTED_LATE);
        let departed = if late { leaving::counted::<Loom>(&self.departed) } else { departed };
        self.settled.store(departed, Relaxed);
    }

    fn is_deserted(&self) -> bool {
        let look = || {
            let is_held = self.seats.iter().any(|seat| seat.load(Relaxed) != 0);
            reached(if is_held { "one end is left" } else { "no end is left" });
            Some(is_held)
        };
        if mutation::logic(TAKEN_LATE) {
            let is_held = look();
            return leaving::is_deserted::<Loom>(&self.left, || is_held);
        }
        leaving::is_deserted::<Loom>(&self.left, look)
    }

    /// No end is left, so the name is gone.
    fn is_over(&self) {
        assert_eq!(self.listed.load(Relaxed), 0, "a note was forgotten");
    }
}

/// The only end leaves while another process holds the lock for something else.
fn while_it_is_held() {
    let scene = Scene::new([1, 0]);
    let lock = scene.kernel.try_take().expect("it is free");
    let shared = Rc::clone(&scene);
    let leaver = thread::spawn(move || shared.leave(0));
    // As `Member::enter`, and the work done under the lock.
    scene.sweep(|| reached("swept by the holder"));
    drop(lock);
    if !mutation::logic(NO_LOOK_BEHIND) {
        scene.settle(|| reached("swept by the holder"));
    }
    leaver.join().unwrap();
    scene.is_over();
}

/// Both ends of a channel leave; each may find the other's note.
fn together() {
    let scene = Scene::new([1, 1]);
    let shared = Rc::clone(&scene);
    let other = thread::spawn(move || shared.leave(1));
    scene.leave(0);
    other.join().unwrap();
    scene.is_over();
}

/// A wake semaphore whose last sleep wrote to its word.
fn given_back() {
    const ME: u64 = 5;
    let (owner, word) = (Rc::new(Word64::contended(ME)), Rc::new(Word32::checked(0)));
    let (shared, used) = (Rc::clone(&owner), Rc::clone(&word));
    let sleeper = thread::spawn(move || {
        used.store(1, Relaxed);
        leaving::give_back::<Loom>(&shared, ME, 0);
    });
    if leaving::owner_of::<Loom>(&owner) == 0 {
        reached("claimed");
        assert_eq!(word.load(Relaxed), 1, "the last sleep is not over");
    } else {
        reached("still taken");
    }
    sleeper.join().unwrap();
}

/// A queue that is entered while another process looks for watchers.
fn found() {
    const LIVE: u32 = 2;
    let (state, watched) = (Rc::new(Word32::checked(0)), Rc::new(Word64::checked(0)));
    let (shared, told) = (Rc::clone(&state), Rc::clone(&watched));
    let maker = thread::spawn(move || {
        told.store(GENERATION, Relaxed);
        leaving::publish::<Loom>(&shared, LIVE);
    });
    if leaving::is_published::<Loom>(&state, LIVE) {
        reached("found");
        assert_eq!(watched.load(Relaxed), GENERATION, "what it watches is not to be seen");
    } else {
        reached("not found");
    }
    maker.join().unwrap();
}
