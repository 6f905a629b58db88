//! `powershell.exe -EncodedCommand …`: takes the driver's one constant command, reads what script it is to run, and
//! answers as the script would, from the estate.
//!
//! No PowerShell runs here. What is held to: the command is the bootstrap and nothing else; the script that is sent
//! names each tool, cmdlet and property from which the twin answers.

use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cluster::{self, EXIT_CODE};
use crate::estate;
use crate::faults::{self, Trouble};
use crate::wire::{Answer, Request};
use crate::words::Language;
use crate::{scripts, worker};

pub fn run(args: &[String]) -> Result<u8, String> {
    let [options @ .., "-EncodedCommand", encoded] = &args.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        return Err(format!("powershell.exe is given no -EncodedCommand: {args:?}"));
    };
    for needed in ["-NoProfile", "-NonInteractive"] {
        if !options.contains(&needed) {
            return Err(format!("powershell.exe is started without {needed}"));
        }
    }
    is_bootstrap(&decode(encoded)?)?;
    let request = Request::parse(&asked()?)?;
    let machine = estate::machine()?;
    let setup = estate::setup()?;
    let troubles = faults::of(&setup.faults, "powershell.exe", &request.name, &machine);
    for trouble in &troubles {
        if let Trouble::SaysFirst { text } = trouble {
            println!("{text}\r");
        }
    }
    if let Some((code, saying)) = faults::suffer(&troubles) {
        eprintln!("{saying}");
        return Ok(code);
    }
    let mut answer = Answer::new(&request.name);
    scripts::answer(&request, &machine, &troubles, &mut answer)?;
    let text = answer.end();
    let whole = !troubles.iter().any(|t| matches!(t, Trouble::IsCutShort));
    print!("{}", if whole { &text } else { faults::cut_short(&text) });
    Ok(0)
}

/// What the bootstrap reads: a file, where it is told of one, else standard input.
fn asked() -> Result<String, String> {
    if let Some(path) = std::env::var_os(worker::REQUEST) {
        return std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()));
    }
    let mut asked = String::new();
    std::io::stdin().read_to_string(&mut asked).map_err(|e| format!("standard input: {e}"))?;
    Ok(asked)
}

/// The text of an encoded command.
fn decode(encoded: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(encoded).map_err(|e| format!("the encoded command: {e}"))?;
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).map_err(|e| format!("the encoded command: {e}"))
}

fn is_bootstrap(command: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/drivers/exchange2007/scripts/bootstrap.ps1");
    let bootstrap = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let code = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    if code(command) == code(&bootstrap) {
        return Ok(());
    }
    Err(format!("the command is not the bootstrap:\n{command}"))
}

/// Runs a native tool as the scripts do, and says its lines. Its exit code, if it ended in time.
pub fn native(answer: &mut Answer, id: &str, name: &str, args: &[&str], seconds: u64) -> Result<Option<u32>, String> {
    let Some((text, code)) = tool(name, args, seconds)? else {
        let patience = estate::setup()?.patience(seconds).as_secs();
        answer.unknown(id, &format!("{name} did not end within {patience} s"));
        return Ok(None);
    };
    for line in text.trim_end().split('\n') {
        answer.say(["raw", id, &code.to_string(), line.trim_end_matches('\r')]);
    }
    Ok(Some(code))
}

/// Runs a native tool: what it said, and what it ended with; `None` if it did not end in time.
///
/// A healthy `cluster.exe` needs no process of its own for that: it would say the same.
pub fn tool(name: &str, args: &[&str], seconds: u64) -> Result<Option<(String, u32)>, String> {
    let setup = estate::setup()?;
    if name == "cluster.exe" && setup.faults.iter().all(|fault| fault.of != name) {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        return Ok(Some(cluster::answer(&args, &estate::machine()?, Language::English)));
    }
    let folder = estate::folder()?;
    let left = folder.join(format!("exit-code-{}", std::process::id()));
    let mut child = Command::new(folder.join("bin").join(name))
        .args(args)
        .env(EXIT_CODE, &left)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|e| format!("{name}: {e}"))?;
    let mut out = child.stdout.take().ok_or("no pipe")?;
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut said = Vec::new();
        let read = out.read_to_end(&mut said).map(|_| said);
        let _ = send.send(read);
    });
    let Ok(said) = receive.recv_timeout(setup.patience(seconds)) else {
        child.kill().map_err(|e| e.to_string())?;
        child.wait().map_err(|e| e.to_string())?;
        return Ok(None);
    };
    let ended = child.wait().map_err(|e| e.to_string())?;
    let code = exit_code(&left, ended).ok_or(format!("{name} was killed"))?;
    Ok(Some((String::from_utf8_lossy(&said.map_err(|e| e.to_string())?).into_owned(), code)))
}

/// The whole of an exit code that a tool left, or what of it there is; `None` if it was killed.
pub fn exit_code(left: &Path, ended: ExitStatus) -> Option<u32> {
    let whole = std::fs::read_to_string(left).ok().and_then(|text| text.parse().ok());
    let _ = std::fs::remove_file(left);
    whole.or(ended.code().and_then(|code| u32::try_from(code).ok()))
}
