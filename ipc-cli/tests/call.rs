//! `ipcr call` is the caller of a service for one request, and says what became of one without a reply.

mod common;

use common::core::children::{Gate, child};
use common::core::namespace::isolated;
use common::{Ended, command, done, end, json, run};
use ipc_ring::describe::Describe;
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{Domain, PeerState, call, spsc};
use serde_json::{Value, json as value};

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "test.Pair/1")]
#[repr(C)]
struct Pair {
    one: i32,
    other: [i32; 2],
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "test.Sum/1")]
#[repr(C)]
struct Sum {
    sum: i64,
    half: f64,
}

fn refused(ended: &Ended, code: i32, word: &str) {
    assert!(ended.code == Some(code) && ended.output.is_empty() && ended.errors.contains(word), "{ended:?}");
}

fn add(pair: Pair) -> Sum {
    let sum = i64::from(pair.one) + pair.other.iter().map(|number| i64::from(*number)).sum::<i64>();
    Sum { sum, half: sum as f64 / 2.0 }
}

#[test]
fn a_service_answers_requests_of_fields_json_and_bytes() {
    isolated(|| {
        let domain = Domain::open("calls").unwrap();
        let described =
            call::Builder::<Pair, Sum>::new("add").domain(&domain).described().await_successors(true);
        let mut adds = described.create_receiver().unwrap();
        let plain = call::Builder::<u32, u32>::new("next").domain(&domain).await_successors(true);
        let mut nexts = plain.create_receiver().unwrap();
        // In this process: the domain has one member besides the caller.
        let adding = std::thread::spawn(move || adds.serve_all(|pair, _| add(pair)));
        let counting = std::thread::spawn(move || nexts.serve_all(|number, _| number + 1));

        let shown = done("call add one=1 other[0]=-4 other[1]=10");
        assert!(shown.starts_with("reply after ") && shown.ends_with("  sum=7  half=3.5\n"), "{shown}");
        assert!(done("call add one=9 --zeros").ends_with("  sum=9  half=4.5\n"));
        let lines = json(r#"call add {"one":1,"other":[2,3]}"#);
        assert_eq!(
            (&lines[0]["type"], &lines[0]["fields"]),
            (&value!("reply"), &value!({"sum": 6, "half": 3.0}))
        );
        assert_eq!((&lines[0]["domain"], &lines[0]["channel"]), (&value!("calls"), &value!("add")));
        assert!(lines[0]["nanoseconds"].as_u64().unwrap() > 0);
        let lines = json("call add --hex 010000000200000003000000");
        assert_eq!((&lines[0]["length"], &lines[0]["fields"]["sum"]), (&value!(16), &value!(6)));

        // Without a description the whole line is the reply.
        let lines = json("call next --hex 29000000");
        assert_eq!((&lines[0]["length"], &lines[0]["fields"]), (&value!(56), &Value::Null));
        assert!(lines[0]["hex"].as_str().unwrap().starts_with("2a000000"));
        assert!(done("call next --hex 29000000").contains("does not describe its replies"));

        // It has left, and the next caller takes its place.
        assert_eq!(domain.list().unwrap().processes.len(), 1);
        let mut caller = described.open_sender().unwrap();
        assert_eq!(caller.call(Pair { one: 1, other: [0, 1] }).unwrap().sum, 2);
        drop((caller, plain.open_sender().unwrap()));
        adding.join().unwrap().unwrap();
        counting.join().unwrap().unwrap();
    });
}

#[test]
fn what_cannot_be_asked_is_refused_and_asks_nothing() {
    isolated(|| {
        let domain = Domain::open("refusals").unwrap();
        let described = call::Builder::<Pair, Sum>::new("add").domain(&domain).described();
        let responder = described.create_receiver().unwrap();
        let _plain = call::Builder::<u32, u32>::new("next").domain(&domain).create_receiver().unwrap();
        let _numbers = spsc::Builder::<u32>::new("numbers").domain(&domain).create_receiver().unwrap();
        refused(&run("call nothing --hex 00"), 3, "no channel");
        refused(&run("call numbers --hex 00"), 2, "kind spsc");
        refused(&run("call add"), 2, "no request");
        refused(&run("call add one=1"), 2, "other[0], other[1]; --zeros");
        refused(&run("call add one=1.5 --zeros"), 2, "no value of i32");
        refused(&run(r#"call add {"one":"x"}"#), 2, "is no number");
        refused(&run(r#"call add {"one":1"#), 2, "no JSON object");
        refused(&run("call add --hex 00"), 2, "has 12");
        refused(&run("call next one=1"), 2, "no description");
        refused(&run(&format!("call next --hex {}", "00".repeat(57))), 2, "56 at most");
        assert!(matches!(responder.peer().unwrap(), PeerState::Gone(_)));

        // A caller that lives keeps its end.
        let caller = described.open_sender().unwrap();
        let ended = run("call add --zeros one=1");
        refused(&ended, 5, &std::process::id().to_string());
        assert!(ended.errors.contains("nothing was asked"), "{ended:?}");
        assert_eq!(caller.calls(), 0);
    });
}

#[test]
fn what_became_of_a_request_without_a_reply_is_said() {
    isolated(|| {
        let domain = Domain::open("silence").unwrap();
        let builder = call::Builder::<u32, u32>::new("silent").domain(&domain);
        let mut responder = builder.create_receiver().unwrap();

        // Alive and slow: it may still act on it, and the next caller waits for that.
        let ended = run("call silent --timeout 50ms --hex 07000000");
        refused(&ended, 1, "no reply for 50ms");
        assert!(ended.errors.contains("may still act on it"), "{ended:?}");
        let ended = run("call silent --timeout 50ms --hex 08000000");
        refused(&ended, 5, "at an earlier call for 50ms");
        let request = responder.take().unwrap();
        assert_eq!(request.value(), 7);
        request.reply(8);

        // Dead before the reply.
        drop(responder);
        let gate = Gate::new();
        let dying = child(|| {
            let mut responder = call::Responder::<u32, u32>::open("silent").or_else(|_| {
                let domain = Domain::open("silence").unwrap();
                call::Builder::<u32, u32>::new("silent").domain(&domain).create_receiver()
            });
            let responder = responder.as_mut().unwrap();
            gate.open();
            let _request = responder.take().unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        let asking = command("call silent --timeout 600s --hex 09000000").spawn().unwrap();
        gate.pass();
        dying.kill();
        let ended = end(asking);
        assert!(ended.code == Some(1) && ended.errors.contains("was taken back"), "{ended:?}");
        // The successor does not get it.
        let mut responder = builder.create_receiver().unwrap();
        let taken = responder.try_take();
        assert!(matches!(taken, Ok(None)), "{taken:?}");
    });
}

#[test]
fn ctrl_c_ends_the_wait_and_leaves_the_end() {
    use nix::sys::signal::{Signal, kill};
    isolated(|| {
        let domain = Domain::open("interrupt").unwrap();
        let builder = call::Builder::<u32, u32>::new("slow").domain(&domain);
        let mut responder = builder.create_receiver().unwrap();
        let asking = command("call slow --timeout 600s --hex 07000000").spawn().unwrap();
        let request = responder.take().unwrap();
        kill(nix::unistd::Pid::from_raw(asking.id().cast_signed()), Signal::SIGINT).unwrap();
        let ended = end(asking);
        assert_eq!((ended.code, ended.output.as_str()), (Some(130), ""), "{ended:?}");
        request.reply(1);
        let mut caller = builder.open_sender().unwrap();
        caller.ask(5).unwrap();
        let request = responder.take().unwrap();
        assert_eq!(request.value(), 5);
    });
}
