use super::*;

#[test]
fn sleep_sleeps_at_once_and_never_beyond_the_deadline() {
    let waits = Waits::new(WaitStrategy::Sleep);
    let deadline = Instant::now() + Duration::from_millis(20);
    match waits.start(Some(deadline)).next(&waits, |_| false, || false) {
        Step::Sleep(nap) => assert!(nap.until <= deadline),
        step => panic!("{step:?}"),
    }
    let past = Instant::now().checked_sub(Duration::from_millis(1)).unwrap();
    assert_eq!(waits.start(Some(past)).next(&waits, |_| false, || false), Step::TimedOut);
}

#[test]
fn polling_probes_however_long_it_may_last() {
    for strategy in [WaitStrategy::Spin, WaitStrategy::SpinSleep { spin: Duration::MAX }] {
        let waits = Waits::new(strategy);
        let mut wait = waits.start(None);
        let mut probes = 0;
        while probes < 2 {
            match wait.next(&waits, |_| false, || false) {
                Step::Poll => {}
                Step::Probe => probes += 1,
                step => panic!("{strategy:?}: {step:?}"),
            }
        }
    }
}

#[test]
fn no_limit_to_polling_is_too_long_to_learn_from() {
    for spin in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX / 2, Duration::MAX] {
        let mut waits = Waits::new(WaitStrategy::SpinSleep { spin });
        for slept in [false, true] {
            let began = Some(Instant::now());
            let wait = Wait { began, slept, ..waits.start(None) };
            for _ in 0..3 {
                waits.finished(&wait);
                assert!(waits.budget <= spin);
            }
        }
    }
}

#[test]
fn a_peer_on_the_same_cpu_is_not_polled_for() {
    let waits = Waits::new(WaitStrategy::SpinSleep { spin: Duration::from_secs(60) });
    let mut wait = waits.start(None);
    assert_eq!(wait.next(&waits, |_| false, || true), Step::Poll);
    let step = wait.next(&waits, |_| false, || true);
    assert!(matches!(step, Step::Sleep(_)), "{step:?}");
}

#[test]
fn who_shared_a_cpu_asks_at_once_until_it_does_no_more() {
    let mut waits = Waits::new(WaitStrategy::SpinSleep { spin: Duration::from_secs(60) });
    let mut wait = waits.start(None);
    let _ = (wait.next(&waits, |_| false, || true), wait.next(&waits, |_| false, || true));
    waits.finished(&wait);
    let mut wait = waits.start(None);
    let step = wait.next(&waits, |_| false, || true);
    assert!(matches!(step, Step::Sleep(_)), "{step:?}");
    waits.finished(&wait);
    let mut wait = waits.start(None);
    assert_eq!(wait.next(&waits, |_| false, || false), Step::Poll, "the other end has moved");
    waits.finished(&wait);
    let mut wait = waits.start(None);
    assert_eq!(wait.next(&waits, |_| false, || unreachable!("it is not asked at once")), Step::Poll);
}

#[test]
fn who_yields_in_vain_on_the_same_cpu_gives_way_for_longer() {
    let waits = Waits::new(WaitStrategy::SpinYield);
    let mut wait = waits.start(None);
    for _ in 0..POLLS_PER_LOOK * (YIELDS_WHEN_SHARED + 1) {
        let _ = wait.next(&waits, |_| false, || true);
    }
    assert!(wait.oversubscribed);
}

#[test]
fn naps_grow_to_the_heartbeat() {
    let waits = Waits::new(WaitStrategy::Sleep);
    let mut wait = waits.start_with_naps(None);
    let mut last = Duration::ZERO;
    for _ in 0..20 {
        let before = Instant::now();
        let Step::Sleep(nap) = wait.next(&waits, |_| false, || false) else { panic!("it sleeps") };
        let nap = nap.until - before;
        assert!(nap >= last.min(HEARTBEAT), "{nap:?} after {last:?}");
        last = last.max(FIRST_NAP) * 2;
    }
    assert_eq!(wait.nap, HEARTBEAT);
}

#[test]
fn long_sleeps_shorten_the_polling_phase_and_short_waits_lengthen_it() {
    let spin = Duration::from_micros(64);
    let mut waits = Waits { budget: spin, ..Waits::new(WaitStrategy::SpinSleep { spin }) };
    let long = Wait {
        began: Instant::now().checked_sub(Duration::from_secs(1)),
        deadline: None,
        polls: 0,
        probe_at: None,
        slept: true,
        shares_cpu: false,
        has_asked: true,
        nap: HEARTBEAT,
        oversubscribed: false,
        yields: 0,
    };
    for _ in 0..10 {
        waits.finished(&long);
    }
    assert_eq!(waits.budget, LEAST_BUDGET);
    let short = Wait { began: Some(Instant::now()), slept: false, ..long };
    for _ in 0..10 {
        waits.finished(&short);
    }
    assert_eq!(waits.budget, spin);
}
