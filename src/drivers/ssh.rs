//! The operator's own OpenSSH client: one shared connection a host, a limit of time, and errors that say what to do.
//!
//! Jump hosts, keys, agents and known hosts are the business of its configuration; no credential passes through here.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How long a connection may take to come about.
const CONNECT_SECONDS: u32 = 10;

/// The client of one cluster's hosts, with its shared connections.
#[derive(Debug)]
pub(super) struct Client {
    /// A file for `ssh -F`.
    config: Option<String>,
    /// Where the client keeps its shared connections; removed with this.
    sockets: Option<PathBuf>,
}

impl Client {
    /// A client that reads this configuration, or the operator's own.
    pub fn new(config: Option<String>) -> Self {
        static CLIENTS: AtomicU32 = AtomicU32::new(0);
        let (own, client) = (std::process::id(), CLIENTS.fetch_add(1, Ordering::Relaxed));
        let sockets = std::env::temp_dir().join(format!("rollward-ssh-{own}-{client}"));
        let made = DirBuilder::new().mode(0o700).create(&sockets);
        // Without the folder each command makes a connection of its own: slower, and right.
        Self { config, sockets: made.is_ok().then_some(sockets) }
    }

    /// The command that runs something on a host. The client puts the words of `remote` together to one text, with
    /// spaces between, for the shell over there: quoting for that shell is the caller's.
    pub fn command(&self, host: &str, remote: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        if let Some(config) = &self.config {
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
        command.arg("--").arg(host).args(remote);
        command
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The shared connections end by themselves, two minutes after their last use, and take no room.
        if let Some(sockets) = &self.sockets {
            let _ = std::fs::remove_dir_all(sockets);
        }
    }
}

/// Whom a command is run at, as errors say it, and what to do about words that a stack's own tools are known for.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    /// The machine that is meant.
    pub name: &'a str,
    /// Where it is reached.
    pub host: &'a str,
    /// How: `ssh to HOST`, or right here.
    pub way: &'a str,
    /// A sign in what was said, and the advice for it; looked at after what every client says.
    pub advice: &'a [(&'a str, &'a str)],
}

/// What was said, or why nothing was.
pub(super) type Said = Result<String, String>;

/// Starts a command and talks with it; then waits for its end. Returns what was made of the talk, and what it wrote
/// to its standard output after that.
///
/// # Errors
/// It could not be started, or did not end in time or well: where, what was said, and what to do.
pub(super) async fn converse<T>(
    mut command: Command,
    at: At<'_>,
    patience: Duration,
    talk: impl AsyncFnOnce(&mut Talk) -> Result<T, String>,
) -> Result<(T, String), String> {
    let At { name, host, way, advice } = at;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("{name}: cannot start the ssh client: {e}; install it, or mend PATH"))?;
    let (Some(to), Some(from), Some(mut errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(format!("{name}: the ssh client has no pipes"));
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
            return Err(explain(way, ended.code(), &String::from_utf8_lossy(&complaint), advice));
        }
        let said = String::from_utf8(said).map_err(|_| format!("the answer of {host} is no UTF-8"))?;
        Ok((talked?, said))
    };
    match timeout(patience, whole).await {
        Ok(ended) => ended.map_err(|why| format!("{name}: {why}")),
        Err(_) => Err(format!("{name}: no answer from {host} within {} s", patience.as_secs())),
    }
}

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

/// What the client said, with what to do about it.
fn explain(way: &str, code: Option<i32>, said: &str, advice: &[(&str, &str)]) -> String {
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
    ];
    let last = said.lines().last().unwrap_or("it said nothing");
    let last = last.strip_prefix("ssh: ").unwrap_or(last).trim_end_matches('.');
    match known.iter().chain(advice).find(|(sign, _)| said.contains(sign)) {
        Some((_, advice)) => format!("{way}: {last}: {advice}"),
        None => format!("{way} ended with {}: {last}", code.map_or("a signal".into(), |code| code.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_says_what_to_do() {
        let said = explain("ssh to root@n1", Some(255), "root@n1: Permission denied (publickey).", &[]);
        assert!(said.contains("the login was refused"), "{said}");
        let said = explain("ssh to n1", Some(1), "oops", &[("oops", "mend it")]);
        assert_eq!(said, "ssh to n1: oops: mend it");
    }
}
