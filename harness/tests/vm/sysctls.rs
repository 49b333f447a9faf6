//! A sysctl that this kernel does not have: if demanded, it is the scenario's mistake; else it is an outcome.

use crate::{
    bench::{Bench, SHORT, on_bench},
    command::{Ended, Tunelab},
};
use std::fs;
use tunelab::scenario::FILE;

/// Gone since Linux 4.12.
const GONE: &str = "net.ipv4.tcp_tw_recycle";

#[test]
fn one_that_is_demanded_and_not_there_ends_the_run() {
    on_bench(async |bench| {
        let ended = with_sysctl(bench, GONE);
        assert_eq!(ended.code, Some(2), "{}", ended.told);
        let why = format!("failed to set {GONE} = 1, which the scenario demands: not on this kernel");
        assert!(ended.told.contains(&why), "{}", ended.told);
    });
}

#[test]
fn one_that_may_be_missing_is_told() {
    on_bench(async |bench| {
        let ended = with_sysctl(bench, &format!("-{GONE}"));
        assert_eq!(ended.code, Some(0), "{}", ended.told);
        assert!(ended.told.contains(GONE) && ended.told.contains("not on this kernel"), "{}", ended.told);
    });
}

/// Runs the short scenario with a variant that sets one sysctl more.
fn with_sysctl(bench: &Bench, name: &str) -> Ended {
    let file = bench.repository().join("scenarios").join(SHORT).join(FILE);
    let mut text: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
    let server = text["variant"]["article"]["host"]["server"].as_table_mut().unwrap();
    server.insert("sysctls".into(), toml::Table::from_iter([(name.to_owned(), 1.into())]).into());
    fs::write(&file, text.to_string()).unwrap();
    Tunelab::scenario(bench, SHORT).end()
}
