//! Scenario files: the shipped ones are right, and wrong ones are refused once, completely.

use std::path::{Path, PathBuf};
use tunelab::{plan, scenario};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[test]
fn every_shipped_scenario_loads_and_plans() {
    let catalogue = scenario::Catalogue::of(&repository()).unwrap();
    assert!(!catalogue.names().is_empty());
    for name in catalogue.names() {
        let scenario = catalogue.load(name).unwrap_or_else(|e| panic!("{e:?}"));
        for variant in &scenario.variants {
            let plan = plan::plan(&scenario, variant, 1);
            if std::env::var_os("PRINT_PLAN").is_some() {
                println!("{}", serde_json::to_string(&plan).unwrap())
            }
        }
    }
}
