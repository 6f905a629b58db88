//! `ssh [-F FILE] [-o OPTION]… [--] HOST WORDS…`, as a client that reaches OpenSSH for Windows: what is said to it is one
//! line for `cmd.exe`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::estate::{self, Estate};
use crate::{faults, worker};

/// What `cmd.exe` takes.
const LINE: usize = 8191;
/// What the client ends with where there is no way.
const NO_WAY: u8 = 255;

pub fn run(args: &[String]) -> Result<u8, String> {
    let mut args = args.iter();
    let mut host = None;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-F" | "-o" | "-p" | "-l" | "-i" => _ = args.next(),
            "--" => {
                host = args.next();
                break;
            }
            option if option.starts_with('-') => {}
            _ => {
                host = Some(arg);
                break;
            }
        }
    }
    let host = host.ok_or("ssh is given no host")?;
    let machine = host.rsplit_once('@').map_or(host.as_str(), |(_, name)| name);
    let line = args.map(String::as_str).collect::<Vec<_>>().join(" ");
    let setup = estate::setup()?;
    let troubles = faults::of(&setup.faults, "ssh", &line, machine);
    if let Some((code, saying)) = faults::suffer(&troubles) {
        eprintln!("{saying}");
        return Ok(code);
    }
    if !Estate::open()?.runs(machine) {
        eprintln!("ssh: connect to host {machine} port 22: Connection timed out");
        return Ok(NO_WAY);
    }
    if line.len() > LINE {
        println!("The command line is too long.\r");
        return Ok(1);
    }
    // What `cmd.exe` would take apart is for it to understand, and not for the twin.
    if let Some(c) = line.chars().find(|c| "&|<>^%!\"'`$;\\".contains(*c)) {
        return Err(format!("{c:?} in the line for cmd.exe: {line}"));
    }
    let mut words = line.split_ascii_whitespace();
    let program = words.next().ok_or("ssh is given nothing to run")?;
    let at = estate::folder()?.join("bin").join(program);
    if !at.exists() {
        eprintln!(
            "'{program}' is not recognized as an internal or external command,\r\noperable program or batch file.\r"
        );
        return Ok(1);
    }
    let failed = Command::new(at).args(words).env("TWIN_MACHINE", machine).env_remove(worker::REQUEST).exec();
    Err(format!("{program}: {failed}"))
}
