//! What it costs a stream at full speed to be looked at: `cargo bench -p ipc-cli --bench observed`, with the
//! number of rounds and the seconds of each measurement behind `--`.
//!
//! A producer and a consumer, each on a processor of its own where there are two, pass messages as fast as
//! they can, with nothing else, with nothing again (the difference is noise), and with each observer in turn.
//! A round has each case once, in another order; a ratio is of one round. The observer needs a third
//! processor: where there is none, it takes time from the ends, and only the messages for each second of
//! *their* processor time say what it costs them.
#![allow(missing_docs, reason = "a program")]

use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ipc_ring::observe::{DomainObserver, Tap, TapRead, TapStart};
use ipc_ring::{Domain, spsc};
use nix::pty::{Winsize, openpty};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

const CHANNEL: &str = "observed.stream";
const ROLE: &str = "OBSERVED_ROLE";
const DOMAIN: &str = "OBSERVED_DOMAIN";
const CASES: [&str; 5] = ["nothing", "nothing again", "ipcr top", "ipcr tail", "a tap"];
/// For an observer to start.
const SETTLE: Duration = Duration::from_millis(300);

type Message = [u64; 2];

fn main() {
    let domain = std::env::var(DOMAIN);
    match (std::env::var(ROLE).as_deref(), domain) {
        (Ok("produce"), Ok(domain)) => produce(&domain),
        (Ok("consume"), Ok(domain)) => consume(&domain),
        (Ok("tap"), Ok(domain)) => tap(&domain),
        _ => measure(),
    }
}

fn processors() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).expect("an affinity");
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect()
}

/// Binds this process to the processor of this number among those that it may use, if there are two.
fn pin(number: usize) {
    let cpus = processors();
    if cpus.len() > 1 {
        let mut set = CpuSet::new();
        set.set(cpus[number]).expect("it exists");
        sched_setaffinity(Pid::from_raw(0), &set).expect("it may be used");
    }
}

fn builder(domain: &Domain) -> spsc::Builder<Message> {
    spsc::Builder::new(CHANNEL).domain(domain).capacity(1024)
}

fn produce(domain: &str) {
    pin(0);
    let mut producer = builder(&Domain::open(domain).expect("joined")).create_sender().expect("an end");
    for number in 0.. {
        // Ends with the consumer.
        if producer.push([number, number]).is_err() {
            return;
        }
    }
}

fn consume(domain: &str) {
    pin(1);
    let mut consumer = builder(&Domain::open(domain).expect("joined")).create_receiver().expect("an end");
    for number in 0.. {
        match consumer.pop() {
            Ok(message) => assert_eq!(message, [number, number]),
            Err(_) => return,
        }
    }
}

/// Reads as fast as it can.
fn tap(domain: &str) {
    let observer = DomainObserver::open(domain).expect("it is there");
    let mut tap = Tap::open(&observer, CHANNEL, TapStart::Next).expect("tapped");
    let mut message = Vec::new();
    loop {
        match tap.try_read(&mut message).expect("sound") {
            TapRead::Message { .. } => assert_eq!(message[..8], message[8..], "torn"),
            TapRead::Missed { .. } | TapRead::Nothing => {}
        }
    }
}

/// A process that ends with this one.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(mut command: Command) -> Running {
    Running(command.spawn().expect("it starts"))
}

fn role(role: &str, domain: &str) -> Running {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(ROLE, role).env(DOMAIN, domain).stdin(Stdio::null());
    start(command)
}

fn observer(case: &str, domain: &str) -> Option<Running> {
    let ipcr = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipcr"));
        command.args(arguments).args(["--domain", domain]).stdin(Stdio::null());
        command
    };
    match case {
        "ipcr top" => {
            let size = Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
            let terminal = openpty(Some(&size), None).expect("a terminal");
            let side = || Stdio::from(terminal.slave.try_clone().expect("dup"));
            let mut command = ipcr(&["top"]);
            command.stdin(side()).stdout(side()).stderr(side()).env("TERM", "xterm");
            let running = start(command);
            // Reads what it draws, as a terminal does, until it is gone.
            let mut screen = File::from(terminal.master);
            std::thread::spawn(move || {
                let mut part = [0; 4096];
                while screen.read(&mut part).is_ok_and(|length| length > 0) {}
            });
            Some(running)
        }
        "ipcr tail" => {
            let mut command = ipcr(&["tail", CHANNEL]);
            command.stdout(Stdio::null());
            Some(start(command))
        }
        "a tap" => Some(role("tap", domain)),
        _ => None,
    }
}

/// Processor time of a process.
fn spent(running: &Running) -> Duration {
    let pid = Pid::from_raw(running.0.id().cast_signed());
    let clock = clock_getcpuclockid(pid).expect("it lives");
    Duration::from(clock_gettime(clock).expect("it lives"))
}

/// Messages a second, and messages for a second of the ends' processor time; the observer's share of one.
#[derive(Clone, Copy, Default)]
struct Figures {
    per_second: f64,
    per_processor_second: f64,
    share: f64,
}

fn figures(
    ends: &[Running; 2],
    observer: Option<&Running>,
    domain: &DomainObserver,
    time: Duration,
) -> Figures {
    let counters = spsc::Observer::open_in(domain, CHANNEL).expect("it is there");
    let look = || {
        let ends = ends.iter().map(spent).sum::<Duration>();
        (Instant::now(), counters.counters().popped, ends, observer.map(spent).unwrap_or_default())
    };
    let before = look();
    std::thread::sleep(time);
    let after = look();
    let (passed, messages) = ((after.0 - before.0).as_secs_f64(), (after.1 - before.1) as f64);
    Figures {
        per_second: messages / passed,
        per_processor_second: messages / (after.2 - before.2).as_secs_f64(),
        share: (after.3 - before.3).as_secs_f64() / passed,
    }
}

fn measure() {
    let numbers: Vec<f64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let rounds = numbers.first().map_or(9, |rounds| *rounds as usize);
    let time = Duration::from_secs_f64(numbers.get(1).copied().unwrap_or(1.0));
    let name = format!("observed-{}", std::process::id());
    let consumer = role("consume", &name);
    let ends = [role("produce", &name), consumer];
    let domain = loop {
        match DomainObserver::open(&name) {
            Ok(domain)
                if spsc::Observer::open_in(&domain, CHANNEL).is_ok_and(|of| of.counters().popped > 0) =>
            {
                break domain;
            }
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let mut found = vec![[Figures::default(); CASES.len()]; rounds];
    for (round, figures_of) in found.iter_mut().enumerate() {
        for turn in 0..CASES.len() {
            let case = (round + turn) % CASES.len();
            let observer = observer(CASES[case], &name);
            std::thread::sleep(SETTLE);
            figures_of[case] = figures(&ends, observer.as_ref(), &domain, time);
        }
    }
    report(&found, time);
}

fn report(found: &[[Figures; CASES.len()]], time: Duration) {
    let processors = processors().len();
    println!("{} rounds of {time:?} for each case, {processors} processors", found.len());
    if processors < 3 {
        println!(
            "the observer shares the processors of the ends: compare what they do for their own \
             processor time"
        );
    }
    println!(
        "{:<14} {:>10}  {:>27}  {:>27}  {:>8}",
        "with", "messages/s", "ratio (least to most)", "for their processor time", "observer"
    );
    for (case, name) in CASES.iter().enumerate() {
        let of = |what: fn(&Figures) -> f64| found.iter().map(|round| what(&round[case])).collect::<Vec<_>>();
        let ratio = |what: fn(&Figures) -> f64| {
            let ratios = found.iter().map(|round| what(&round[case]) / what(&round[0])).collect();
            let (least, median, most) = three(ratios);
            format!("{median:.3} ({least:.3} to {most:.3})")
        };
        println!(
            "{name:<14} {:>10.3e}  {:>27}  {:>27}  {:>6.1} %",
            three(of(|figures| figures.per_second)).1,
            ratio(|figures| figures.per_second),
            ratio(|figures| figures.per_processor_second),
            three(of(|figures| figures.share)).1 * 100.0
        );
    }
}

/// Least, median, most.
fn three(mut numbers: Vec<f64>) -> (f64, f64, f64) {
    numbers.sort_by(f64::total_cmp);
    (numbers[0], numbers[numbers.len() / 2], numbers[numbers.len() - 1])
}
