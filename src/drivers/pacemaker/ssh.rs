//! Runs a script on a node, by the operator's own OpenSSH client or right here. What it needs it is given as variables,
//! never as text pasted into code.

use std::time::Duration;

use tokio::process::Command;

use super::super::ssh::{At, Client, converse};
pub(super) use super::super::ssh::{Said, Talk};
use super::spec::{self, Rights, Spec};
use crate::model::NodeName;

/// What to do about what `sudo` says.
const ADVICE: &[(&str, &str)] = &[
    ("a password is required", "allow the login what `manifests/pacemaker/sudoers` says"),
    ("sudo: not found", "there is no sudo on it; log in as root, or install it"),
];

/// A way to the nodes of one cluster.
#[derive(Debug)]
pub(super) struct Way {
    spec: Spec,
    client: Client,
}

impl Way {
    /// A way to the nodes.
    pub fn new(spec: Spec) -> Self {
        let client = Client::new(spec.ssh_config.clone());
        Self { spec, client }
    }

    /// Runs a script on a node, with variables, and returns what it wrote to stdout.
    ///
    /// # Errors
    /// The node could not be asked, or the script did not end in time or well: where, what was said, and what to do.
    pub async fn run(&self, node: &NodeName, script: &str, variables: &[(&str, &str)], patience: Duration) -> Said {
        let talk = async |_: &mut Talk| Ok(());
        self.converse(node, script, variables, patience, talk).await.map(|((), rest)| rest)
    }

    /// Runs a script on a node and talks with it; then waits for its end. Returns what was made of the talk, and what
    /// the script wrote after it.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn converse<T>(
        &self,
        node: &NodeName,
        script: &str,
        variables: &[(&str, &str)],
        patience: Duration,
        talk: impl AsyncFnOnce(&mut Talk) -> Result<T, String>,
    ) -> Result<(T, String), String> {
        let host = spec::host(&self.spec, node);
        let mut text = String::new();
        for (name, value) in variables {
            let value =
                shlex::try_quote(value).map_err(|e| format!("{node}: {name} cannot be given to a shell: {e}"))?;
            text.push_str(&format!("{name}={value}\n"));
        }
        text.push_str(script);
        let local = self.spec.local.as_ref() == Some(node);
        let way = if local { "this machine".into() } else { format!("ssh to {host}") };
        let at = At { name: node.as_str(), host, way: &way, advice: ADVICE };
        converse(self.command(local, host, &text), at, patience, talk).await
    }

    fn command(&self, local: bool, host: &str, text: &str) -> Command {
        let shell: &[&str] = match self.spec.rights {
            Rights::None => &["/bin/sh", "-c"],
            Rights::Sudo => &["sudo", "-n", "/bin/sh", "-c"],
        };
        if local {
            let mut command = Command::new(shell.first().copied().unwrap_or("/bin/sh"));
            command.args(shell.iter().skip(1)).arg(text);
            return command;
        }
        // The client puts its arguments together to one text for the shell over there.
        let quoted = shlex::try_quote(text).map_or_else(|_| "exit 64".into(), |text| text.into_owned());
        self.client.command(host, &[shell, &[&quoted]].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Way {
        Way::new(Spec { local: Some("n1".into()), ..Spec::default() })
    }

    #[tokio::test]
    async fn variables_are_data_whatever_they_hold() {
        let hostile = "a'b\"c $(reboot) `reboot` \\ ; #\nspäße";
        let said = local().run(&"n1".into(), "printf %s \"$x\"", &[("x", hostile)], Duration::from_secs(20)).await;
        assert_eq!(said.as_deref(), Ok(hostile));
    }

    #[tokio::test]
    async fn a_script_that_fails_or_hangs_says_so() {
        let failed = local().run(&"n1".into(), "echo oops >&2; exit 3", &[], Duration::from_secs(20)).await;
        assert_eq!(failed.unwrap_err(), "n1: this machine ended with 3: oops");
        let hung = local().run(&"n1".into(), "sleep 60", &[], Duration::from_millis(50)).await;
        assert!(hung.unwrap_err().contains("no answer"));
    }
}
