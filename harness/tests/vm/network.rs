//! A network made by the agent behaves like one made by netem.

use crate::bench::{self, Bench, IMAGE, on_bench};
use std::path::Path;
use tunelab::{
    outcome::Outcome,
    scenario::{Catalogue, Scenario},
};
use tunelab_protocol::{Conditions, LinkBy};

/// Sends 100 kB in flights over a link of 50 ms: another delay would change how many flights there are, and when the
/// last byte comes.
const SCENARIO: &str = "initial-window";
const VARIANT: &str = "three";

#[test]
fn made_by_the_agent_or_by_netem_it_delays_alike() {
    on_bench(async |bench| {
        let scenario = Catalogue::of(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap().load(SCENARIO).unwrap();
        let [netem, agent] = [by(&scenario, LinkBy::Netem), by(&scenario, LinkBy::Agent)];
        let [netem, agent] = [outcome(bench, &netem).await, outcome(bench, &agent).await];
        assert_eq!(text(&netem, "links", "internet"), "netem");
        assert_eq!(text(&agent, "links", "internet"), "agent");
        for exact in ["first-flight-bytes", "first-flight-segments", "second-flight-segments", "round-trips"] {
            assert_eq!(number(&agent, exact), number(&netem, exact), "{exact}");
        }
        let apart = number(&agent, "last-byte").abs_diff(number(&netem, "last-byte"));
        assert!(apart <= 5, "the last byte came {apart} ms earlier or later, of {}", number(&netem, "last-byte"));
    });
}

/// At 1 Mbit/s 100 kB take 800 ms, and 501 ms without a rate.
#[test]
fn made_by_the_agent_or_by_netem_a_rate_is_kept() {
    on_bench(async |bench| {
        let scenario = Catalogue::of(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap().load(SCENARIO).unwrap();
        let last_byte = async |maker, rate_bps| {
            let mut scenario = by(&scenario, maker);
            networks(&mut scenario, |conditions| conditions.rate_bps = rate_bps);
            number(&outcome(bench, &scenario).await, "last-byte")
        };
        let [netem, agent] = [last_byte(LinkBy::Netem, 1_000_000).await, last_byte(LinkBy::Agent, 1_000_000).await];
        assert!((800..1_200).contains(&netem), "the last byte comes after {netem} ms by netem");
        // A packet takes 12 ms.
        assert!(agent.abs_diff(netem) <= 13, "the last byte comes after {agent} ms by the agent, {netem} ms by netem");
    });
}

#[test]
fn loss_is_felt_and_is_the_same_by_seed() {
    on_bench(async |bench| {
        let mut lossy =
            by(&Catalogue::of(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap().load(SCENARIO).unwrap(), LinkBy::Agent);
        networks(&mut lossy, |conditions| conditions.loss_ppm = 100_000);
        let [once, again] = [outcome(bench, &lossy).await, outcome(bench, &lossy).await];
        assert!(number(&once, "sent-again") > 0, "{once}");
        assert_eq!(once, again);
    });
}

/// A packet that is overtaken is taken for lost and sent again; nothing else makes the server do so here.
#[test]
fn made_by_the_agent_or_by_netem_packets_overtake_others() {
    on_bench(async |bench| {
        let mut scenario = Catalogue::of(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap().load(SCENARIO).unwrap();
        // One visit may have no packet that comes so early that another is sent again.
        scenario.variants.iter_mut().for_each(|variant| variant.setup.phases[0].rounds = 10);
        for maker in [LinkBy::Netem, LinkBy::Agent] {
            let orderly = by(&scenario, maker);
            let mut disorderly = orderly.clone();
            networks(&mut disorderly, |conditions| conditions.reorder_ppm = 200_000);
            let [orderly, disorderly] = [outcome(bench, &orderly).await, outcome(bench, &disorderly).await];
            assert_eq!(number(&orderly, "sent-again"), 0, "{maker:?}");
            assert!(number(&disorderly, "sent-again") > 0, "{maker:?}: {disorderly}");
            assert_eq!(disorderly["total"]["failed"].as_integer(), Some(0), "{maker:?}: nothing is lost");
        }
    });
}

fn by(scenario: &Scenario, by: LinkBy) -> Scenario {
    let mut scenario = scenario.clone();
    networks(&mut scenario, |conditions| conditions.by = Some(by));
    scenario
}

fn networks(scenario: &mut Scenario, change: impl Fn(&mut Conditions)) {
    let all = scenario.variants.iter_mut().flat_map(|variant| &mut variant.setup.networks);
    all.for_each(|network| change(&mut network.conditions));
}

async fn outcome(bench: &Bench, scenario: &Scenario) -> toml::Table {
    let spec = bench::spec_on(IMAGE, scenario, VARIANT);
    let result = bench::run(vec![spec.clone()], &bench.cache).await.0.unwrap().remove(0);
    Outcome::of(&result.unwrap_or_else(|e| panic!("{e:?}")).record, &spec.plan, scenario).document()
}

fn text<'a>(outcome: &'a toml::Table, table: &str, key: &str) -> &'a str {
    outcome[table][key].as_str().unwrap()
}

/// The value of a metric, near or exact.
fn number(outcome: &toml::Table, metric: &str) -> u64 {
    tunelab::outcome::Num::of(&outcome["metrics"][metric]).unwrap().value
}
