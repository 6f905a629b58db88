//! A twin of an estate of Exchange 2007 clusters: what answers on their hosts, as real processes.
//!
//! One program under several names, as a busybox is: `ssh` is the way in, as OpenSSH for Windows has it; `cluster.exe`
//! and `powershell.exe`, with the results of the Exchange cmdlets, are what is found there; `hand` is a person's hand,
//! for tests. Each process opens the simulator's worlds under a lock, lets real time pass in them, does what it is asked
//! to, and keeps them. What they say is made from a reference of those tools, and shares nothing with the driver that
//! reads it but the driver's own scripts, which `powershell.exe` must be given.
//!
//! `cargo test` builds it; with `cargo test --test integration` run `cargo build --example twin` first.

mod cluster;
mod estate;
mod faults;
mod resources;
mod scripts;
mod shell;
mod ssh;
mod tables;
mod wire;
mod words;

use std::path::Path;
use std::process::ExitCode;

/// What the twin itself ends with where it is used wrongly: no tool that it stands in for ends so.
const MISUSED: u8 = 70;

fn main() -> ExitCode {
    let mut args = std::env::args();
    let own = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    let name = Path::new(&own).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let done = match name {
        "ssh" => ssh::run(&args),
        "cluster.exe" => cluster::run(&args),
        "powershell.exe" => shell::run(&args),
        "hand" => hand(&args),
        other => Err(format!("it stands in for ssh, cluster.exe and powershell.exe, and not for {other:?}")),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            eprintln!("twin: {why}");
            ExitCode::from(MISUSED)
        }
    }
}

/// `hand CLUSTER WORDS`: what a person, or fate, does.
fn hand(args: &[String]) -> Result<u8, String> {
    let [cluster, words] = args else { return Err("expected `hand CLUSTER WORDS`".into()) };
    let mut estate = estate::Estate::open()?;
    let said = estate.hand(cluster, words)?;
    estate.keep();
    println!("{said}");
    Ok(0)
}
