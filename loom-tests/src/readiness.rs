//! Tasks that wait for ends through a driver. The steps of arming and ringing and the sleep protocol are
//! production's; the rings are counters, and the kernel's part is a mock semaphore. There are no timed
//! checks: a task that is not woken is a deadlock, which the checker reports.

mod bodies;
mod scene;
mod task;

use ipc_ring::platform::Barrier;

use crate::Model;

/// A mistake in the steps of a task.
pub const NO_SECOND_LOOK: &str = "readiness: no look behind the waiting bit";
/// See [`NO_SECOND_LOOK`].
pub const WAKER_LATE: &str = "readiness: the waker is stored behind the waiting bit";
/// See [`NO_SECOND_LOOK`].
pub const SET_WITHOUT_LOCK: &str = "readiness: the waiting bit is set without the lock";
/// See [`NO_SECOND_LOOK`].
pub const NUMBER_LATE: &str = "readiness: the semaphore's number is stored behind the waiting bit";
/// See [`NO_SECOND_LOOK`].
pub const OLD_WAKER: &str = "readiness: a task that is polled with another waker keeps the old one";
/// See [`NO_SECOND_LOOK`].
pub const NO_LOOK_BEHIND_CLOSED: &str = "readiness: no look at the ring behind the closed bit";
/// A mistake of a notifier.
pub const NO_TOKEN: &str = "readiness: the bit is taken and no token posted";
/// See [`NO_TOKEN`].
pub const CLOSED_UNNOTIFIED: &str = "readiness: an end that closes does not look for a task that waits";
/// A mistake of the driver.
pub const ODD_IGNORED: &str = "readiness: a token for no bit makes no task look";
/// A mistake of a task that gives up.
pub const KEPT_ARMED: &str = "readiness: a task that gives up leaves its slot armed and its bit set";
/// A mistake of a task that gives up.
pub const NOT_COUNTED: &str = "readiness: a bit that was taken from a task that gives up is not counted";
/// See [`NOT_COUNTED`].
pub const CLEARED_WITHOUT_LOCK: &str = "readiness: a task that gives up takes its bit back without the lock";

/// All of them.
pub const MISTAKES: [&str; 12] = [
    NO_SECOND_LOOK,
    WAKER_LATE,
    SET_WITHOUT_LOCK,
    NUMBER_LATE,
    OLD_WAKER,
    NO_LOOK_BEHIND_CLOSED,
    NO_TOKEN,
    CLOSED_UNNOTIFIED,
    ODD_IGNORED,
    KEPT_ARMED,
    NOT_COUNTED,
    CLEARED_WITHOUT_LOCK,
];

/// The models.
pub const MODELS: &[Model] = &[
    Model::new("task_woken_fence", 1_000, || bodies::woken(Barrier::Fence))
        .reaches(&["sleeps", "found at once"]),
    Model::new("task_woken_asymmetric", 1_500, || bodies::woken(Barrier::Asymmetric))
        .reaches(&["sleeps", "found at once"]),
    Model::new("two_tasks_woken", 1_200, bodies::two_woken).reaches(&["sleeps"]),
    Model::new("two_tasks_arm_at_once", 1_000, bodies::two_arm).reaches(&["sleeps"]),
    Model::new("set_of_two_woken_by_the_first", 2_300, || bodies::set_woken([0, 1])).reaches(&["sleeps"]),
    Model::new("set_of_two_woken_by_the_second", 2_500, || bodies::set_woken([1, 0])).reaches(&["sleeps"]),
    Model::new("task_polled_with_another_waker", 300, bodies::other_waker)
        .reaches(&["stays armed", "is not armed any more"]),
    Model::new("task_gives_up_and_comes_again", 600, bodies::gives_up)
        .reaches(&["sleeps", "gave up too late"]),
    Model::new("task_told_of_a_close", 300, bodies::close).reaches(&["sleeps", "found closed at once"]),
    Model::new("task_told_of_a_death", 350, bodies::death).reaches(&["sleeps"]),
    Model::new("death_beside_a_wake_up", 1_000, bodies::death_beside).reaches(&["sleeps"]),
];
