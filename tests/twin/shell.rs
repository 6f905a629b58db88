//! `powershell.exe -EncodedCommand …`: takes the driver's one constant command, reads what script it is to run, and
//! answers as the script would, from the estate.
//!
//! No PowerShell runs here. What is held to: the command is the bootstrap and nothing else; the script that is sent
//! names each tool, cmdlet and property from which the twin answers; native tools run as processes of their own.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cluster::EXIT_CODE;
use crate::estate;
use crate::faults::{self, Trouble};
use crate::scripts;
use crate::wire::{Answer, Request};

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
    let mut asked = String::new();
    std::io::stdin().read_to_string(&mut asked).map_err(|e| format!("standard input: {e}"))?;
    let request = Request::parse(&asked)?;
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
pub fn native(answer: &mut Answer, id: &str, tool: &str, args: &[&str], seconds: u64) -> Result<Option<u32>, String> {
    let setup = estate::setup()?;
    let patience = Duration::from_secs(setup.patience_seconds.unwrap_or(seconds));
    let folder = estate::folder()?;
    let left = folder.join(format!("exit-code-{}", std::process::id()));
    let mut child = Command::new(folder.join("bin").join(tool))
        .args(args)
        .env(EXIT_CODE, &left)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|e| format!("{tool}: {e}"))?;
    let mut out = child.stdout.take().ok_or("no pipe")?;
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut said = Vec::new();
        let read = out.read_to_end(&mut said).map(|_| said);
        let _ = send.send(read);
    });
    let Ok(said) = receive.recv_timeout(patience) else {
        child.kill().map_err(|e| e.to_string())?;
        child.wait().map_err(|e| e.to_string())?;
        answer.unknown(id, &format!("{tool} did not end within {} s", patience.as_secs()));
        return Ok(None);
    };
    let code = child.wait().map_err(|e| e.to_string())?.code();
    let whole = std::fs::read_to_string(&left).ok().and_then(|text| text.parse().ok());
    let _ = std::fs::remove_file(&left);
    let code = whole.or(code.and_then(|code| u32::try_from(code).ok())).ok_or(format!("{tool} was killed"))?;
    let text = String::from_utf8_lossy(&said.map_err(|e| e.to_string())?).into_owned();
    for line in text.trim_end().split('\n') {
        answer.say(["raw", id, &code.to_string(), line.trim_end_matches('\r')]);
    }
    Ok(Some(code))
}
