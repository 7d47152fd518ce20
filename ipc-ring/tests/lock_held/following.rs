//! An end that follows its channel to the ring that replaced it waits for the lock, whatever was said about
//! waiting when it was opened: the process that replaces a channel holds the lock just then.

use std::time::Duration;

use ipc_ring::{Domain, WaitStrategy};

use crate::common::{private_namespace, unique};
use crate::holder::Holder;
use crate::kinds::{self, How, Parameter, Told};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn an_end_without_patience_follows_its_channel_when_the_lock_is_free_again() {
    private_namespace();
    for kind in kinds::ALL.iter().filter(|kind| kind.parameters.contains(&Parameter::Capacity)) {
        let domain = Domain::open(&unique("following")).unwrap();
        let hasty = domain.clone().with_patience(Duration::ZERO);
        for wait in [WaitStrategy::Sleep, WaitStrategy::Spin] {
            let mut taker = (kind.taker)(How::silent(&hasty, wait)).unwrap();
            let chosen = How { capacity: Some(4), ..How::new(&domain, WaitStrategy::Sleep) };
            let mut giver = (kind.giver)(chosen).unwrap();
            assert_eq!(giver.give(7, LONG), Told::Yes, "{}", kind.name);

            let holder = Holder::start();
            let taken = std::thread::scope(|scope| {
                let taken = scope.spawn(|| taker.take(LONG));
                std::thread::sleep(Duration::from_millis(20));
                holder.end();
                taken.join().unwrap()
            });
            assert_eq!(taken, Told::Number(7), "{} {wait:?}", kind.name);
            giver.close();
        }
    }
}
