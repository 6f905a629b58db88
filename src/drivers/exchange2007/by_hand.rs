//! How people end by hand what of ours is in an Exchange 2007 cluster: with `cluster.exe` and the Exchange cmdlets, which are
//! the only tools that a clustered mailbox server may be started with.

use super::look::Asked;
use super::spec::{self, StartType};
use super::{machine, marks};
use crate::desired::Cluster;
use crate::drivers::by_hand::{self, ByHand, Commands, Shows, on};
use crate::model::{Action, Claim, GroupName, Known, Mark, NodeName};
use crate::observed::{Node, Observation};

/// What a look saw of ours, and how people end it.
///
/// # Errors
/// The driver's part of the manifest makes no sense.
pub fn by_hand(cluster: &Cluster, seen: &Observation) -> Result<ByHand, String> {
    let asked = Asked::new(cluster)?;
    let answers = seen.views.iter().find(|view| view.quorate).map(|view| &view.from);
    let server = answers.or_else(|| asked.nodes.keys().next()).map(|node| spec::machine(node).to_owned());
    Ok(by_hand::by_hand(seen, &Tools { asked: &asked, server: server.unwrap_or_default() }))
}

struct Tools<'a> {
    asked: &'a Asked,
    /// The node that answers for the cluster.
    server: String,
}

impl Tools<'_> {
    fn cluster(&self, words: &str) -> Commands {
        on(self.asked.spec.management_host.as_str(), [format!("cluster.exe /cluster:{} {words}", self.server)])
    }

    /// In the Exchange Management Shell.
    fn exchange(&self, lines: impl IntoIterator<Item = String>) -> Commands {
        on(format!("{}, in the Exchange Management Shell", self.asked.spec.management_host), lines)
    }

    fn on_node(&self, node: &NodeName, lines: impl IntoIterator<Item = String>) -> Commands {
        on(self.asked.spec.host(node), lines)
    }

    /// A path of what is kept on a node, as one word of a command prompt.
    fn kept(&self, path: &str) -> String {
        format!("\"{}\\{path}\"", self.asked.spec.folder)
    }

    /// Removes what is in the cluster's database, or of a standalone host in a folder on it.
    fn drop_property(&self, name: &str) -> Commands {
        match self.asked.nodes.keys().next().filter(|_| !self.asked.spec.is_cluster()) {
            Some(host) => self.on_node(host, [format!("del {}", self.kept(&format!("store\\{name}")))]),
            None => self.cluster(&format!("/priv {name} /usedefault")),
        }
    }
}

/// A text as one word of PowerShell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl by_hand::Tools for Tools<'_> {
    fn unmark(&self, mark: &Mark) -> Commands {
        self.drop_property(&marks::name(mark))
    }

    fn unclaim(&self, _: &Claim) -> Commands {
        self.drop_property(marks::CLAIM)
    }

    fn resume(&self, node: &NodeName) -> Commands {
        match self.asked.spec.is_cluster() {
            true => self.cluster(&format!("node {} /resume", spec::machine(node))),
            // Its pause is the mark and nothing else.
            false => self.on_node(node, []),
        }
    }

    fn start_cluster(&self, node: &NodeName) -> Commands {
        self.on_node(node, [format!("net start {}", machine::CLUSTER_SERVICE)])
    }

    fn start_role(&self, group: &GroupName, _: &NodeName) -> Commands {
        let cms = quoted(group.as_str());
        let dismounted = "Where-Object { $_.MountAtStartup -and -not $_.Mounted -and -not $_.Recovery }";
        let mount = |kind: &str| format!("Get-{kind}Database -Server {cms} -Status | {dismounted} | Mount-Database");
        let start = format!("Start-ClusteredMailboxServer -Identity {cms} -Confirm:$false");
        self.exchange([start, mount("Mailbox"), mount("PublicFolder")])
    }

    fn left_by(&self, _: &Action) -> Option<(String, Commands)> {
        None
    }

    fn mend(&self, name: &NodeName, node: &Node, seen: &Observation) -> Vec<(String, Commands)> {
        let mut all = Vec::new();
        if node.replication_suspended.surely(|suspended| *suspended) {
            let here = |role: &&GroupName| seen.groups.get(*role).is_some_and(|group| group.copies.contains_key(name));
            let resume = |role: &GroupName| {
                let all = format!("Get-StorageGroupCopyStatus -Server {}", quoted(role.as_str()));
                // Whoever suspends one by hand says why.
                format!("{all} | Where-Object {{ $_.Suspend -and -not $_.SuspendComment }} | Resume-StorageGroupCopy")
            };
            let lines: Vec<_> = self.asked.roles().filter(here).map(resume).collect();
            all.push((format!("suspended copies on {name}"), self.exchange(lines)));
        }
        if let Known::Known { value: services, .. } = &node.services {
            let start = |service: &String| match self.asked.spec.services.get(service).map(|meant| meant.start) {
                Some(StartType::Automatic) => format!("sc config {service} start= auto"),
                Some(StartType::Manual) => format!("sc config {service} start= demand"),
                Some(StartType::Disabled) => format!("sc config {service} start= disabled"),
                None => format!("find \"{service}\" {}", self.kept("kept\\services")),
            };
            for (service, how) in &services.differing {
                let what = format!("the service {service} on {name}: {how}");
                all.push((what, self.on_node(name, [start(service)])));
            }
        }
        all
    }

    fn forget(&self, node: &NodeName) -> Option<(String, Commands)> {
        let files =
            ["tries", "handoffs", "verified", "work", "services"].map(|file| self.kept(&format!("kept\\{file}")));
        let folders = ["packages", "logs", "orders"].map(|folder| self.kept(folder));
        let what = format!("what {} holds but for the highest epoch that it obeyed", self.asked.spec.folder);
        let lines = [format!("del /q {}", files.join(" ")), format!("rmdir /s /q {}", folders.join(" "))];
        Some((what, self.on_node(node, lines)))
    }

    fn at_work(&self, node: &NodeName) -> Option<Shows> {
        let lines = [format!("type {}", self.kept("lock")), "tasklist /fi \"imagename eq msiexec.exe\"".into()];
        Some(Shows {
            commands: self.on_node(node, lines),
            means:
                "as long as it is at work, the first complains that another process uses the file; the second shows \
                    the installer, and its log grows in the folder logs beside it"
                    .into(),
        })
    }

    fn installer(&self) -> &'static str {
        "msiexec.exe"
    }

    fn check(&self) -> Vec<Shows> {
        if let Some(host) = self.asked.nodes.keys().next().filter(|_| !self.asked.spec.is_cluster()) {
            return vec![Shows {
                commands: self.on_node(host, [format!("dir /b {}", self.kept("store"))]),
                means: "lists nothing when nothing of rollward's is left".into(),
            }];
        }
        vec![
            Shows {
                commands: self.cluster("/priv"),
                means:
                    "lists no name that begins with Rollward when nothing of rollward's is left; one that it lists is \
                        removed with cluster.exe /priv NAME /usedefault"
                        .into(),
            },
            Shows { commands: self.cluster("node"), means: "a node that is still paused is a person's".into() },
            Shows { commands: self.cluster("group"), means: "every group is online".into() },
        ]
    }
}
