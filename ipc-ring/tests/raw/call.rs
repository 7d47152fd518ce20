//! The caller that moves bytes meets a responder of Rust types.

use std::time::Instant;

use ipc_ring::call::{self, CallError, MAX_CALL_SIZE};
use ipc_ring::raw::{AskError, Builder};
use ipc_ring::{AttachErrorKind, Domain, spsc};

use super::LONG;
use super::common::{private_namespace, unique};

#[test]
fn a_raw_caller_asks_a_responder_of_types() {
    private_namespace();
    let domain = Domain::open(&unique("call")).unwrap();
    let plain = call::Builder::<[u8; 5], u64>::new("plain").domain(&domain);
    let mut responder = plain.create_receiver().unwrap();
    let mut caller = Builder::new("plain").domain(&domain).open_caller().unwrap();
    assert_eq!((caller.request_size(), caller.reply_size()), (None, None));
    // A shorter request is padded, a longer one refused.
    caller.ask(&[1, 2, 3]).unwrap();
    let request = responder.take().unwrap();
    assert_eq!(request.value(), [1, 2, 3, 0, 0]);
    assert!(matches!(caller.ask(&[1]), Err(AskError::Call(CallError::Pending))));
    let request = {
        request.reply(0x0807_0605_0403_0201);
        caller.wait_deadline(Instant::now() + LONG).unwrap()
    };
    assert_eq!(request[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
    let most = [7; MAX_CALL_SIZE + 1];
    assert!(matches!(caller.ask(&most), Err(AskError::WrongSize { given: 57, request: 56 })));
    caller.ask(&most[1..]).unwrap();
    assert_eq!(responder.take().unwrap().value(), [7; 5]);
    assert_eq!(caller.calls(), 2);

    // The end has one holder, and is left to a successor.
    let taken = Builder::new("plain").domain(&domain).open_caller().unwrap_err();
    assert!(matches!(taken.kind(), AttachErrorKind::EndTaken { .. }), "{taken}");
    caller.detach();
    plain.open_sender().unwrap().detach();

    // Sizes are those of the description, and each request is checked against it.
    let described = call::Builder::<u32, [u16; 3]>::new("described").domain(&domain).described();
    let mut responder = described.create_receiver().unwrap();
    let mut caller = Builder::new("described").domain(&domain).open_caller().unwrap();
    assert_eq!((caller.request_size(), caller.reply_size()), (Some(4), Some(6)));
    assert_eq!(caller.reply_description().unwrap().element().name(), "u16[3]");
    assert!(matches!(caller.ask(&[0; 3]), Err(AskError::WrongSize { given: 3, request: 4 })));
    caller.ask(&5_u32.to_ne_bytes()).unwrap();
    responder.take().unwrap().reply([1, 2, 3]);
    let reply = caller.wait_deadline(Instant::now() + LONG).unwrap();
    assert_eq!(reply[..6], [1, 0, 2, 0, 3, 0]);

    // A request without a responder is taken back.
    drop(responder);
    caller.ask(&6_u32.to_ne_bytes()).unwrap();
    assert!(caller.abandon().unwrap());
    let mut responder = described.open_receiver().unwrap();
    assert!(matches!(responder.try_take(), Ok(None)));
    caller.close();
    assert!(matches!(responder.take(), Err(CallError::Closed)));

    let _numbers = spsc::Builder::<u32>::new("numbers").domain(&domain).create_sender().unwrap();
    let other = Builder::new("numbers").domain(&domain).open_caller().unwrap_err();
    assert!(matches!(other.kind(), AttachErrorKind::Kind { .. }), "{other}");
    let none = Builder::new("none").domain(&domain).open_caller().unwrap_err();
    assert!(matches!(none.kind(), AttachErrorKind::NotFound), "{none}");
}
