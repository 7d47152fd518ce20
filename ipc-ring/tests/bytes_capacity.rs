//! What a channel of bytes holds.

mod common;

use common::{private_namespace, unique};
use ipc_ring::Domain;
use ipc_ring::bytes::Builder;

#[test]
fn a_capacity_in_frames_holds_them_wherever_they_begin() {
    private_namespace();
    let domain = Domain::open(&unique("bytes-capacity")).unwrap();
    for (count, len) in [(1, 0), (1, 500), (2, 24), (3, 1000), (7, 1), (10, 333), (0, 100)] {
        let channel = Builder::new("frames").domain(&domain).capacity_frames(count, len as u64);
        let (mut producer, mut consumer) =
            (channel.create_sender().unwrap(), channel.open_receiver().unwrap());
        assert!(producer.longest() >= len);
        for begin in 0..64 {
            for _ in 0..count {
                producer
                    .try_push(&vec![7; len])
                    .unwrap_or_else(|error| panic!("{count} of {len}, {begin}: {error}"));
            }
            assert_eq!(consumer.drain().count() as u64, count);
            producer.try_push(&vec![8; begin % (len + 1)]).unwrap();
            consumer.pop().unwrap();
        }
    }
}
