//! Runs a script on a Windows machine: powershell.exe, started through the operator's OpenSSH client, reads it and its
//! inputs from standard input.

use std::time::Duration;

use super::super::ssh::{At, Client, converse};
use super::wire::{Answer, Script, command, request};

/// What to do about what Windows says.
const ADVICE: &[(&str, &str)] = &[
    ("is not recognized", "there is no powershell.exe in the PATH of its ssh server; install PowerShell 1.0 or 2.0"),
    ("command not found", "there is no powershell.exe in the PATH of its ssh server; install PowerShell 1.0 or 2.0"),
];

/// A way to the machines of one cluster.
#[derive(Debug)]
pub(super) struct Way {
    client: Client,
}

impl Way {
    /// A way by this configuration of ssh, or by the operator's own.
    pub fn new(config: Option<String>) -> Self {
        Self { client: Client::new(config) }
    }

    /// Runs a script on the machine `name`, which is reached at `host`.
    ///
    /// # Errors
    /// The machine could not be asked, or its answer is not whole: where, what was said, and what to do.
    pub async fn ask(
        &self,
        name: &str,
        host: &str,
        script: Script,
        inputs: &[(&str, &str)],
        patience: Duration,
    ) -> Result<Answer, String> {
        let words = command();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let asked = request(script, inputs);
        let way = format!("ssh to {host}");
        let at = At { name, host, way: &way, advice: ADVICE };
        let talk = async |talk: &mut super::super::ssh::Talk| talk.say(asked.as_bytes()).await;
        let ((), said) = converse(self.client.command(host, &words), at, patience, talk).await?;
        Answer::read(script.name, &said).map_err(|why| format!("{name}: {why}"))
    }
}
