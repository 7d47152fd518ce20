//! What `ipcr show` tells of the fields of messages.

mod common;

use common::core::namespace::isolated;
use common::{done, json};
use ipc_core::list;
use ipc_ring::describe::Describe;
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{Domain, bytes, spsc};
use serde_json::{Value, json as value};

/// The description of a channel in a line of JSON.
fn described(lines: &[Value]) -> &Value {
    &lines.iter().find(|line| line["type"] == "channel").expect("a channel")["description"]
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "geo.Point/1")]
#[repr(C)]
struct Point {
    axes: [f64; 3],
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "robot.Pose/1")]
#[repr(C)]
struct Pose {
    time_ns: u64,
    position: Point,
}

#[test]
fn the_fields_of_messages_are_shown() {
    isolated(|| {
        let domain = Domain::open("fields").unwrap();
        let _pose = spsc::Builder::<Pose>::new("pose").domain(&domain).described().create_sender().unwrap();
        let call = ipc_ring::call::Builder::<u32, Point>::new("where").domain(&domain).described();
        let _call = call.create_sender().unwrap();
        let text = "line one\n\u{1b}[2J";
        let _frames =
            bytes::Builder::new("frames").domain(&domain).description(text).create_sender().unwrap();

        let shown = done("show pose");
        let words: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        for row in [
            &["message", "robot.Pose/1,", "32", "bytes", "aligned", "to", "8"][..],
            &["0", "u64", "time_ns"],
            &["8", "geo.Point/1", "position"],
            &["geo.Point/1", "24", "bytes"],
            &["0", "f64[3]", "axes"],
        ] {
            assert!(words.iter().any(|line| line == row), "{row:?} in {shown}");
        }
        let line = &json("show pose");
        let description = ipc_ring::describe::Description::of::<Pose>().unwrap().text();
        assert_eq!(described(line), &value!(description));

        let shown = done("show where");
        assert!(
            shown.contains("request      u32, 4 bytes") && shown.contains("reply        geo.Point/1"),
            "{shown}"
        );
        let shown = done("show frames");
        assert!(shown.contains("described    line one") && shown.contains("\\u{1b}[2J"), "{shown}");
        assert_eq!(described(&json("show frames")), &value!(text));

        // What cannot be read as a description is shown as text, and says why.
        let mut rings = list::segments().unwrap().into_iter().filter_map(|(id, _)| {
            let attached = ipc_core::shm::SharedMemory::from_id(id).attach().ok()?;
            let mut text = vec![0; attached.len()];
            attached.copy_from(0, &mut text).ok()?;
            let at = text.windows(7).position(|part| part == b"time_ns")?;
            Some((attached, at))
        });
        let (ring, at) = rings.next().expect("the channel's memory");
        ring.copy_to(at & !7, &[b'-'; 16]).unwrap();
        let shown = done("show pose");
        assert!(shown.contains("fields       not shown: ") && shown.contains("----"), "{shown}");
    });
}
