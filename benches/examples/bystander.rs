//! What membarrier costs: the end that goes to sleep, and a busy, unrelated process on the same machine.
//!
//! ```text
//! cargo run --release -p benches --example bystander
//! ```
//!
//! The bystander polls its clock on one CPU and adds up the gaps between two readings that are longer than
//! 0.3 µs. On another CPU this process runs the heavy barrier as an end does before each sleep, at a given
//! rate. Medians of interleaved rounds. Registered processes are those that have joined a domain.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipc_core::barrier;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

const ROUNDS: usize = 7;
const MEASURED: Duration = Duration::from_millis(400);
const GAP: Duration = Duration::from_nanos(300);
/// Sleeps a second.
const RATES: [u32; 4] = [0, 1000, 10_000, 50_000];

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    if let Some(registered) = std::env::args().nth(1) {
        return bystand(registered == "registered");
    }
    if !barrier::is_supported() {
        println!("no membarrier here");
        return Ok(());
    }
    pin(0)?;
    barrier::register()?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        for registered in [false, true] {
            for rate in RATES {
                rounds.push((registered, rate, round(registered, rate)?));
            }
        }
    }
    println!(
        "{:>14}  {:>9}  {:>20}  {:>18}",
        "bystander", "sleeps/s", "heavy barrier, ns", "bystander loses, %"
    );
    for registered in [false, true] {
        for rate in RATES {
            let of = |pick: fn(&(f64, f64)) -> f64| {
                let mut values: Vec<f64> = rounds
                    .iter()
                    .filter(|round| (round.0, round.1) == (registered, rate))
                    .map(|round| pick(&round.2))
                    .collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            let who = if registered { "registered" } else { "not registered" };
            println!("{who:>14}  {rate:>9}  {:>20.0}  {:>18.2}", of(|pair| pair.0), of(|pair| pair.1));
        }
    }
    Ok(())
}

fn pin(cpu: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Nanoseconds that one heavy barrier takes, and the share of its time that the bystander loses.
fn round(registered: bool, rate: u32) -> Outcome<(f64, f64)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(if registered { "registered" } else { "not" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no pipe")?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
    lines.next().ok_or("the bystander ended")??;
    writeln!(input)?;
    let (began, mut spent, mut count) = (Instant::now(), Duration::ZERO, 0u32);
    while began.elapsed() < MEASURED {
        if rate > 0 && began.elapsed() >= Duration::from_secs(1) / rate * count {
            let before = Instant::now();
            barrier::heavy()?;
            spent += before.elapsed();
            count += 1;
        }
    }
    let lost = lines.next().ok_or("the bystander ended")??.parse()?;
    child.wait()?;
    Ok((spent.as_nanos() as f64 / f64::from(count.max(1)), lost))
}

fn bystand(registered: bool) -> Outcome<()> {
    pin(1)?;
    if registered {
        barrier::register()?;
    }
    println!("ready");
    std::io::stdin().lock().read_line(&mut String::new())?;
    let began = Instant::now();
    let (mut last, mut lost) = (began, Duration::ZERO);
    while last.duration_since(began) < MEASURED {
        let now = Instant::now();
        let gap = now.duration_since(last);
        if gap > GAP {
            lost += gap;
        }
        last = now;
    }
    println!("{}", 100.0 * lost.as_secs_f64() / last.duration_since(began).as_secs_f64());
    Ok(())
}
