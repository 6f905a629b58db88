//! `takeover`: a foreign controller's claim is declared void by a person.

use anyhow::bail;

use super::args::{From, Global, person};
use super::{Exit, ask, live};
use crate::door::Request;
use crate::drivers::ClaimAnswer;
use crate::model::{ClusterName, Known};

/// Take a cluster over from another controller that does not let go of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Make sure first that the other controller is dead or told to end: two that act at once are what claims are against.
What it has left running in the cluster is adopted.

Examples:
  rollward observe mbx-ccr-01      who is in charge
  rollward takeover mbx-ccr-01")]
pub(super) struct Takeover {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    cluster: ClusterName,
    #[command(flatten)]
    from: From,
}

impl Takeover {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let Self { cluster, from } = self;
        let request = Request::Takeover { cluster: cluster.clone(), by: person() };
        let done = ask::daemon_or(global, &request, || void(global, &from, &cluster))?;
        ask::done(global, cluster.as_str(), done, None)?;
        Ok(Exit::Done)
    }
}

/// Without a daemon there is nobody to take over, but the foreign claim can be taken away.
fn void(global: &Global, from: &From, cluster: &ClusterName) -> anyhow::Result<String> {
    live::with_driver(global, from, cluster, async |driver| {
        let claim = match driver.observe().await.claim {
            Known::Known { value: None, .. } => return Ok("nobody is in charge: there is nothing to take over".into()),
            Known::Known { value: Some(claim), .. } => claim,
            Known::Unknown { why } => bail!("the claim cannot be read: {why}"),
        };
        match driver.claim(Some(claim.clone()), None).await {
            ClaimAnswer::GivenUp | ClaimAnswer::Claimed(_) => {
                Ok(format!("the claim {claim} is void; the next daemon takes over what it finds"))
            }
            ClaimAnswer::Lost { found: Some(found) } => bail!("the claim is another by now, {found}: try again"),
            ClaimAnswer::Lost { found: None } => Ok(format!("{claim} has just been given up")),
            ClaimAnswer::Unsure { why } => bail!("it is not known whether the claim is void: {why}"),
        }
    })
}
