//! What making a channel takes.

use ipc_ring::layout::Kind;
use ipc_ring::raw::Builder;
use ipc_ring::{AttachError, AttachErrorKind, Domain};

use super::common::{private_namespace, unique};
use super::element;

/// Refused before anything is looked up: whether the name is taken makes no difference.
#[test]
fn a_builder_that_must_make_a_channel_names_its_kind_and_its_elements() {
    private_namespace();
    let domain = Domain::open(&unique("making")).unwrap();
    let (new, u64s) = (|| Builder::new("channel").domain(&domain), element::<u64>("u64"));
    let refused = |what: &str, builder: &Builder| {
        let errors: [AttachError; 2] =
            [builder.create_new_sender().unwrap_err(), builder.create_new_receiver().unwrap_err()];
        for error in errors {
            let text = error.to_string();
            assert!(matches!(error.kind(), AttachErrorKind::Unspecified { .. }), "{text}");
            assert_eq!((error.channel(), error.domain()), (Some("channel"), Some(domain.name())), "{text}");
            assert!(text.contains(&format!("name its {what}, and this builder does not")), "{text}");
            assert!(!error.is_retryable(), "{text}");
        }
    };
    let all = || {
        refused("kind and elements", &new());
        refused("kind", &new().element(&u64s));
        refused("elements", &new().kind(Kind::Spsc));
        for kind in [Kind::Bytes, Kind::BroadcastBytes, Kind::Call, Kind::Pool] {
            refused("kind, one that has raw ends", &new().kind(kind).element(&u64s));
        }
    };
    all();
    let whole = new().kind(Kind::Spsc).element(&u64s);
    let _made = whole.create_new_sender().unwrap();
    all();
    let error = whole.create_new_receiver().unwrap_err();
    assert!(matches!(error.kind(), AttachErrorKind::AlreadyExists), "{error}");
    // Without them the channel is found.
    new().create_receiver().unwrap();
}
