//! Exchange Server 2007 clusters: CCR, SCC, standby clusters, and standalone standby hosts.
//!
//! `cluster.exe` and the Exchange Management Shell are asked on a Windows management host, and each machine is asked about
//! itself, through the operator's OpenSSH client. The scripts in `scripts/` are for PowerShell 1.0 and 2.0; what they
//! answer is described at their heads.
//!
//! So far the driver only observes: a manifest must say `mode: observe`.
//!
//! # What was never seen to be so
//!
//! No Windows cluster was at hand. Layouts of `cluster.exe`'s tables, the cmdlets with their parameters and words, and the
//! places in the registry are from public captures and documentation. The following is from memory or concluded. Each can be checked
//! with one command, on the machine named; where it turns out otherwise, a look says *unknown* and nothing is done.
//!
//! | assumption | how to check it |
//! | --- | --- |
//! | an ssh server on the management host and on each node starts `powershell.exe`, passes standard input on, and its logins may use the network (a login by key may not: then the cluster and Active Directory refuse it) | `ssh HOST 'powershell.exe -NoProfile -Command "cluster.exe /cluster:NODE node"'` |
//! | what is piped to `powershell.exe` reaches the script, by `$input` or by the console | `echo x`, piped to `ssh HOST 'powershell.exe -NoProfile -Command "$input"'` |
//! | the ssh server is of 64 bits, so that the registry is the real one | `ssh NODE 'powershell.exe -NoProfile -Command "[IntPtr]::Size"'`, which says 8 |
//! | `cluster.exe` ends with 0 if and only if it did what it was asked | `ssh MGMT 'cmd /v:on /c "cluster.exe /cluster:NODE group nosuch & echo !errorlevel!"'`, which ends with 5013 |
//! | its tables are in English; otherwise all of the cluster is unknown | `ssh MGMT cluster.exe /cluster:NODE group` |
//! | `/prop` and `/priv` print kinds, name, property and value in this order, and `/listowners` one node a line, each under a line of dashes | `ssh MGMT 'cluster.exe /cluster:NODE group "Cluster Group" /prop'` |
//! | `cluster.exe` takes a quoted name for one name, whatever is in it, and the quoted value of an option for its value | `ssh MGMT 'cluster.exe /cluster:"NODE" group "Cluster Group"'` |
//! | `cluster.exe` writes to a pipe in the code page of consoles (OEM) of its login | the same with a group with an umlaut in its name, beside `ssh MGMT chcp` |
//! | private properties of the cluster itself can be listed by `/priv` | `ssh MGMT cluster.exe /cluster:NODE /priv` |
//! | the witness of CCR is `MNSFileShare` or `SharePath` among a resource's private properties | `ssh MGMT 'cluster.exe /cluster:NODE resource "NAME" /priv'` |
//! | a witness whose host answers on port 445 votes, as long as its resource is online | `ssh NODE 'dir \\HUB\SHARE'` |
//! | the votes are those of the model in the manifest, which is not compared with the real one: one a node, and one for the witness | `ssh MGMT cluster.exe /cluster:NODE /quorum` |
//! | `cluster` in the manifest is the real network name: it only tells two documents of one cluster apart from two clusters | `ssh MGMT cluster.exe /cluster:NODE /prop` |
//! | a cluster service without quorum ends, so a node that answers has it | none; it is how these versions of Windows are documented |
//! | `OperationalMachines` marks the active machine by `<Active …>` | `Get-ClusteredMailboxServerStatus CMS`, in the Exchange Management Shell |
//! | `Get-StorageGroup` and `Get-StorageGroupCopyStatus` write the same `Identity` | both, with `Format-List Identity` |
//! | a storage group and a database for recovery have the property `Recovery` | `Get-StorageGroup -Server CMS`, with `Format-List Name,Recovery` |
//! | ExSetup.exe lies in `Bin` below `MsiInstallPath` in `HKLM\SOFTWARE\Microsoft\Exchange\v8.0\Setup` | `ssh NODE 'reg query HKLM\SOFTWARE\Microsoft\Exchange\v8.0\Setup /v MsiInstallPath'` |
//! | the build that ends a rollup's name in the patch registry is the file version of ExSetup.exe | `Get-Command ExSetup`, with `ForEach {$_.FileVersionInfo}`, beside the installed updates in the Control Panel |
//! | ExSetup.exe and the name of the patch have the same last number. Of SP2 RU1 (.2, .3) and SP2 RU4 (.0, .1) components are known to differ: there, the build stays unknown | the same |
//! | the name of every patch that is no interim update begins with `Update Rollup` | the installed updates in the Control Panel |
//! | Windows Installer holds the mutex `Global\_MSIExecute` while it works | none that is of use outside an installation |
//! | a backup of the passive copy by VSS shows as `BackupInProgress` of the database, as one of the active copy does | `Get-MailboxDatabase -Server CMS -Status`, with `Format-List Name,BackupInProgress`, during one |
//! | the cmdlets see every server of the forest, whichever of its domains the login and the management host are of | `Get-MailboxServer`, in the Exchange Management Shell |
//! | resources whose names begin with `Exchange ` are those of a clustered mailbox server, and each has some | `ssh MGMT cluster.exe /cluster:NODE resource` |
//! | a database shows its last full backup as `LastFullBackup` | `Get-MailboxDatabase -Server CMS -Status`, with `Format-List Name,LastFullBackup` |
//! | a preferred owner list and `AutoFailbackType` decide where a group goes back to; its window only says when | `ssh MGMT 'cluster.exe /cluster:NODE group "NAME" /prop'` |
//! | a clustered mailbox server may be on every machine that `RedundantMachines` names | `Get-MailboxServer CMS`, with `Format-List RedundantMachines` |
//!
//! Settings with a safe default stand in for what nobody published: `diskMib` (what an installer needs), and `services`:
//! without it, every service of Exchange's that is disabled counts as left so by a setup that broke off.

mod doctor;
mod look;
mod machine;
mod mailbox;
mod marks;
mod software;
pub mod spec;
mod tables;
mod way;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

pub use self::look::Asked;
use self::look::{Raw, Reply, Said};
use self::way::Way;
use self::wire::Script;
use super::{ClaimAnswer, Driver, Later, Readiness, Snapshot};
use crate::desired::Cluster;
use crate::guard::{Command, DriverTraits, Permit};
use crate::model::time::Clock;
use crate::model::{Action, Answer, Claim, Known, NodeName, Rollup, RollupName};
use crate::observed::{Observation, SideEffect, effect};

/// The driver's name in manifests.
pub const NAME: &str = "exchange2007";

/// What is said to whoever asks for more than a look.
const ONLY_OBSERVES: &str = "the driver exchange2007 only observes so far: write `mode: observe`";

const CLUSTER: Script = Script { name: "cluster", text: include_str!("scripts/cluster.ps1") };
const GROUPS: Script = Script { name: "groups", text: include_str!("scripts/groups.ps1") };
const EXCHANGE: Script = Script { name: "exchange", text: include_str!("scripts/exchange.ps1") };
const DOCTOR: Script = Script { name: "doctor", text: include_str!("scripts/doctor.ps1") };
const NODE: Script = Script { name: "node", text: include_str!("scripts/node.ps1") };

/// How long one script may take: a connection, PowerShell's start, and tools that wait for nodes which do not answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long the Exchange cmdlets may take: one question for each standby machine, each answered over the network.
const EXCHANGE_PATIENCE: Duration = Duration::from_secs(180);

/// Where the lists of revoked certificates come from that .NET asks for when a managed service starts. Source: KB944752.
const REVOCATION_LISTS: &str = "crl.microsoft.com";

/// How old the last look may be to foresee by.
const RECENT: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// An Exchange 2007 cluster, or a standalone standby host, as a driver.
pub struct Exchange2007 {
    asked: Mutex<Arc<Asked>>,
    way: Arc<Way>,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Arc<Observation>>>,
}

impl Exchange2007 {
    /// A driver for a cluster, on a clock.
    pub fn new(asked: Asked, clock: Arc<dyn Clock>) -> Self {
        let way = Arc::new(Way::new(asked.spec.ssh_config.clone()));
        Self { asked: Mutex::new(Arc::new(asked)), way, clock, last: Mutex::new(None) }
    }

    fn asked(&self) -> Arc<Asked> {
        Arc::clone(&self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks all machines at once, and then the cluster about the groups that it showed.
    async fn ask(&self, asked: &Asked) -> Raw {
        let mut looks = JoinSet::new();
        for node in asked.nodes.keys() {
            let (way, clock, node) = (Arc::clone(&self.way), Arc::clone(&self.clock), node.clone());
            let (host, inputs) = (asked.spec.host(&node).to_owned(), node_inputs(asked, &node));
            looks.spawn(async move {
                let said = ask(&way, &*clock, (node.as_str(), &host), NODE, &inputs, PATIENCE).await;
                (node, said)
            });
        }
        let servers: Vec<Input> = asked.nodes.keys().map(|node| ("server", node.as_str().to_owned())).collect();
        let exchange_inputs: Vec<Input> = match asked.spec.is_cluster() {
            true => asked.roles().map(|role| ("cms", role.as_str().to_owned())).collect(),
            false => asked.nodes.keys().map(|node| ("host", node.as_str().to_owned())).collect(),
        };
        let (cluster, exchange, nodes) = tokio::join!(
            async {
                if !asked.spec.is_cluster() {
                    return (None, None);
                }
                let cluster = self.ask_management(asked, CLUSTER, &servers, PATIENCE).await;
                let groups = match look::read_tables(&cluster) {
                    Ok(tables) => {
                        Some(self.ask_management(asked, GROUPS, &group_inputs(asked, &tables), PATIENCE).await)
                    }
                    Err(_) => None,
                };
                (Some(cluster), groups)
            },
            self.ask_management(asked, EXCHANGE, &exchange_inputs, EXCHANGE_PATIENCE),
            looks.join_all(),
        );
        let (cluster, groups) = cluster;
        Raw { cluster, groups, exchange, nodes: nodes.into_iter().collect() }
    }

    /// Asks every machine how it is set up.
    async fn check_up(&self, asked: &Asked) -> doctor::Checkup {
        let mut looks = JoinSet::new();
        for node in asked.nodes.keys() {
            let (way, clock, node) = (Arc::clone(&self.way), Arc::clone(&self.clock), node.clone());
            let host = asked.spec.host(&node).to_owned();
            looks.spawn(async move {
                let inputs = [("crl", REVOCATION_LISTS.to_owned())];
                let said = ask(&way, &*clock, (node.as_str(), &host), DOCTOR, &inputs, PATIENCE).await;
                (node, said)
            });
        }
        let (management, nodes) = tokio::join!(self.ask_management(asked, DOCTOR, &[], PATIENCE), looks.join_all());
        doctor::Checkup { management, nodes: nodes.into_iter().collect() }
    }

    async fn ask_management(&self, asked: &Asked, script: Script, inputs: &[Input], patience: Duration) -> Said {
        let host = asked.spec.management_host.as_str();
        ask(&self.way, &*self.clock, (host, host), script, inputs, patience).await
    }

    async fn look(&self) -> Arc<Observation> {
        let asked = self.asked();
        let raw = self.ask(&asked).await;
        let seen = Arc::new(look::look(&asked, &raw, self.clock.now()));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&seen));
        seen
    }
}

type Input = (&'static str, String);

async fn ask(
    way: &Way,
    clock: &dyn Clock,
    (name, host): (&str, &str),
    script: Script,
    inputs: &[Input],
    patience: Duration,
) -> Said {
    // What is seen was so no earlier than this.
    let at = clock.now();
    let inputs: Vec<(&str, &str)> = inputs.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let answer = match way.ask(name, host, script, &inputs, patience).await {
        Ok(answer) => Reply::Answer(answer),
        Err(why) => Reply::Failed(why),
    };
    Said { at, answer }
}

fn node_inputs(asked: &Asked, node: &NodeName) -> Vec<Input> {
    let clustered = if asked.spec.is_cluster() { "yes" } else { "no" };
    let mut inputs = vec![
        ("folder", asked.spec.folder.clone()),
        ("clustered", clustered.to_owned()),
        ("service", machine::CLUSTER_SERVICE.to_owned()),
    ];
    inputs.extend(asked.spec.services.keys().map(|service| ("service", service.clone())));
    inputs.extend(asked.spec.witness_host().map(|host| ("witness", host.to_owned())));
    let packages = asked.nodes.get(node).into_iter().flat_map(|rollup| &rollup.packages);
    inputs.extend(packages.map(|package| ("package", package.file.clone())));
    inputs
}

fn group_inputs(asked: &Asked, tables: &look::Tables) -> Vec<Input> {
    let mut inputs = vec![("server", tables.server.clone())];
    inputs.extend(tables.groups.iter().map(|row| ("group", row.name.clone())));
    let resources = tables.resources.iter().flatten().filter(|row| look::is_asked(row, asked));
    let resources: Vec<String> = resources.map(|row| row.name.clone()).collect();
    inputs.extend(resources.iter().map(|name| ("resource", name.clone())));
    // Private properties may hold anything: nobody else's are asked for.
    if asked.spec.quorum.model == spec::QuorumModel::FileShare {
        inputs.extend(resources.into_iter().map(|name| ("private", name)));
    }
    inputs
}

/// What was seen when a snapshot was saved.
///
/// # Errors
/// It makes no sense.
pub fn replay(cluster: &Cluster, snapshot: &Snapshot) -> Result<Observation, String> {
    let raw: Raw = serde_json::from_value(snapshot.raw.clone()).map_err(|error| format!("the snapshot: {error}"))?;
    Ok(look::look(&Asked::new(cluster)?, &raw, snapshot.at))
}

/// Leaves out of the tools' words what is kept nowhere: private properties that are not ours may hold anything.
fn without_secrets(mut raw: Raw) -> Raw {
    let foreign = |id: &str, line: &str| match id {
        "private" => marks::is_foreign(line),
        id if id.starts_with("resource-private:") => look::is_no_witness(line),
        _ => false,
    };
    for said in raw.cluster.iter_mut().chain(&mut raw.groups) {
        if let Reply::Answer(answer) = &mut said.answer {
            *answer = std::mem::take(answer).without(foreign);
        }
    }
    raw
}

impl Driver for Exchange2007 {
    fn traits(&self) -> DriverTraits {
        // A paused node keeps its groups; a package that is copied reads and writes its disk, which an active node needs.
        DriverTraits { pause_keeps_groups: true, staging_disturbs: true, can_stop_cluster_service: false }
    }

    fn observe(&self) -> Later<'_, Observation> {
        Box::pin(async move { Observation::clone(&*self.look().await) })
    }

    fn foresee<'a>(&'a self, action: &'a Action) -> Later<'a, Known<Vec<SideEffect>>> {
        Box::pin(async move {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let seen = match last.filter(|seen| self.clock.now().duration_since(seen.at).abs() < RECENT) {
                Some(seen) => seen,
                None => self.look().await,
            };
            effect::side_effects(action, &seen)
        })
    }

    fn claim(&self, _: Option<Claim>, _: Option<Claim>) -> Later<'_, ClaimAnswer> {
        Box::pin(std::future::ready(ClaimAnswer::Unsure { why: ONLY_OBSERVES.into() }))
    }

    fn perform(&self, _: Permit) -> Later<'_, Answer> {
        Box::pin(std::future::ready(Answer::Refused { check: "driver".into(), saw: ONLY_OBSERVES.into() }))
    }

    fn command(&self, _: Command) -> Later<'_, Result<String, String>> {
        Box::pin(std::future::ready(Err(ONLY_OBSERVES.into())))
    }

    fn readiness(&self) -> Later<'_, Vec<Readiness>> {
        Box::pin(async move {
            let asked = self.asked();
            let (raw, checkup) = tokio::join!(self.ask(&asked), self.check_up(&asked));
            doctor::check(&asked, &raw, &checkup, self.clock.now())
        })
    }

    fn snapshot(&self) -> Later<'_, Result<Snapshot, String>> {
        Box::pin(async move {
            let asked = self.asked();
            let raw = without_secrets(self.ask(&asked).await);
            let raw = serde_json::to_value(raw).map_err(|error| error.to_string())?;
            Ok(Snapshot { driver: NAME.into(), cluster: asked.cluster.clone(), at: self.clock.now(), raw })
        })
    }

    fn learn(&self, cluster: &Cluster, _: &BTreeMap<RollupName, Arc<Rollup>>) {
        if let Ok(asked) = Asked::new(cluster) {
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(asked);
        }
    }
}
