//! The scripts that act: an order's begin, its worker, its leave; packages on their way; properties; what a node forgets.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::faults::Trouble;
use crate::shell::native;
use crate::wire::{Answer, Request};
use crate::worker::{self, Place, Store};
use crate::{acting, estate, shell};

pub const ORDER: &[&str] = &[
    "folder",
    "id",
    "epoch",
    "holder",
    "patience",
    "server",
    "name",
    "value",
    "unannounced",
    "node",
    "work",
    "counts",
    "step",
];

/// What the worker's text must name, besides cmdlets.
pub const WORK: &[&str] = &["'msiexec.exe'", "'/qn'", "'/norestart'", "'/l*v'", "'shutdown.exe'", "'/usedefault'"];

/// How long a worker's first word is waited for, and who takes a leave, in seconds; and a soon end, which is shorter here,
/// as everything is.
const FIRST_WORD: u64 = 40;
const TAKEN: u64 = 10;
const SOON: Duration = Duration::from_millis(500);

fn refuse(to: &mut Answer, check: &str, saw: &str) -> Result<(), String> {
    to.say(["refused", check, saw]);
    Ok(())
}

pub fn begin(request: &Request, machine: &str, _: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    to.say(["time", &super::time()]);
    let (place, id) = (Place::of(machine, request.need("folder")?)?, request.need("id")?);
    let file = format!(r"orders\{id}.request");
    place.write(&file, &request.text.replacen("\tbegin\n", "\twork\n", 1))?;
    let own: Vec<String> = std::env::args().collect();
    let errors = estate::folder()?.join("worker.err");
    let errors = fs::File::options().create(true).append(true).open(errors).map_err(|e| e.to_string())?;
    Command::new(&own[0])
        .args(&own[1..])
        .env(worker::REQUEST, place.path(&file)?)
        .env(acting::WORKER, id)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(|e| format!("the worker: {e}"))?;
    let said = format!(r"orders\{id}.said");
    let word = worker::wait(estate::setup()?.patience(FIRST_WORD), || place.read(&said))?;
    match word.as_deref().map(|word| word.trim_end().split('\t').collect::<Vec<_>>()).as_deref() {
        Some(["announced"]) => to.say(["announced"]),
        Some(["refused", check, saw]) => {
            to.say(["refused", check, saw]);
            place.remove(&said)?;
        }
        _ => to.say(["refused", "worker", "it said nothing"]),
    }
    Ok(())
}

pub fn work(request: &Request, machine: &str, troubles: &[&Trouble], _: &mut Answer) -> Result<(), String> {
    worker::run(request, machine, troubles)
}

pub fn leave(request: &Request, machine: &str, _: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    let (place, id) = (Place::of(machine, request.need("folder")?)?, request.need("id")?);
    let order = format!(r"orders\{id}.request");
    if place.read(&order)?.is_none() {
        return refuse(to, "leave", "nobody waits for it");
    }
    let leave = format!(r"orders\{id}.leave");
    place.write(&leave, &format!("{}\n{}\n", request.need("verdict")?, request.one("verified").unwrap_or("")))?;
    let gone = |file: &str| Ok(place.read(file)?.is_none().then_some(()));
    let taken = worker::wait(estate::setup()?.patience(TAKEN), || gone(&leave))?;
    let back = format!(r"orders\{id}.back");
    if taken.is_none() && place.take(&leave, &back)? {
        place.remove(&back)?;
        return refuse(to, "leave", "nobody took it");
    }
    // What is over soon is over before this answers, so that nobody has to look in vain.
    worker::wait(SOON, || gone(&order))?;
    to.say(["begun"]);
    Ok(())
}

pub fn stage(request: &Request, machine: &str, _: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    let (place, id, file) = (Place::of(machine, request.need("folder")?)?, request.need("id")?, request.need("file")?);
    if place.read(&format!(r"orders\{id}.request"))?.is_none() {
        return refuse(to, "order", "its worker does not wait for it any more");
    }
    let path = place.path(&worker::part(file, request.need("sha256")?))?;
    fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(|e| e.to_string())?;
    let length = || fs::metadata(&path).map_or(0, |file| file.len());
    let offset: Option<u64> = request.one("offset").and_then(|offset| offset.parse().ok());
    if offset == Some(length()) {
        let mut part = fs::File::options().create(true).append(true).open(&path).map_err(|e| e.to_string())?;
        for data in request.all("data") {
            let bytes = STANDARD.decode(data).map_err(|e| format!("data: {e}"))?;
            part.write_all(&bytes).map_err(|e| e.to_string())?;
        }
    }
    to.say(["at", file, &length().to_string()]);
    Ok(())
}

pub fn store(request: &Request, machine: &str, _: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    to.say(["time", &super::time()]);
    let servers = request.all("server");
    let store = match request.one("folder") {
        Some(folder) if servers.is_empty() => Store::Folder(Place::of(machine, folder)?),
        _ => Store::Cluster(servers.to_vec()),
    };
    let at = store.server()?;
    if matches!(store, Store::Cluster(_)) {
        match &at {
            Some(at) => to.say(["asked", at.trim_start_matches("/cluster:")]),
            None => {
                to.unknown("store", "no node answers for the cluster");
                return Ok(());
            }
        }
    }
    let Some(before) = store.list()? else {
        to.unknown("store", "the properties were not seen");
        return Ok(());
    };
    let unexpected = match &request.words("expect")?[..] {
        [name, value] => before.get(name).map_or("", String::as_str) != value,
        _ => false,
    };
    if unexpected {
        let name = &request.words("expect")?[0];
        to.say(["unexpected", before.get(name).map_or("", String::as_str)]);
    } else {
        for node in request.all("resume") {
            match shell::tool("cluster.exe", &[at.as_deref().unwrap_or(""), "node", node, "/resume"], super::PATIENCE)?
            {
                Some((_, 0 | 5058)) => {}
                Some((said, code)) => to.unknown(&format!("resume:{node}"), &format!("ended with {code}: {said}")),
                None => to.unknown(&format!("resume:{node}"), "cluster.exe did not end"),
            }
        }
        for name in request.all("drop") {
            if !store.drop(name)? {
                to.unknown(&format!("drop:{name}"), "it was removed and is still there");
            }
        }
        for put in request.all("put") {
            if let [name, value] = &crate::wire::words(put)?[..]
                && !store.put(name, value)?
            {
                to.unknown(&format!("put:{name}"), "it was written and reads back otherwise");
            }
        }
        to.done("store");
    }
    match &at {
        Some(at) => _ = native(to, "private", "cluster.exe", &[at, "/priv"], super::PATIENCE)?,
        None => {
            for (name, value) in store.list()?.unwrap_or_default() {
                to.say(["stored", &name, &value]);
            }
            to.done("stored");
        }
    }
    Ok(())
}

pub fn tidy(request: &Request, machine: &str, _: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    let place = Place::of(machine, request.need("folder")?)?;
    let Some(lock) = place.lock(1)? else { return refuse(to, "lock", "work holds it") };
    if request.one("forget") == Some("yes") {
        place.remove(r"kept\tries")?;
        place.remove(r"kept\handoffs")?;
    }
    if request.one("clear") == Some("yes") {
        for file in ["work", "tries", "handoffs", "verified", "services"] {
            place.remove(&format!(r"kept\{file}"))?;
        }
        for folder in ["packages", "logs", "orders"] {
            let _ = fs::remove_dir_all(place.path(folder)?);
        }
    }
    drop(lock);
    to.done("tidy");
    Ok(())
}
