//! Ctrl-C and `kill -9`: what is left, and whether the next run works.

use crate::{
    bench::{Bench, ENDLESS, IMAGE, SHORT, Use, on_bench, with},
    command::{Tunelab, within},
};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

/// The time between a signal and the end of all that it should end.
const AT_ONCE: Duration = Duration::from_secs(2);

#[test]
fn ctrl_c_while_days_pass() {
    on_bench(async |bench| {
        let record =
            asked_to_end(bench, ": started", "INT").join(format!("{ENDLESS}-{IMAGE}-article-1-1/events.jsonl"));
        let events = fs::read_to_string(record).expect("what there is");
        assert!(events.starts_with('{'), "{events}");
    });
}

#[test]
fn terminated_while_booting() {
    with(Use::Shared, Use::None, async |bench| drop(asked_to_end(bench, "booting", "TERM")));
}

#[test]
fn a_terminal_that_is_closed_while_days_pass() {
    on_bench(async |bench| {
        let mut tunelab = Tunelab::scenario(bench, ENDLESS);
        tunelab.wait_for(": started");
        assert_eq!(tunelab.hang_up(), Some(130));
        nothing_is_left(bench);
    });
}

#[test]
fn a_terminal_that_is_closed_is_nothing_under_nohup() {
    on_bench(async |bench| {
        let mut tunelab = Tunelab::under_nohup(bench, ENDLESS);
        tunelab.wait_for(": started");
        tunelab.signal("HUP");
        tunelab.wait_for(": day 2");
        tunelab.signal("TERM");
        let ended = tunelab.end();
        assert_eq!(ended.code, Some(130), "{}", ended.told);
        assert!(ended.told.contains("asked to end (SIGTERM)"), "{}", ended.told);
        assert!(!ended.told.contains("SIGHUP"), "{}", ended.told);
        nothing_is_left(bench);
    });
}

/// Returns the folder where the records were to go.
fn asked_to_end(bench: &Bench, at: &str, signal: &str) -> PathBuf {
    let out = bench.repository().join("records");
    let mut tunelab = Tunelab::scenario_with(bench, ENDLESS, &["--out", out.to_str().unwrap()]);
    tunelab.wait_for(at);
    assert!(within(AT_ONCE, || !bench.processes().is_empty()), "no QEMU");
    let since = Instant::now();
    tunelab.signal(signal);
    let ended = tunelab.end();
    let took = since.elapsed();
    nothing_is_left(bench);
    assert_eq!(ended.code, Some(130), "{}", ended.told);
    // A second and a half to clean up, then the kernel's time to take apart a gigabyte beside another machine.
    assert!(took < AT_ONCE + Duration::from_millis(1500), "it took {took:?}");
    out
}

/// Nothing is left from the moment at which tunelab has ended: tunelab waits for QEMU, this test does not.
fn nothing_is_left(bench: &Bench) {
    assert!(bench.processes().is_empty(), "{:#?}", bench.processes());
    assert!(bench.runs().is_empty(), "{:#?}", bench.runs());
}

#[test]
fn killed_while_days_pass() {
    on_bench(async |bench| {
        let mut tunelab = Tunelab::scenario(bench, ENDLESS);
        tunelab.wait_for(": started");
        killed(bench, tunelab);
        let next = Tunelab::scenario(bench, SHORT).end();
        assert_eq!(next.code, Some(0), "{}", next.told);
        assert!(next.told.contains("swept 1 folder that killed runs left"), "{}", next.told);
        assert_eq!(bench.runs().len(), 1, "the record of the run just made");
    });
}

/// `kill -9`: the kernel ends QEMU; the folders stay for the next run to sweep.
pub fn killed(bench: &Bench, tunelab: Tunelab) {
    assert!(within(AT_ONCE, || !bench.processes().is_empty()), "no QEMU");
    tunelab.signal("KILL");
    assert_eq!(tunelab.end().code, None);
    assert!(within(AT_ONCE, || bench.processes().is_empty()), "{:#?}", bench.processes());
    assert!(!bench.runs().is_empty());
}
