//! The scenarios of this repository, each compared with its snapshot by the code of the command line.
//!
//! The longest of these tests; its name has the runner begin with it, beside the short ones.

use crate::bench::{self, on_bench};
use std::path::Path;
use tunelab::{
    cli::judge,
    outcome::{claims, snapshot::Comparison, snapshot::Mode},
    report::Compared,
    scenario::Catalogue,
};

#[test]
fn conntrack_leak() {
    as_its_snapshot_says("conntrack-leak");
}

fn as_its_snapshot_says(name: &str) {
    on_bench(async |bench| {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scenario = Catalogue::of(repository).unwrap().load(name).unwrap();
        claims::check(&scenario).unwrap();
        let specs: Vec<_> = scenario.variant_names().iter().map(|v| bench::spec(&scenario, v)).collect();
        let results = bench::run(specs.clone(), &bench.cache).await.0.unwrap_or_else(|e| panic!("{e:?}"));
        for result in &results {
            result.as_ref().unwrap_or_else(|e| panic!("{e:?}"));
        }
        let runs = specs.into_iter().zip(results).collect();
        let verdicts = judge(repository, &[scenario], runs, Mode::of_environment(false)).unwrap();
        match &verdicts[0].comparison {
            Compared::With(Comparison::Matches | Comparison::Accepted) => {}
            Compared::With(Comparison::Differs { diff, .. }) => {
                panic!("`{name}` differs from its snapshot; `cargo insta review` takes or rejects it\n{diff}")
            }
            other => panic!("`{name}` has nothing to be compared with ({other:?}); `--accept` stores what it does"),
        }
    });
}
