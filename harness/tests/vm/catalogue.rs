//! The scenarios of this repository, each compared with its snapshot by the code of the command line.
//!
//! It is the longest of these tests; by its name the runner begins with it, beside the short ones.

use crate::bench::{self, IMAGE, on_bench};
use std::path::Path;
use tunelab::{
    cli::judge,
    outcome::snapshot::{Comparison, Mode},
    project::Found,
    report::Compared,
    scenario::Catalogue,
};

#[test]
fn conntrack_leak() {
    as_its_snapshot_says("conntrack-leak", &[IMAGE]);
}

#[test]
#[ignore = "builds three more images and runs on each: some minutes"]
fn conntrack_leak_on_its_other_images() {
    as_its_snapshot_says("conntrack-leak", &["debian-11", "debian-13", "debian-testing"]);
}

#[test]
fn established_lowered() {
    as_its_snapshot_says("established-lowered", &[IMAGE]);
}

#[test]
fn iptables_alone() {
    as_its_snapshot_says("iptables-alone", &[IMAGE]);
}

#[test]
fn port_exhaustion() {
    as_its_snapshot_says("port-exhaustion", &[IMAGE]);
}

#[test]
fn proxy_protocol() {
    as_its_snapshot_says("proxy-protocol", &[IMAGE]);
}

#[test]
fn snat_exhaustion() {
    as_its_snapshot_says("snat-exhaustion", &[IMAGE]);
}

#[test]
fn beacon_stack() {
    as_its_snapshot_says("beacon-stack", &[IMAGE]);
}

#[test]
fn same_port() {
    as_its_snapshot_says("same-port", &[IMAGE]);
}

#[test]
fn time_wait() {
    as_its_snapshot_says("time-wait", &[IMAGE]);
}

#[test]
fn conntrack_saturation() {
    as_its_snapshot_says("conntrack-saturation", &[IMAGE]);
}

#[test]
fn listen_overflow() {
    as_its_snapshot_says("listen-overflow", &[IMAGE]);
}

#[test]
fn neighbour_overflow() {
    as_its_snapshot_says("neighbour-overflow", &[IMAGE]);
}

#[test]
fn dst_cache() {
    as_its_snapshot_says("dst-cache", &[IMAGE]);
}

#[test]
fn unix_backlog() {
    as_its_snapshot_says("unix-backlog", &[IMAGE]);
}

#[test]
fn open_files() {
    as_its_snapshot_says("open-files", &[IMAGE]);
}

#[test]
fn initial_window() {
    as_its_snapshot_says("initial-window", &[IMAGE]);
}

#[test]
fn idle_window() {
    as_its_snapshot_says("idle-window", &[IMAGE]);
}

fn as_its_snapshot_says(name: &str, images: &[&str]) {
    on_bench(async |bench| {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scenario = Catalogue::of(repository).unwrap().load(name).unwrap();
        let on = |image| scenario.variant_names().into_iter().map(move |v| (image, v));
        let pairs = images.iter().flat_map(|image| on(*image));
        let specs: Vec<_> = pairs.map(|(image, variant)| bench::spec_on(image, &scenario, variant)).collect();
        let results = bench::run(specs.clone(), &bench.cache).await.0.unwrap_or_else(|e| panic!("{e:?}"));
        for result in &results {
            result.as_ref().unwrap_or_else(|e| panic!("{e:?}"));
        }
        let runs = specs.into_iter().zip(results).collect();
        let verdicts = judge(&[Found::in_project(repository, scenario)], runs, Mode::of_environment(false)).unwrap();
        for verdict in &verdicts {
            let image = &verdict.image;
            match &verdict.comparison {
                Compared::With(Comparison::Matches | Comparison::Accepted) => {}
                Compared::With(Comparison::Differs { diff, .. }) => panic!(
                    "`{name}` on `{image}` differs from its snapshot; `cargo insta review` takes or rejects it\n{diff}"
                ),
                other => panic!(
                    "`{name}` on `{image}` has nothing to be compared with ({other:?}); `--accept` stores what it does"
                ),
            }
        }
    });
}
