//! JUnit XML: a suite per scenario and image, a case per variant and one for the snapshot.

use super::{Compared, Told, Verdict};
use crate::{
    error::{Context, Result},
    outcome::snapshot::Comparison,
};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

pub fn render(verdicts: &[Verdict]) -> Result<String> {
    let mut report = Report::new("tunelab");
    report.add_test_suites(verdicts.iter().map(suite));
    report.to_string().host(|| "failed to write JUnit XML".into())
}

fn suite(verdict: &Verdict) -> TestSuite {
    let mut suite = TestSuite::new(name(verdict));
    suite.add_test_cases(verdict.runs.iter().map(variant));
    suite.add_test_case(snapshot(verdict));
    suite
}

fn name(verdict: &Verdict) -> String {
    let again = if verdict.repeat > 1 { format!(" #{}", verdict.repeat) } else { String::new() };
    let kernel = verdict.kernel.as_ref().map(|release| format!("+{release}")).unwrap_or_default();
    let seed = if verdict.seed != 1 { format!(" seed {}", verdict.seed) } else { String::new() };
    format!("{}@{}{kernel}{seed}{again}", verdict.scenario, verdict.image)
}

fn variant(told: &Told) -> TestCase {
    let mut case = match &told.result {
        Ok(_) => TestCase::new(told.run.variant.clone(), TestCaseStatus::success()),
        Err(error) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(error.message()).set_description(format!("{error:?}"));
            TestCase::new(told.run.variant.clone(), status)
        }
    };
    if let Ok(ran) = &told.result {
        case.set_time(Duration::from_secs_f64(ran.result.wall_seconds));
        case.add_properties(ran.result.boot_retries.iter().map(|why| ("boot_retry", why.as_str())));
    }
    case
}

/// The claims' verdicts are part of the snapshot: a claim that does not hold is a result, a changed one is a failure.
fn snapshot(verdict: &Verdict) -> TestCase {
    let (message, text) = match &verdict.comparison {
        Compared::With(Comparison::Differs { diff, .. }) => ("the outcome differs from its snapshot", diff.clone()),
        Compared::With(Comparison::New { .. }) => ("there is no snapshot yet", String::new()),
        _ => ("", String::new()),
    };
    let status = if verdict.comparison.as_expected() {
        TestCaseStatus::success()
    } else {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(message).set_description(text);
        status
    };
    let mut case = TestCase::new("snapshot", status);
    let claims = verdict.claims.iter().map(|c| format!("{}: {} ({})\n", c.id, c.verdict.word(), c.evidence.join("; ")));
    case.set_system_out(claims.collect::<String>());
    case
}
