//! Runs a script on a node, by the operator's own OpenSSH client or right here. What it needs it is given as variables,
//! never as text pasted into code.
//!
//! The client shares one connection a node for as long as it is used; jump hosts, agents and known hosts are the
//! business of its configuration.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::spec::{self, Rights, Spec};
use crate::model::NodeName;

/// How long a connection may take to come about.
const CONNECT_SECONDS: u32 = 10;

/// A way to the nodes of one cluster.
#[derive(Debug)]
pub(super) struct Way {
    spec: Spec,
    /// Where the client keeps its shared connections; removed with this.
    sockets: Option<PathBuf>,
}

impl Way {
    /// A way to the nodes.
    pub fn new(spec: Spec) -> Self {
        static WAYS: AtomicU32 = AtomicU32::new(0);
        let (own, way) = (std::process::id(), WAYS.fetch_add(1, Ordering::Relaxed));
        let sockets = std::env::temp_dir().join(format!("rollward-ssh-{own}-{way}"));
        let made = DirBuilder::new().mode(0o700).create(&sockets);
        // Without the folder each command makes a connection of its own: slower, and right.
        Self { spec, sockets: made.is_ok().then_some(sockets) }
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
        let mut child = self
            .command(node, host, &text)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("{node}: cannot start the ssh client: {e}; install it, or mend PATH"))?;
        let (Some(to), Some(from), Some(mut errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(format!("{node}: the ssh client has no pipes"));
        };
        let whole = async {
            let mut talking = Talk { to, from: BufReader::new(from) };
            let (mut said, mut complaint) = (Vec::new(), Vec::new());
            let (talked, _) = tokio::join!(
                async {
                    let made = talk(&mut talking).await;
                    let Talk { to, mut from } = talking;
                    drop(to);
                    from.read_to_end(&mut said).await.map_err(|e| e.to_string())?;
                    made
                },
                errors.read_to_end(&mut complaint),
            );
            let ended = child.wait().await.map_err(|e| e.to_string())?;
            if !ended.success() {
                let way = if self.spec.local.as_ref() == Some(node) {
                    "this machine".into()
                } else {
                    format!("ssh to {host}")
                };
                return Err(explain(&way, ended.code(), &String::from_utf8_lossy(&complaint)));
            }
            let said = String::from_utf8(said).map_err(|_| format!("the answer of {host} is no UTF-8"))?;
            Ok((talked?, said))
        };
        match timeout(patience, whole).await {
            Ok(ended) => ended.map_err(|why| format!("{node}: {why}")),
            Err(_) => Err(format!("{node}: no answer from {host} within {} s", patience.as_secs())),
        }
    }

    fn command(&self, node: &NodeName, host: &str, text: &str) -> Command {
        let shell: &[&str] = match self.spec.rights {
            Rights::None => &["/bin/sh", "-c"],
            Rights::Sudo => &["sudo", "-n", "/bin/sh", "-c"],
        };
        if self.spec.local.as_ref() == Some(node) {
            let mut command = Command::new(shell.first().copied().unwrap_or("/bin/sh"));
            command.args(shell.iter().skip(1)).arg(text);
            return command;
        }
        let mut command = Command::new("ssh");
        if let Some(config) = &self.spec.ssh_config {
            command.arg("-F").arg(config);
        }
        let options = [
            "BatchMode=yes".to_owned(),
            format!("ConnectTimeout={CONNECT_SECONDS}"),
            "ServerAliveInterval=5".to_owned(),
            "ServerAliveCountMax=3".to_owned(),
        ];
        options.iter().for_each(|option| _ = command.arg("-o").arg(option));
        if let Some(sockets) = &self.sockets {
            command.args(["-o", "ControlMaster=auto", "-o", "ControlPersist=120", "-o"]);
            command.arg(format!("ControlPath={}/%C", sockets.display()));
        }
        // The client puts its arguments together to one text for the shell over there.
        let quoted = shlex::try_quote(text).map_or_else(|_| "exit 64".into(), |text| text.into_owned());
        command.arg("--").arg(host).args(shell).arg(quoted);
        command
    }
}

/// What was said, or why nothing was.
pub(super) type Said = Result<String, String>;

/// Both ends of a script that is running.
pub(super) struct Talk {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Talk {
    /// Reads lines up to one that is just this, which belongs to it.
    ///
    /// # Errors
    /// The script ended before.
    pub async fn hear(&mut self, last: &str) -> Said {
        let mut text = String::new();
        loop {
            let begin = text.len();
            match self.from.read_line(&mut text).await {
                Ok(0) => return Err("it ended before its time".into()),
                Ok(_) if text.get(begin..).is_some_and(|line| line.trim_end() == last) => return Ok(text),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Says something.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn say(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.to.write_all(bytes).await.map_err(|e| e.to_string())?;
        self.to.flush().await.map_err(|e| e.to_string())
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        // The shared connections end by themselves, two minutes after their last use, and take no room.
        if let Some(sockets) = &self.sockets {
            let _ = std::fs::remove_dir_all(sockets);
        }
    }
}

/// What the client said, with what to do about it.
fn explain(way: &str, code: Option<i32>, said: &str) -> String {
    let said = said.trim();
    let known: &[(&str, &str)] = &[
        (
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
            "its host key is not the one you know; make sure that it is the right machine, then `ssh-keygen -R` its name",
        ),
        ("Host key verification failed", "its host key is not known; log in once by hand and compare it"),
        ("Permission denied", "the login was refused; check the user and the key in your ssh configuration"),
        (
            "Could not resolve hostname",
            "no such name; give the node an address under `hosts`, or in your ssh configuration",
        ),
        ("Connection timed out", "it does not answer; is it up, and is the way to it open?"),
        ("Connection refused", "it answers and has no ssh server running"),
        ("No route to host", "there is no way to it"),
        ("a password is required", "allow the login what `manifests/pacemaker/sudoers` says"),
        ("sudo: not found", "there is no sudo on it; log in as root, or install it"),
    ];
    let last = said.lines().last().unwrap_or("it said nothing");
    let last = last.strip_prefix("ssh: ").unwrap_or(last).trim_end_matches('.');
    match known.iter().find(|(sign, _)| said.contains(sign)) {
        Some((_, advice)) => format!("{way}: {last}: {advice}"),
        None => format!("{way} ended with {}: {last}", code.map_or("a signal".into(), |code| code.to_string())),
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

    #[test]
    fn what_goes_wrong_says_what_to_do() {
        let said = explain("ssh to root@n1", Some(255), "root@n1: Permission denied (publickey).");
        assert!(said.contains("the login was refused"), "{said}");
    }
}
