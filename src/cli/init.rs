//! `init`: a first manifest, from a live cluster.

use std::io::Write as _;

use anyhow::Context as _;

use super::Exit;
use crate::drivers;

/// Print a first manifest of a live cluster: what was found, in observe mode, with what is yours to decide.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looks at one node of the cluster and changes nothing.

Examples:
  rollward init pacemaker n1 > /etc/rollward/manifests/my-cluster.yaml
  rollward init pacemaker root@10.0.0.11 --package postgresql-15
  rollward init pacemaker n1 --part '{sshConfig: /etc/rollward/ssh_config, rights: sudo}'")]
pub(super) struct Init {
    /// What drives the cluster
    #[arg(value_name = "DRIVER", value_parser = clap::builder::PossibleValuesParser::new(drivers::that_write_manifests()))]
    driver: String,
    /// A node of it, as the driver reaches it
    #[arg(value_name = "HOST")]
    host: String,
    /// The driver's part of the manifest, where it must say more than the host
    #[arg(long, value_name = "YAML", default_value = "{}")]
    part: String,
    /// A package whose version the nodes shall share; the cluster stack's own if omitted
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
}

impl Init {
    pub fn run(self) -> anyhow::Result<Exit> {
        let part: serde_json::Value = serde_yaml::from_str(&self.part).context("--part is no YAML")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let text = runtime
            .block_on(drivers::init(&self.driver, &self.host, &part, self.package.as_deref()))
            .map_err(|why| anyhow::anyhow!("{why}"))?;
        let mut to = std::io::stdout().lock();
        to.write_all(text.as_bytes())?;
        to.flush()?;
        Ok(Exit::Done)
    }
}
