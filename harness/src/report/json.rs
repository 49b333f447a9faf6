//! Writes one JSON document per run, a line each: for scripts.

use super::{Compared, Ran, Told, Verdict};
use crate::{
    error::Error,
    lab::Clock,
    outcome::{Num, claims},
    scenario::YOURS,
};
use serde_json::{Map, Value, json};

/// Why a claim has no verdict where only some variants ran.
const NOT_JUDGED: &str = "not all of its variants ran";

/// Returns all runs of all verdicts, in order, a line each.
pub fn render(verdicts: &[Verdict]) -> String {
    let documents = verdicts.iter().flat_map(|v| v.runs.iter().map(|told| document(v, told)));
    documents.map(|document| format!("{document}\n")).collect()
}

fn document(verdict: &Verdict, told: &Told) -> Value {
    let mut document = json!({
        "scenario": told.run.scenario,
        "image": told.run.image,
        "foreign_kernel": told.run.kernel,
        "variant": told.run.variant,
        "seed": told.run.seed,
        "repeat": told.run.repeat,
    });
    let more = match &told.result {
        Ok(ran) => of_run(ran, verdict),
        Err(error) => of_failure(error, &verdict.comparison),
    };
    if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    document
}

/// Returns the same keys as for a run, so that a script finds what it looks for; only `record` is missing, and `error`
/// is added.
fn of_failure(error: &Error, compared: &Compared) -> Value {
    json!({
        "kernel": null,
        "kernel_sha256": null,
        "modules_sha256": null,
        "clock": null,
        "virtual_seconds": null,
        "wall_seconds": null,
        "boot_retries": null,
        "outcome": null,
        "claims": [],
        "snapshot": compared.word(),
        "fingerprint": null,
        "error": { "message": format!("{error:?}"), "exit": error.exit() as u8 },
    })
}

fn of_run(ran: &Ran, verdict: &Verdict) -> Value {
    let result = &ran.result;
    json!({
        "kernel": result.kernel,
        "kernel_sha256": result.kernel_sha256,
        "modules_sha256": result.modules_sha256,
        "clock": clock(result.clock),
        "virtual_seconds": result.virtual_seconds,
        "wall_seconds": result.wall_seconds,
        "boot_retries": result.boot_retries,
        "outcome": plain(&toml::Value::Table(ran.outcome.document())),
        "claims": claims_of(ran, verdict),
        "snapshot": verdict.comparison.word(),
        "fingerprint": result.record.fingerprint,
        "record": result.path,
    })
}

/// Returns the claims about this run's variant, each with the verdict that people are shown.
fn claims_of(ran: &Ran, verdict: &Verdict) -> Vec<Value> {
    let claim = |finding: &claims::Finding| match verdict.claims.iter().find(|judged| judged.id == finding.id) {
        // The user's own files have no control.
        _ if ran.result.run.variant == YOURS => said(&finding.id, finding.verdict, None, &finding.evidence),
        Some(judged) => said(&judged.id, judged.verdict, judged.why.as_deref(), &judged.evidence),
        None => said(&finding.id, claims::Verdict::Unsettled, Some(NOT_JUDGED), &finding.evidence),
    };
    ran.findings.iter().map(claim).collect()
}

fn said(id: &str, verdict: claims::Verdict, why: Option<&str>, evidence: &[String]) -> Value {
    json!({ "id": id, "verdict": verdict, "why": why, "evidence": evidence })
}

/// Returns the word for a clock.
pub fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Virtual => "virtual",
        Clock::Wall => "wall",
    }
}

/// Returns numbers as numbers: how near they have to be is the snapshot's business.
fn plain(value: &toml::Value) -> Value {
    if let Some(number) = Num::of(value) {
        return number.value.into();
    }
    match value {
        toml::Value::Table(table) => {
            Value::Object(table.iter().map(|(k, v)| (k.clone(), plain(v))).collect::<Map<_, _>>())
        }
        toml::Value::Array(elements) => elements.iter().map(plain).collect(),
        toml::Value::String(text) => text.clone().into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        other => other.to_string().into(),
    }
}
