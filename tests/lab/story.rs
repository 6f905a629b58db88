//! How most stories begin and end: a cluster whose nodes are all stale, a host to roll it from, and nothing left behind.

use super::cluster::Lab;
use super::host::{Daemon, Host};
use super::left::Before;
use super::until;

/// Some nodes, all stale, and a host to roll them from.
pub struct Story {
    pub lab: Lab,
    pub host: Host,
    before: Before,
}

impl Story {
    /// Of three nodes and the cluster of `clusters/NAME.xml`, by the manifest `clusters/NAME.yaml`; nothing where no lab
    /// can be.
    pub fn begin(name: &str) -> Option<Self> {
        Self::begin_after(name, |_| ())
    }

    /// The same, with something more in the cluster before anybody looks.
    pub fn begin_after(name: &str, more: impl FnOnce(&Lab)) -> Option<Self> {
        Self::begin_on(3, name, more)
    }

    /// The same, with so many nodes.
    pub fn begin_on(nodes: usize, name: &str, more: impl FnOnce(&Lab)) -> Option<Self> {
        let lab = Lab::up(nodes)?;
        lab.load(name);
        more(&lab);
        lab.settle();
        let before = Before::look(&lab);
        let host = Host::new(&lab, name);
        Some(Self { lab, host, before })
    }

    /// Starts a daemon with a package whose postinst ends with this shell code, and waits until it is being configured:
    /// on which node.
    #[track_caller]
    pub fn until_installing(&self, postinst: &str) -> (Daemon, String) {
        self.host.package("1.1", postinst);
        let daemon = self.host.start("told");
        let mut node = None;
        until("an install begins", || {
            let mut all = self.lab.witnessed().into_iter();
            node = all.find(|line| line.what.starts_with("package postinst 1.1")).map(|line| line.node);
            node.is_some()
        });
        (daemon, node.unwrap())
    }

    /// Waits until a daemon has nothing left to do, ends it, and asserts what is so after every roll.
    #[track_caller]
    pub fn converges(&self, daemon: Daemon) {
        daemon.until_told("  converged  ");
        drop(daemon);
        self.assert_rolled();
    }

    /// Asserts what is so after every roll: all nodes are at 1.1, in use and online; every role is served once; no
    /// installer has met a role; and nothing of ours is left.
    #[track_caller]
    pub fn assert_rolled(&self) {
        let lab = &self.lab;
        until("all nodes are online", || lab.view().is_some_and(|view| view.online.len() == lab.nodes.len()));
        for node in &lab.nodes {
            assert_eq!(lab.version(node), "1.1 ii", "{node}");
        }
        lab.settle();
        let view = lab.view().unwrap();
        assert!(view.standby.is_empty(), "{view:?}");
        assert!(["mail", "files", "db"].iter().all(|role| !view.has(role) || view.owner(role).is_some()), "{view:?}");
        lab.assert_untouched();
        self.assert_unchanged();
    }

    /// Asserts that nothing is left in the cluster or on its disks that was not there before.
    #[track_caller]
    pub fn assert_unchanged(&self) {
        self.before.assert_same(&self.lab);
        self.before.assert_no_new_files(&self.lab);
    }

    /// Asserts that both roles were handed over once, and nothing else ever moved them.
    #[track_caller]
    pub fn assert_two_handoffs(&self) {
        let lab = &self.lab;
        assert_eq!((lab.starts("mail"), lab.starts("files")), (1, 1), "{:#?}", lab.witnessed());
    }
}
