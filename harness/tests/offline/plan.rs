//! Plans: pure, whole, and the same for the same input.

use crate::made;
use tunelab::{plan, scenario::Catalogue, story::RunName};
use tunelab_protocol::ServiceKind;

#[test]
fn a_plan_in_json() {
    let (_home, scenario) = made::small();
    let plan = plan::plan(&scenario, scenario.variant("tuned").unwrap(), 7);
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan).unwrap());
}

#[test]
fn every_shipped_variant_makes_a_plan_that_survives_json() {
    let catalogue = Catalogue::of(&made::repository()).unwrap();
    for name in catalogue.names() {
        let scenario = catalogue.load(name).unwrap();
        for variant in &scenario.variants {
            let plan = plan::plan(&scenario, variant, 1);
            let line = serde_json::to_string(&plan).unwrap();
            assert!(!line.contains('\n'), "a plan is one line");
            assert_eq!(serde_json::from_str::<tunelab_protocol::Plan>(&line).unwrap(), plan);
        }
    }
}

/// Times are told one by one only where a median needs them.
#[test]
fn times_are_told_one_by_one_where_a_metric_asks() {
    let median = "[metric.median]\nvalue = \"percentile(connect_time, 50)\"\nwhere = { clients = \"gone\" }\n[probe]";
    let (_home, folder) = made::scenario("small", &made::SMALL.replace("[probe]", median), &[("base.conf", "")]);
    let scenario = tunelab::scenario::load(&folder).unwrap();
    let plan = plan::plan(&scenario, &scenario.variants[0], 1);
    let each: Vec<_> = plan.phases[0].arrivals.iter().map(|a| (a.clients.as_str(), a.each_time)).collect();
    assert_eq!(each, [("clean", false), ("gone", true)]);
}

#[test]
fn variants_share_what_is_deployed() {
    let catalogue = Catalogue::of(&made::repository()).unwrap();
    let scenario = catalogue.load("conntrack-leak").unwrap();
    let specs: Vec<_> = scenario
        .variants
        .iter()
        .map(|v| {
            let run = RunName {
                scenario: scenario.name.clone(),
                image: "debian-12".into(),
                kernel: None,
                variant: v.name.clone(),
                seed: 1,
                repeat: 1,
            };
            plan::RunSpec::new(&scenario, v, run)
        })
        .collect();
    assert!(specs.iter().all(|s| s.files == specs[0].files && s.machine == specs[0].machine));
    assert!(specs[0].files.values().all(|f| f.is_file()));
    assert_eq!(specs[0].virtual_time().as_secs(), 6 * 86_400);
}

#[test]
fn a_probe_looks_later_and_node_gets_its_program() {
    let scenario = Catalogue::of(&made::repository()).unwrap().load("beacon-stack").unwrap();
    let plan = |variant| plan::plan(&scenario, scenario.variant(variant).unwrap(), 1);
    let sockets = plan("node").probes.into_iter().find(|p| p.key == "sockets").unwrap();
    assert_eq!((sockets.every_us, sockets.after_us), (3 * made::HOUR_US, made::HOUR_US / 5));
    let program = |variant| {
        let services = plan(variant).services;
        let app = services.into_iter().find(|service| service.name == "app").unwrap();
        let ServiceKind::Server(server) = app.kind else { panic!("{app:?}") };
        server.node
    };
    assert_eq!(program("node").as_deref(), Some("/run/tunelab/files/server.js"));
    assert_eq!(program("article"), None);
}
