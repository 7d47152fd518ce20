//! The forms with a timeout of calls that also have one with a deadline, for no time and for ever.

use std::io::IoSlice;

use ipc_ring::{Domain, PopError, PushError, bytes, spsc};

use crate::common::{private_namespace, unique};
use crate::{FOR_EVER, NOTHING};

#[test]
fn timeouts_of_messages() {
    private_namespace();
    let domain = Domain::open(&unique("timeouts")).unwrap();
    let builder = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(2);
    let (mut taker, mut giver) = (builder.create_receiver().unwrap(), builder.open_sender().unwrap());
    let (mut one, mut some) = (0, [0; 1]);
    for nothing in NOTHING {
        assert!(matches!(taker.pop_into_timeout(&mut one, nothing), Err(PopError::TimedOut)));
        assert!(matches!(taker.pop_slice_timeout(&mut some, nothing), Err(PopError::TimedOut)));
    }
    for (patience, number) in FOR_EVER.into_iter().zip(1..) {
        giver.push_from_timeout(&number, patience).unwrap();
        giver.push_slice_timeout(&[number + 10], patience).unwrap();
        taker.pop_into_timeout(&mut one, patience).unwrap();
        assert_eq!(taker.pop_slice_timeout(&mut some, patience).unwrap(), 1);
        assert_eq!((one, some), (number, [number + 10]));
    }
    giver.push_slice_timeout(&[1, 2], FOR_EVER[0]).unwrap();
    for nothing in NOTHING {
        assert!(matches!(giver.push_from_timeout(&3, nothing), Err(PushError::TimedOut(()))));
        assert!(matches!(giver.push_slice_timeout(&[3], nothing), Err(PushError::TimedOut(_))));
    }
}

#[test]
fn timeouts_of_frames() {
    private_namespace();
    let domain = Domain::open(&unique("timeouts")).unwrap();
    let builder = bytes::Builder::new("frames").domain(&domain).capacity(64);
    let (mut taker, mut giver) = (builder.create_receiver().unwrap(), builder.open_sender().unwrap());
    let (mut whole, mut frame) = (Vec::new(), [0; 8]);
    for nothing in NOTHING {
        assert!(matches!(taker.pop_vec_timeout(&mut whole, nothing), Err(PopError::TimedOut)));
        assert!(matches!(taker.pop_into_timeout(&mut frame, nothing), Err(PopError::TimedOut)));
    }
    let parts = [IoSlice::new(b"fra"), IoSlice::new(b"me of 8")];
    for patience in FOR_EVER {
        giver.push_vectored_timeout(&parts, patience).unwrap();
        taker.pop_vec_timeout(&mut whole, patience).unwrap();
        assert_eq!(whole, b"frame of 8");
        giver.push_vectored_timeout(&parts[..1], patience).unwrap();
        taker.pop_into_timeout(&mut frame, patience).unwrap();
        assert_eq!(frame[..3], *b"fra");
    }
    while giver.try_push_vectored(&parts).is_ok() {}
    for nothing in NOTHING {
        assert!(matches!(giver.push_vectored_timeout(&parts, nothing), Err(PushError::TimedOut(_))));
    }
}
