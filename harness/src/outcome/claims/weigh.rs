//! Weighs a claim against the outcomes of its variants and of its control.

use super::{
    Finding, Judged, Outcomes, Verdict,
    expression::{Found, evaluate},
};
use crate::scenario::{Claim, Expression};

/// The results in one variant: all expressions that were evaluated, in the claim's order.
struct Look<'a> {
    variant: &'a str,
    control: bool,
    applies_to: Vec<Found>,
    requires: Vec<Found>,
    assert: Vec<Found>,
}

impl<'a> Look<'a> {
    /// Evaluates the claim in one variant; the error says what the outcome does not have.
    fn at(claim: &Claim, variant: &'a str, control: bool, outcome: &toml::Table) -> Result<Self, String> {
        let all = |expressions: &[Expression]| -> Result<Vec<Found>, String> {
            expressions.iter().map(|e| evaluate(e, outcome)).collect()
        };
        // A control need not have what the claim is about: `applies-to` is asked of `variants` alone.
        let applies_to = if control { Vec::new() } else { all(&claim.applies_to)? };
        let (requires, assert) = match hold(&applies_to) {
            true => (all(&claim.requires)?, all(&claim.assert)?),
            false => (Vec::new(), Vec::new()),
        };
        Ok(Look { variant, control, applies_to, requires, assert })
    }

    fn say(&self, found: &Found) -> String {
        let control = if self.control { " (control)" } else { "" };
        format!("{}{control}: {}", self.variant, found.shown)
    }
}

fn hold(found: &[Found]) -> bool {
    found.iter().all(|found| found.holds)
}

/// Judges a claim by `outcomes`, which must have all its variants and those of its control.
pub fn judge(claim: &Claim, outcomes: &Outcomes) -> Judged {
    let (verdict, why, figure, evidence) = match looks(claim, outcomes) {
        Err(why) => (Verdict::Unsettled, Some(why), String::new(), Vec::new()),
        Ok(looks) => {
            let (verdict, why) = weigh(&looks);
            (verdict, why, figure(&looks, verdict), evidence(&looks, verdict))
        }
    };
    Judged { id: claim.id.clone(), says: claim.says.clone(), verdict, why, figure, evidence }
}

/// Evaluates the claim in each of `variants`, then in the control.
fn looks<'a>(claim: &'a Claim, outcomes: &Outcomes) -> Result<Vec<Look<'a>>, String> {
    let within = claim.variants.iter().map(|variant| (variant, false));
    let all = within.chain(claim.control.iter().map(|variant| (variant, true)));
    let look = |(variant, control): (&'a String, bool)| {
        let look = Look::at(claim, variant, control, &outcomes[variant]);
        look.map_err(|why| format!("{why} in the outcome of `{variant}`"))
    };
    all.map(look).collect()
}

fn weigh(looks: &[Look<'_>]) -> (Verdict, Option<String>) {
    if looks.iter().any(|look| !hold(&look.applies_to)) {
        return (Verdict::DoesNotApply, None);
    }
    if let Some((look, found)) = first_false(looks, |look| &look.requires) {
        return (Verdict::Unsettled, Some(format!("what it requires is not so: {}", look.say(found))));
    }
    if looks.iter().any(|look| !look.control && !hold(&look.assert)) {
        return (Verdict::DoesNotHold, None);
    }
    match looks.iter().find(|look| look.control && hold(&look.assert)) {
        Some(look) => (Verdict::Unsettled, Some(format!("holds in its control `{}` as well", look.variant))),
        None => (Verdict::Holds, None),
    }
}

fn first_false<'a, 'b>(
    looks: &'a [Look<'b>],
    part: impl Fn(&'a Look<'b>) -> &'a [Found],
) -> Option<(&'a Look<'b>, &'a Found)> {
    looks.iter().find_map(|look| Some((look, part(look).iter().find(|found| !found.holds)?)))
}

fn evidence(looks: &[Look<'_>], verdict: Verdict) -> Vec<String> {
    if verdict == Verdict::DoesNotApply {
        let missing = looks.iter().flat_map(|look| look.applies_to.iter().filter(|f| !f.holds).map(|f| look.say(f)));
        return missing.collect();
    }
    looks.iter().flat_map(|look| look.requires.iter().chain(&look.assert).map(|found| look.say(found))).collect()
}

/// Returns the one expression that decided, in the variant where it did, and the same expression in the control. Of
/// several controls it shows one that did not turn the verdict, if there is one.
fn figure(looks: &[Look<'_>], verdict: Verdict) -> String {
    if verdict == Verdict::DoesNotApply {
        return first_false(looks, |look| &look.applies_to).map_or_else(String::new, |(look, found)| look.say(found));
    }
    let within: Vec<&Look<'_>> = looks.iter().filter(|look| !look.control).collect();
    let controls = || looks.iter().filter(|look| look.control);
    let control = controls().find(|look| hold(&look.assert)).filter(|_| verdict == Verdict::Unsettled);
    let control = control.or_else(|| controls().next());
    let wrong = |look: &Look<'_>| look.assert.iter().position(|found| !found.holds);
    let (look, nth) = match within.iter().find_map(|look| Some((*look, wrong(look)?))) {
        Some(refuted) => refuted,
        None => (within[0], control.and_then(wrong).unwrap_or(0)),
    };
    [Some(look), control].into_iter().flatten().map(|look| look.say(&look.assert[nth])).collect::<Vec<_>>().join("; ")
}

/// Judges a claim by one outcome, without a control.
pub fn find(claim: &Claim, outcome: &toml::Table) -> Finding {
    let (id, says) = (claim.id.clone(), claim.says.clone());
    match Look::at(claim, "", false, outcome) {
        Err(why) => Finding { id, says, verdict: Verdict::Unsettled, evidence: vec![why] },
        Ok(look) => {
            let looks = [look];
            let (verdict, [look]) = (weigh(&looks).0, &looks);
            let applies = verdict != Verdict::DoesNotApply;
            let shown =
                if applies { look.requires.iter().chain(&look.assert) } else { look.applies_to.iter().chain(&[]) };
            let evidence = shown.map(|found| found.shown.clone()).collect();
            Finding { id, says, verdict, evidence }
        }
    }
}
