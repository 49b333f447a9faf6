//! Other people's incidents: each is a scenario of its own, and all of its claims hold.

use crate::{
    bench::{Bench, Use, with},
    command::{BINARY, environment},
};
use std::{fs, path::Path, process::Command};

/// Runs a scenario of `incidents/`; all of its claims must hold.
fn holds(name: &str) {
    holds_and(name, |_| {});
}

/// The same, with one more look at the documents of its runs.
fn holds_and(name: &str, look: fn(&[serde_json::Value])) {
    with(Use::Shared, Use::None, async |bench| {
        copy(bench, name);
        look(&run(bench, name, &[]));
    });
}

/// Copies a scenario into the bench's project: what a run writes beside one is not for our source.
fn copy(bench: &Bench, name: &str) {
    let (from, to) = (
        Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/tests/vm/incidents").join(name),
        bench.repository().join("scenarios").join(name),
    );
    fs::create_dir(&to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn run(bench: &Bench, name: &str, flags: &[&str]) -> Vec<serde_json::Value> {
    let text = told(bench, &[&["scenario", name, "--format", "json", "--jobs", "1"], flags].concat());
    let documents: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let claims: Vec<&serde_json::Value> =
        documents.iter().flat_map(|document| document["claims"].as_array().into_iter().flatten()).collect();
    assert!(!claims.is_empty(), "{text}");
    for claim in claims {
        assert_eq!(claim["verdict"], "holds", "{claim}");
    }
    documents
}

/// What the binary prints in the bench's own project.
fn told(bench: &Bench, args: &[&str]) -> String {
    let mut command = Command::new(BINARY);
    let output = command.args(args).current_dir(bench.repository()).envs(environment(bench)).output().unwrap();
    print!("{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_new_scenario_is_ready_to_run() {
    with(Use::Shared, Use::None, async |bench| {
        let said = told(bench, &["new", "web3"]);
        assert!(said.contains("`tunelab check web3`"), "{said}");
        assert!(told(bench, &["check", "web3"]).contains("1min         app answers after 8s"));
        run(bench, "web3", &[]);
    });
}

#[test]
fn a_tunnel_that_takes_smaller_packets() {
    holds("black-hole");
}

#[test]
fn a_blocklist_in_an_ipset() {
    holds("blocklist");
}

#[test]
fn ipvs_before_two_servers() {
    holds("virtual-server");
}

#[test]
fn a_gateway_that_reboots() {
    holds("reboot");
}

#[test]
fn haproxy_before_two_nginx() {
    holds("haproxy");
}

#[test]
fn nftables_in_place_of_iptables() {
    holds("nftables");
}

#[test]
fn rules_replaced_while_clients_come() {
    holds("rules-replaced");
}

#[test]
fn a_server_with_both_families() {
    holds_and("dual-stack", |documents| {
        // A rule of each family is known by its file.
        let unmet = |variant: &str| {
            let document = documents.iter().find(|document| document["variant"] == variant).unwrap();
            document["outcome"]["unmet-rules"].to_string()
        };
        let [https, lo] =
            ["closed.v6:7: filter: -A INPUT -p tcp --dport 443 -j ACCEPT", "rules.v4:5: filter: -A INPUT -i lo"];
        assert!(unmet("forgotten").contains(https) && unmet("forgotten").contains(lo), "{}", unmet("forgotten"));
        assert!(!unmet("open").contains("--dport 80") && unmet("open").contains(lo), "{}", unmet("open"));
    });
}

#[test]
fn a_gateway_that_forgets() {
    holds("idle-nat");
}

#[test]
fn each_host_sees_its_own() {
    holds_and("forgetful-gateway", |documents| {
        let of = |variant: &str| {
            let document = documents.iter().find(|document| document["variant"] == variant).unwrap();
            let points = document["outcome"]["series"]["entries"].as_object().unwrap();
            points.values().map(|value| value.as_u64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of("default"), [0, 0, 0, 0]);
        assert_eq!(of("keepalive"), [0, 1, 0, 0], "it has the entry 20 s after the other forgot it");
    });
}

#[test]
fn a_queue_that_is_full() {
    holds("accept-queue");
}

#[test]
fn clients_of_a_name_server() {
    holds("resolver");
}

#[test]
fn a_backend_that_becomes_slow() {
    holds("slow-backend");
}

#[test]
fn a_backend_that_closes_first() {
    holds("keepalive-race");
}

#[test]
fn two_hundred_behind_one_address() {
    holds("one-address");
}

#[test]
fn clients_of_https() {
    holds("https");
}

/// A run tells the incident's numbers, whichever part of it the run has.
#[test]
fn one_incident_at_three_scales() {
    with(Use::Shared, Use::None, async |bench| {
        copy(bench, "scales");
        let runs = ["1/100", "1/200", "1/50"].map(|scale| run(bench, "scales", &["--scale", scale]));
        let [first, others @ ..] = &runs;
        for (variant, name) in (0..3).flat_map(|variant| ["served", "entries", "files"].map(|name| (variant, name))) {
            let told = |run: &[serde_json::Value]| run[variant]["outcome"]["metrics"][name].as_u64().unwrap();
            for other in others {
                let (one, two, scale) = (told(first), told(other), &other[variant]["outcome"]["scale"]);
                assert!(one.abs_diff(two) * 25 <= one, "{name} of variant {variant}: {one}, at {scale} {two}");
            }
        }
    });
}

#[test]
fn a_server_that_never_closes() {
    holds("leaky-server");
}

#[test]
fn packets_that_no_client_sent() {
    holds("stray-packets");
}

#[test]
fn a_client_that_reboots() {
    holds("rebooted-client");
}

#[test]
fn half_of_a_connection() {
    holds("half-closed");
}

#[test]
fn slow_senders_and_readers() {
    holds("slow-clients");
}

#[test]
fn many_queries_in_flight() {
    holds("pool-of-queries");
}

#[test]
fn connections_that_threads_share() {
    holds("stale-pool");
}

#[test]
fn clients_that_try_again() {
    holds("text-protocol");
}
