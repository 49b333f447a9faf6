//! Proves needs and says which are lacking; `require` does something about it.

use super::{
    Packaging,
    install::{self, InstallPolicy},
    lack::{Fix, Lack},
    need::Need,
};
use crate::{
    error::{Error, Result},
    story::Teller,
};

#[derive(Debug, Clone)]
pub struct Row {
    pub need: Need,
    /// Its version or another fact, or the lack.
    pub found: Result<String, Lack>,
}

/// Everything asked for that applies to this user, in the order asked.
#[derive(Debug, Clone)]
pub struct Survey {
    pub rows: Vec<Row>,
}

impl Survey {
    pub fn lacks(&self) -> impl Iterator<Item = (Need, &Lack)> + Clone {
        self.rows.iter().filter_map(|row| Some((row.need, row.found.as_ref().err()?)))
    }
}

/// Proves each need by running it.
pub async fn survey(needs: &[Need]) -> Survey {
    let mut rows = Vec::new();
    for need in needs.iter().copied().filter(|need| need.applies()) {
        // Without ids a namespace cannot work: one lack, one line.
        let ids_lack = rows.iter().any(|row: &Row| row.need == Need::Ids && row.found.is_err());
        if need != Need::Namespaces || !ids_lack {
            rows.push(Row { need, found: need.prove().await });
        }
    }
    Survey { rows }
}

/// Makes sure of the needs: what is missing is installed as `policy` allows, and proven again.
pub async fn require(needs: &[Need], policy: InstallPolicy, teller: &Teller) -> Result<()> {
    let before = survey(needs).await;
    if before.lacks().next().is_none() {
        return Ok(());
    }
    let steps = install::steps(Packaging::here(), before.lacks().map(|(_, lack)| lack));
    install::carry_out(&steps, policy, teller, || refusal(&before)).await?;
    let after = survey(needs).await;
    // An ordinary user's missing id range shows only once its tool is there: a second round, not a third.
    let rest = install::steps(Packaging::here(), after.lacks().map(|(_, lack)| lack));
    if after.lacks().next().is_none() {
        return Ok(());
    }
    if rest != steps && !rest.is_empty() {
        install::carry_out(&rest, policy, teller, || refusal(&after)).await?;
        let last = survey(needs).await;
        return if last.lacks().next().is_none() { Ok(()) } else { Err(refusal(&last)) };
    }
    Err(refusal(&after))
}

/// Everything that is lacking and the one command that mends it.
pub fn refusal(survey: &Survey) -> Error {
    let what: Vec<_> = survey.lacks().map(|(need, lack)| format!("`{}` ({})", need.name(), lack.what)).collect();
    let error = Error::host(format!("this host lacks {}", what.join(", ")));
    let advice = survey.lacks().filter_map(|(_, lack)| match &lack.fix {
        Fix::Advice(advice) => Some(advice.clone()),
        _ => None,
    });
    let packaging = Packaging::here();
    let steps = install::steps(packaging, survey.lacks().map(|(_, lack)| lack));
    let command = (!steps.is_empty()).then(|| format!("run `{}`", install::one_command(&steps)));
    let by_hand = install::by_hand(packaging, survey.lacks().map(|(_, lack)| lack));
    let hints: Vec<_> = command.into_iter().chain(by_hand).chain(advice).collect();
    if hints.is_empty() { error } else { error.hint(hints.join("; ")) }
}
