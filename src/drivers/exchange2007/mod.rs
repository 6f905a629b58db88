//! Exchange Server 2007 clusters: CCR, SCC, standby clusters, and standalone standby hosts.
//!
//! `cluster.exe` and the Exchange Management Shell are asked on a Windows management host, and each machine is asked about
//! itself, through the operator's OpenSSH client. The scripts in `scripts/` are for PowerShell 1.0 and 2.0; what they
//! answer is described at their heads.
//!
//! What acts is a worker on the node, which the script `begin` starts and which outlives the connection. It takes the node's
//! lock, announces its action in the cluster's database and waits; then a fresh look is judged by the permit's checks, and the
//! worker is given leave to do its steps, or none. The database knows no compare-and-set, but all writes of it are in one
//! order: of two who announce and then look, one at least sees the other.
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
//! | `/priv NAME=VALUE` makes a private property of the cluster, of several hundred signs, and lists it uncut in one line; `/usedefault` removes it | `ssh MGMT cluster.exe /cluster:NODE /priv TrialOfMine=x`, then `/priv`, `/priv TrialOfMine /usedefault`, and `/priv` again |
//! | what one node has written there, every other reads from then on | the same, with another `NODE` for the list |
//! | a worker that `begin` starts by WMI, or where that does not run by the shell, has the login's rights in the network, outlives the connection, hears the next, and may write the cluster's database from its node | `rollward doctor`, with `mode: act`: the check `orders` |
//! | a file that somebody else holds is told by the error 0x80070020, a sharing violation | the same, while a worker has the lock |
//! | the Exchange cmdlets run on the nodes themselves | `ssh NODE 'powershell.exe -NoProfile -Command "Get-PSSnapin -Registered"'` |
//! | the process `services.exe` begins with the machine, and tells when | `ssh NODE 'powershell.exe -NoProfile -Command "(Get-Process services).StartTime"'` |
//! | `cluster.exe` takes `node NAME /pause` and `/resume`, and `group NAME /move:NODE /wait:SECONDS` ends with 0, or 997 where it is still under way | `ssh MGMT 'cluster.exe /cluster:NODE group "Cluster Group" /move:NODE /wait:1'` |
//! | `-ValidateOnly` moves nothing | `Move-ClusteredMailboxServer CMS -TargetMachine NODE -MoveComment test -ValidateOnly`, in the Exchange Management Shell |
//! | a clustered mailbox server that is stopped can be moved with `-IgnoreDismounted`, and stays stopped | `Stop-ClusteredMailboxServer`, and then a move, in a maintenance window |
//! | an installer that suspends a copy leaves its `SuspendComment` empty | `Get-StorageGroupCopyStatus -Server CMS`, with `Format-List Identity,Suspend,SuspendComment`, after a rollup |
//! | when `msiexec.exe` ends, the rollup is installed and the services it stopped are started again | the end of `FOLDER\logs\FILE.log` beside the services |
//! | to end `msiexec.exe` ends the installation, which is rolled back | on a machine for tests, `taskkill /im msiexec.exe /f` during one |
//! | the log tells the action that failed before `Return value 3` | the log of a failed installation |
//! | the keys of the patch registry are patch codes in their packed form, and `MSIPATCHREMOVE` takes a rollup away | on a machine for tests, `msiexec /package {24B2C164-DE66-44FE-B468-A46D9D5E6B31} MSIPATCHREMOVE={CODE} /qn` |
//! | a clustered mailbox server may be on every machine that `RedundantMachines` names | `Get-MailboxServer CMS`, with `Format-List RedundantMachines` |
//!
//! A window remains beside an installer: a group that comes to its node in the last second before the cluster service stops
//! goes down with it. The pause of the node keeps groups from coming; only a person's hand can bring one.
//!
//! Settings with a safe default stand in for what nobody published: `diskMib` (what an installer needs), and `services`:
//! without it, every service of Exchange's that is disabled counts as left so by a setup that broke off.

mod act;
mod by_hand;
mod claim;
mod command;
mod doctor;
mod kept;
mod look;
mod machine;
mod mailbox;
mod marks;
mod software;
pub mod spec;
mod steps;
mod tables;
mod way;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

pub use self::by_hand::by_hand;
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

const CLUSTER: Script = Script { name: "cluster", text: include_str!("scripts/cluster.ps1") };
const GROUPS: Script = Script { name: "groups", text: include_str!("scripts/groups.ps1") };
const EXCHANGE: Script = Script { name: "exchange", text: include_str!("scripts/exchange.ps1") };
const DOCTOR: Script = Script { name: "doctor", text: include_str!("scripts/doctor.ps1") };
const NODE: Script = Script {
    name: "node",
    text: concat!(
        include_str!("scripts/kept.ps1"),
        include_str!("scripts/properties.ps1"),
        include_str!("scripts/node.ps1")
    ),
};
const STORE: Script = Script {
    name: "store",
    text: concat!(
        include_str!("scripts/kept.ps1"),
        include_str!("scripts/properties.ps1"),
        include_str!("scripts/store.ps1")
    ),
};
/// Begins an order; the worker that it starts runs the same text.
const BEGIN: Script = Script {
    name: "begin",
    text: concat!(
        include_str!("scripts/kept.ps1"),
        include_str!("scripts/properties.ps1"),
        include_str!("scripts/work.ps1"),
        include_str!("scripts/steps.ps1"),
        include_str!("scripts/mailbox.ps1"),
        include_str!("scripts/installer.ps1"),
        include_str!("scripts/begin.ps1")
    ),
};
const LEAVE: Script =
    Script { name: "leave", text: concat!(include_str!("scripts/kept.ps1"), include_str!("scripts/leave.ps1")) };
const STAGE: Script =
    Script { name: "stage", text: concat!(include_str!("scripts/kept.ps1"), include_str!("scripts/stage.ps1")) };
const TIDY: Script =
    Script { name: "tidy", text: concat!(include_str!("scripts/kept.ps1"), include_str!("scripts/tidy.ps1")) };

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

    /// Asks all machines at once, and the cluster about the groups that it shows.
    async fn ask_all(&self, asked: &Asked) -> Raw {
        let nodes: Vec<&NodeName> = asked.nodes.keys().collect();
        let servers = nodes.iter().map(|node| ("server", node.as_str().to_owned())).collect();
        self.ask(asked, Wanted { nodes: &nodes, servers, groups: true, exchange: true }).await
    }

    async fn ask(&self, asked: &Asked, wanted: Wanted<'_>) -> Raw {
        let mut looks = JoinSet::new();
        for node in wanted.nodes {
            let (way, clock, node) = (Arc::clone(&self.way), Arc::clone(&self.clock), (*node).clone());
            let (host, inputs) = (asked.spec.host(&node).to_owned(), node_inputs(asked, &node));
            looks.spawn(async move {
                let said = ask(&way, &*clock, (node.as_str(), &host), NODE, &inputs, PATIENCE).await;
                (node, said)
            });
        }
        let exchange_inputs: Vec<Input> = match asked.spec.is_cluster() {
            true => asked.roles().map(|role| ("cms", role.as_str().to_owned())).collect(),
            false => asked.nodes.keys().map(|node| ("host", node.as_str().to_owned())).collect(),
        };
        let (cluster, exchange, nodes) = tokio::join!(
            async {
                if !asked.spec.is_cluster() {
                    return (None, None);
                }
                let cluster = self.ask_management(asked, CLUSTER, &wanted.servers, PATIENCE).await;
                let groups = match look::read_tables(&cluster) {
                    Ok(tables) if wanted.groups => {
                        Some(self.ask_management(asked, GROUPS, &group_inputs(asked, &tables), PATIENCE).await)
                    }
                    _ => None,
                };
                (Some(cluster), groups)
            },
            async {
                match wanted.exchange {
                    true => self.ask_management(asked, EXCHANGE, &exchange_inputs, EXCHANGE_PATIENCE).await,
                    false => {
                        Said { at: self.clock.now(), answer: Reply::Failed("the Exchange tools were not asked".into()) }
                    }
                }
            },
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
        doctor::Checkup { management, nodes: nodes.into_iter().collect(), orders: BTreeMap::new() }
    }

    async fn ask_management(&self, asked: &Asked, script: Script, inputs: &[Input], patience: Duration) -> Said {
        let host = asked.spec.management_host.as_str();
        ask(&self.way, &*self.clock, (host, host), script, inputs, patience).await
    }

    /// Writes what of ours is in the cluster's database, by the management host, or on a host that is no cluster.
    async fn store(&self, asked: &Asked, inputs: &[Input]) -> Said {
        let alone = asked.nodes.keys().next().filter(|_| !asked.spec.is_cluster());
        let Some(host) = alone else {
            let servers = asked.nodes.keys().map(|node| ("server", spec::machine(node).to_owned()));
            let inputs: Vec<Input> = servers.chain(inputs.iter().cloned()).collect();
            return self.ask_management(asked, STORE, &inputs, PATIENCE).await;
        };
        let inputs: Vec<Input> =
            [("folder", asked.spec.folder.clone())].into_iter().chain(inputs.iter().cloned()).collect();
        self.ask_node(asked, host, STORE, &inputs, PATIENCE).await
    }

    async fn ask_node(
        &self,
        asked: &Asked,
        node: &NodeName,
        script: Script,
        inputs: &[Input],
        patience: Duration,
    ) -> Said {
        let host = asked.spec.host(node);
        ask(&self.way, &*self.clock, (node.as_str(), host), script, inputs, patience).await
    }

    /// The last look, if it is one of just now; else another.
    async fn recent(&self) -> Arc<Observation> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match last.filter(|seen| self.clock.now().duration_since(seen.at).abs() < RECENT) {
            Some(seen) => seen,
            None => self.look().await,
        }
    }

    /// We have done something, or may have: no look so far has seen it.
    fn forget_look(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn look(&self) -> Arc<Observation> {
        let asked = self.asked();
        let raw = self.ask_all(&asked).await;
        let seen = Arc::new(look::look(&asked, &raw, self.clock.now()));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&seen));
        seen
    }
}

type Input = (&'static str, String);

/// What a look asks.
struct Wanted<'a> {
    nodes: &'a [&'a NodeName],
    /// Whom to ask for the cluster, in this order.
    servers: Vec<Input>,
    /// How groups and resources are set up, too.
    groups: bool,
    /// The Exchange tools, too.
    exchange: bool,
}

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
    let mut inputs = vec![("folder", asked.spec.folder.clone()), ("clustered", clustered.to_owned())];
    inputs.extend(machine::watched(asked).map(|service| ("service", service.to_owned())));
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
        Box::pin(async move { effect::side_effects(action, &*self.recent().await) })
    }

    fn claim(&self, expected: Option<Claim>, wanted: Option<Claim>) -> Later<'_, ClaimAnswer> {
        Box::pin(async move {
            let asked = self.asked();
            let said = self.store(&asked, &claim::inputs(expected.as_ref(), wanted.as_ref())).await;
            self.forget_look();
            claim::read(&said, wanted.as_ref())
        })
    }

    fn perform(&self, permit: Permit) -> Later<'_, Answer> {
        Box::pin(async move {
            let answer = act::perform(self, permit).await;
            self.forget_look();
            answer
        })
    }

    fn command(&self, command: Command) -> Later<'_, Result<String, String>> {
        Box::pin(async move {
            let asked = self.asked();
            let seen = self.look().await;
            let done = command::carry_out(self, &asked, &seen, command, self.clock.now()).await;
            self.forget_look();
            done
        })
    }

    fn readiness(&self) -> Later<'_, Vec<Readiness>> {
        Box::pin(async move {
            let asked = self.asked();
            let (raw, mut checkup) = tokio::join!(self.ask_all(&asked), self.check_up(&asked));
            // A manifest that only observes lets nothing be written, not even what is taken back.
            for node in asked.nodes.keys().filter(|_| asked.acts) {
                let tried = act::practise(self, &asked, node).await;
                checkup.orders.insert(node.clone(), tried);
            }
            doctor::check(&asked, &raw, &checkup, self.clock.now())
        })
    }

    fn snapshot(&self) -> Later<'_, Result<Snapshot, String>> {
        Box::pin(async move {
            let asked = self.asked();
            let raw = without_secrets(self.ask_all(&asked).await);
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
