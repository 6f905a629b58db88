//! How people end by hand what of ours is in a Pacemaker cluster: with its own tools, on its own nodes.

use super::drain;
use super::look::Asked;
use super::marks;
use super::spec::{self, Drain, Rights};
use crate::desired::Cluster;
use crate::drivers::by_hand::{self, ByHand, Commands, Shows, on};
use crate::model::{Action, Claim, GroupName, Mark, NodeName};
use crate::observed::Observation;

/// What a look saw of ours, and how people end it.
///
/// # Errors
/// The driver's part of the manifest makes no sense.
pub fn by_hand(cluster: &Cluster, seen: &Observation) -> Result<ByHand, String> {
    let asked = Asked::new(cluster)?;
    let speaker = seen.views.iter().find(|view| view.quorate).map(|view| &view.from);
    let store = speaker.map_or_else(|| "a node that has quorum".into(), |node| place(&asked, node));
    Ok(by_hand::by_hand(seen, &Tools { asked: &asked, store }))
}

/// A node, and how it is reached if not by its name.
fn place(asked: &Asked, node: &NodeName) -> String {
    match spec::host(&asked.spec, node) {
        host if host == node.as_str() => host.to_owned(),
        host => format!("{node} (ssh {host})"),
    }
}

struct Tools<'a> {
    asked: &'a Asked,
    /// Where the store is written.
    store: String,
}

impl Tools<'_> {
    /// A command with the rights that it takes.
    fn run(&self, command: String) -> String {
        match self.asked.spec.rights {
            Rights::None => command,
            Rights::Sudo => format!("sudo {command}"),
        }
    }

    fn in_store(&self, command: String) -> Commands {
        on(self.store.clone(), [self.run(command)])
    }

    fn drop_set(&self, id: &str) -> Commands {
        self.in_store(format!("cibadmin --delete --xpath \"//cluster_property_set[@id='{id}']\""))
    }

    /// What is kept on a node.
    fn kept(&self, name: &str) -> String {
        quoted(&format!("{}/{name}", self.asked.spec.folder))
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    // No name holds a NUL, the one sign that no shell could be given.
    shlex::try_quote(text).map_or_else(|_| "''".into(), |text| text.into_owned())
}

impl by_hand::Tools for Tools<'_> {
    fn unmark(&self, mark: &Mark) -> Commands {
        self.drop_set(&marks::id(mark))
    }

    fn unclaim(&self, _: &Claim) -> Commands {
        self.drop_set(marks::CLAIM)
    }

    fn resume(&self, node: &NodeName) -> Commands {
        self.in_store(match self.asked.spec.drain {
            Drain::Standby => format!("crm_attribute -N {} -n standby -D", quoted(node.as_str())),
            // A pause from before bans were declared is a standby.
            Drain::Bans => {
                let bans = quoted(&drain::of_node(node.as_str()));
                format!(
                    "sh -c {}",
                    quoted(&format!(
                        "if cibadmin --query --xpath {bans} >/dev/null; then cibadmin --delete-all --force --xpath {bans}; \
                         else crm_attribute -N {} -n standby -D; fi",
                        quoted(node.as_str())
                    ))
                )
            }
        })
    }

    fn start_cluster(&self, node: &NodeName) -> Commands {
        on(place(self.asked, node), [self.run("systemctl start corosync pacemaker".into())])
    }

    fn start_role(&self, group: &GroupName, _: &NodeName) -> Commands {
        self.in_store(format!("crm_resource -r {} --meta -d target-role", quoted(group.as_str())))
    }

    fn left_by(&self, action: &Action) -> Option<(String, Commands)> {
        let (Action::MoveGroup { group, to, .. } | Action::Handoff { group, to, .. }) = action else { return None };
        let what = format!("the constraint that takes {group:?} to {to}");
        Some((
            what,
            self.in_store(format!("cibadmin --delete --xpath \"//rsc_location[@id='rollward-move-{group}']\"")),
        ))
    }

    fn forget(&self, node: &NodeName) -> Option<(String, Commands)> {
        let files = ["tries", "handoffs", "verified", "work", "work.log", "packages"].map(|file| self.kept(file));
        let what = format!("what {} holds but for the highest epoch that it obeyed", self.asked.spec.folder);
        Some((what, on(place(self.asked, node), [self.run(format!("rm -rf {}", files.join(" ")))])))
    }

    fn at_work(&self, node: &NodeName) -> Option<Shows> {
        let lock = self.run(format!("flock -n {} echo over", self.kept("lock")));
        let log = self.run(format!("tail {}", self.kept("work.log")));
        Some(Shows {
            commands: on(place(self.asked, node), [lock, log]),
            means: "it is over when the first says so; the second shows how far it is".into(),
        })
    }

    fn installer(&self) -> &'static str {
        "dpkg, rpm or a script of theirs"
    }

    fn check(&self) -> Vec<Shows> {
        vec![
            Shows {
                commands: self.in_store("cibadmin -Q | grep -o ' id=\"rollward-[^\"]*\"'".into()),
                means:
                    "says nothing when nothing of rollward's is left in the cluster; what it lists as ID is removed \
                        with cibadmin --delete --xpath \"//*[@id='ID']\""
                        .into(),
            },
            Shows {
                commands: self.in_store("crm_mon -1 -r".into()),
                means: "a node that is still in standby is a person's, and every resource is started".into(),
            },
        ]
    }
}
