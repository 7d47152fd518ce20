//! The server and its clients as processes.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use common::{kernel_objects, private_namespace};

/// Killed when dropped.
struct Server(Child);

impl Server {
    fn start() -> Self {
        let program = env!("CARGO_BIN_EXE_tarpc_server");
        let mut child = Command::new(program).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "listening as examples.tarpc\n");
        Self(child)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn client(words: &[&str]) -> Command {
    let mut client = Command::new(env!("CARGO_BIN_EXE_tarpc_client"));
    client.args(words);
    client
}

fn ask(words: &[&str]) -> Output {
    client(words).output().unwrap()
}

fn answer(words: &[&str]) -> String {
    let output = ask(words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn clients_call_a_server_that_survives_them() {
    private_namespace();
    let before = kernel_objects();
    let mut server = Server::start();
    assert_eq!(answer(&["mean", "oslo"]), "nothing is known of oslo\n");
    assert_eq!(answer(&["note", "oslo", "-4"]), "1\n");
    assert_eq!(answer(&["note", "oslo", "-1"]), "2\n");
    assert_eq!(answer(&["mean", "oslo"]), "-2.5\n");
    assert_eq!(answer(&["both"]), "Some(-2.5)\nat last\n");
    let mut killed = client(&["both"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(killed.stdout.take().unwrap()).read_line(&mut line).unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(answer(&["mean", "oslo"]), "-2.5\n");
    server.kill();
    // The next process clears up.
    assert!(!ask(&["mean", "oslo"]).status.success());
    assert_eq!(kernel_objects(), before);
}

#[test]
fn a_call_fails_when_its_server_is_killed() {
    private_namespace();
    let before = kernel_objects();
    let mut server = Server::start();
    let mut waiting = client(&["both"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(waiting.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "None\n", "the quick answer; the other one is under way");
    server.kill();
    let told = waiting.wait_with_output().unwrap();
    assert!(!told.status.success(), "{told:?}");
    let none = ask(&["mean", "oslo"]);
    assert!(!none.status.success(), "{none:?}");
    assert_eq!(kernel_objects(), before);
}
