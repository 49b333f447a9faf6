//! Writes JUnit XML: a suite per scenario and image; a case per variant, one per claim, and one for the snapshot.

use super::{Compared, Told, Verdict};
use crate::{
    error::{Context, Result},
    outcome::{
        claims::{self, Judged},
        snapshot::Comparison,
    },
};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// Returns the XML of all verdicts.
pub fn render(verdicts: &[Verdict]) -> Result<String> {
    let mut report = Report::new("tunelab");
    report.add_test_suites(verdicts.iter().map(suite));
    report.to_string().host(|| "failed to write JUnit XML".into())
}

fn suite(verdict: &Verdict) -> TestSuite {
    let mut suite = TestSuite::new(name(verdict));
    suite.add_test_cases(verdict.runs.iter().map(variant));
    suite.add_test_cases(verdict.claims.iter().map(|judged| claim(judged, &verdict.comparison)));
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

/// Returns the case of a claim. A claim that does not hold is a result; a claim with another verdict than in the
/// snapshot is a failure.
fn claim(judged: &Judged, compared: &Compared) -> TestCase {
    let verdict = judged.verdict.word();
    let was = match compared {
        Compared::With(Comparison::Differs { turned, .. }) => turned.get(&judged.id),
        _ => None,
    };
    let status = match (was, judged.verdict) {
        (Some(was), _) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(format!("the verdict is `{verdict}`; in the snapshot it is `{was}`"))
                .set_description(&judged.says);
            status
        }
        (None, claims::Verdict::Holds | claims::Verdict::DoesNotHold) => TestCaseStatus::success(),
        (None, claims::Verdict::DoesNotApply | claims::Verdict::Unsettled) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(judged.why.as_deref().map_or(verdict.to_owned(), |why| format!("{verdict}: {why}")));
            status
        }
    };
    let mut case = TestCase::new(format!("claim {}", judged.id), status);
    case.set_system_out(format!("{}\n{verdict}: {}\n", judged.says, judged.evidence.join("; ")));
    case
}

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
    TestCase::new("snapshot", status)
}
