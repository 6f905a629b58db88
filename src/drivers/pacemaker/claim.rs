//! The claim: one value in the cluster's store, compared and set in one step, and read back with quorum afterwards.

use std::time::Duration;

use super::cib::Cib;
use super::marks::write_claim;
use super::probe;
use super::spec::AdminEpoch;
use super::ssh::Way;
use crate::drivers::ClaimAnswer;
use crate::model::{Claim, NodeName};

const SCRIPT: &str = concat!(include_str!("frame.sh"), include_str!("claim.sh"));

/// How long it may take on one node. A node that was just cut off keeps the tool waiting for some seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Replaces the claim `expected` by `wanted`, on the first node that answers with quorum.
pub(super) async fn swap<'n>(
    way: &Way,
    admin_epoch: AdminEpoch,
    nodes: impl Iterator<Item = &'n NodeName>,
    expected: Option<&Claim>,
    wanted: Option<&Claim>,
) -> ClaimAnswer {
    let value = |claim: Option<&Claim>| claim.map(write_claim).unwrap_or_default();
    // A heartbeat changes no epoch; a new claim does.
    let new_claim = wanted.is_some_and(|wanted| expected.is_none_or(|expected| expected.epoch != wanted.epoch));
    let bump = new_claim && admin_epoch == AdminEpoch::Raise;
    let (old, new) = (value(expected), value(wanted));
    let variables = [("old", old.as_str()), ("new", new.as_str()), ("bump", if bump { "yes" } else { "no" })];
    let mut why = Vec::new();
    for node in nodes {
        match way.run(node, SCRIPT, &variables, PATIENCE).await {
            Ok(said) => match read(&said, wanted) {
                Ok(answer) => return answer,
                // It may have been written there, and be overruled: nobody else is tried.
                Err(Doubt::Written(reason)) => return ClaimAnswer::Unsure { why: format!("{node}: {reason}") },
                Err(Doubt::Nothing(reason)) => why.push(format!("{node}: {reason}")),
            },
            Err(error) => why.push(error),
        }
    }
    ClaimAnswer::Unsure { why: why.join("; ") }
}

/// Why it cannot be told what became of it.
enum Doubt {
    /// Nothing was written.
    Nothing(String),
    /// Something may have been.
    Written(String),
}

fn read(said: &str, wanted: Option<&Claim>) -> Result<ClaimAnswer, Doubt> {
    let answers = probe::read(said).map_err(Doubt::Written)?;
    let of = |name: &str| answers.get(name).ok_or_else(|| Doubt::Written(format!("it does not say how {name} went")));
    let (swap, quorum, store) = (of("swap")?, of("quorum")?, of("store")?);
    // 105: what was to be replaced is not there. 108: there is one already.
    if !matches!(swap.code, 0 | 105 | 108) {
        return Err(Doubt::Nothing(format!("the cluster's store was not written ({})", swap.words())));
    }
    if quorum.code != 0 {
        let words = format!("it has no quorum ({})", quorum.words());
        return Err(if swap.code == 0 { Doubt::Written(words) } else { Doubt::Nothing(words) });
    }
    if let Some(bump) = answers.get("bump").filter(|bump| swap.code == 0 && bump.code != 0) {
        return Err(Doubt::Written(format!("the store could not be made the later one ({})", bump.words())));
    }
    let found = Cib::parse(store.out).map_err(Doubt::Written)?.claim;
    Ok(match (found, wanted) {
        (Some(found), Some(wanted)) if found == *wanted => ClaimAnswer::Claimed(found),
        (None, None) => ClaimAnswer::GivenUp,
        (found, _) => ClaimAnswer::Lost { found },
    })
}
