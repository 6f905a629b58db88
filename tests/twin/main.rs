//! A twin of an estate of Exchange 2007 clusters: what answers on their hosts, as real processes.
//!
//! One program under several names, as a busybox is: `ssh` is the way in, as OpenSSH for Windows has it; `cluster.exe`,
//! `msiexec.exe`, `shutdown.exe` and `powershell.exe`, with the results and deeds of the Exchange cmdlets, are what is
//! found there; `hand` is a person's hand, and `truth` what is so, for tests. Each process opens the simulator's worlds under a lock, lets real time pass in them, does what it is asked
//! to, and keeps them. What they say is made from a reference of those tools, and shares nothing with the driver that
//! reads it but the driver's own scripts, which `powershell.exe` must be given.
//!
//! `cargo test` builds it; with `cargo test --test integration` run `cargo build --example twin` first.

mod acting;
mod cluster;
mod cmdlets;
mod estate;
mod faults;
mod msiexec;
mod patches;
mod resources;
mod scripts;
mod shell;
mod ssh;
mod tables;
mod truth;
mod wire;
mod words;
mod worker;

use std::path::Path;
use std::process::ExitCode;

use rollward::model::Action;

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
        "msiexec.exe" => msiexec::run(&args),
        "shutdown.exe" => shutdown(&args),
        "hand" => hand(&args),
        "truth" => truth::run(),
        other => Err(format!("it stands in for ssh and tools of Windows, and not for {other:?}")),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            eprintln!("twin: {why}");
            ExitCode::from(MISUSED)
        }
    }
}

/// `shutdown.exe -r -t SECONDS -f`: the machine starts anew.
fn shutdown(args: &[String]) -> Result<u8, String> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ["-r", "-t", _, "-f"] = args[..] else { return Err(format!("shutdown.exe is given {args:?}")) };
    let mut estate = estate::Estate::open()?;
    let machine = estate::machine()?;
    let (cluster, node, _) = estate.node(&machine).ok_or_else(|| format!("{machine} is no node"))?;
    let (cluster, node) = (cluster.clone(), node.clone());
    match acting::begin(&mut estate, &cluster, &Action::Reboot { node }) {
        Ok(()) => Ok(0),
        Err(why) => {
            println!("{why}");
            Ok(5)
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
