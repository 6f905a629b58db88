//! One question to a role: a connection, a page, a command.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::desired::Asks;

/// So many bytes of an answer say what it is: `HTTP/1.1 200`.
const STATUS: usize = 12;

/// Whether the role answers. For as long as it takes: whoever asks sets the limit, and drops this.
pub(super) async fn ask(asks: &Asks) -> bool {
    match asks {
        Asks::Tcp { host, port } => TcpStream::connect((&**host, *port)).await.is_ok(),
        Asks::Http { host, port, path } => http(host, *port, path).await.unwrap_or(false),
        Asks::Command(words) => command(words).await,
    }
}

/// Gets a page, and reads no more of it than whether it is one: 200 to 399.
async fn http(host: &str, port: u16, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((host, port)).await?;
    let name = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {name}:{port}\r\nUser-Agent: rollward-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0; STATUS];
    stream.read_exact(&mut status).await?;
    let status = str::from_utf8(&status).ok().and_then(|line| line.strip_prefix("HTTP/1."));
    let code = status.and_then(|rest| rest.get(2..)).and_then(|code| code.parse::<u16>().ok());
    Ok(code.is_some_and(|code| (200..400).contains(&code)))
}

/// Runs a command in a process group of its own.
async fn command(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else { return false };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.process_group(0).kill_on_drop(true).spawn() else { return false };
    let group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let ended = child.wait().await;
    // What it has left running on purpose is its own business; what it has not ended in time is killed.
    std::mem::forget(group);
    ended.is_ok_and(|ended| ended.success())
}

/// A process group that is killed, with whatever the command has started, when nobody waits for it any more.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended this instant.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
