//! What each of the driver's scripts answers, and what of its text that rests on.

mod exchange;
mod node;
mod orders;

pub use self::node::services_of;

use crate::faults::Trouble;
use crate::shell::native;
use crate::wire::{Answer, Request};
use crate::{cmdlets, estate};

/// How long the scripts wait for `cluster.exe`, in seconds.
const PATIENCE: u64 = 15;

/// The same, where any of several nodes can be asked for the cluster, and for its tables then.
const PATIENCE_WITH_ONE: u64 = 5;
const PATIENCE_FOR_TABLES: u64 = 10;

/// A script: its inputs, and what its text must name for the twin's answer to be its own.
struct Known {
    name: &'static str,
    inputs: &'static [&'static str],
    names: &'static [&'static str],
    answer: fn(&Request, &str, &[&Trouble], &mut Answer) -> Result<(), String>,
}

const SCRIPTS: &[Known] = &[
    Known {
        name: "cluster",
        inputs: &["server"],
        names: &["'cluster.exe'", "'/cluster:' + $server", "'node'", "'group'", "'resource'", "'/priv'"],
        answer: cluster,
    },
    Known {
        name: "groups",
        inputs: &["server", "group", "resource", "private"],
        names: &["'cluster.exe'", "'/cluster:' + ", "'group'", "'resource'", "'/prop'", "'/listowners'", "'/priv'"],
        answer: groups,
    },
    Known { name: "exchange", inputs: &["cms", "host"], names: exchange::NAMES, answer: exchange::answer },
    Known {
        name: "node",
        inputs: &["folder", "clustered", "service", "package", "witness"],
        names: node::NAMES,
        answer: node::answer,
    },
    Known {
        name: "store",
        inputs: &["server", "folder", "expect", "resume", "drop", "put"],
        names: &["'/usedefault'"],
        answer: orders::store,
    },
    Known { name: "begin", inputs: orders::ORDER, names: cmdlets::NAMES, answer: orders::begin },
    Known { name: "work", inputs: orders::ORDER, names: orders::WORK, answer: orders::work },
    Known {
        name: "leave",
        inputs: &["folder", "id", "verdict", "verified"],
        names: &["'orders'"],
        answer: orders::leave,
    },
    Known {
        name: "stage",
        inputs: &["folder", "id", "file", "sha256", "offset", "data"],
        names: &["'packages'"],
        answer: orders::stage,
    },
    Known { name: "tidy", inputs: &["folder", "forget", "clear"], names: &["'kept'"], answer: orders::tidy },
    Known {
        name: "doctor",
        inputs: &["crl"],
        names: &[
            "OSVersion",
            "InstalledUICulture",
            "PSVersionTable",
            "[IntPtr]::Size",
            "WindowsIdentity",
            ".User.Value",
            ".IsSystem",
            "'cluster.exe', 'msiexec.exe'",
            r"\Services\MSIServer",
            r"\WinTrust\Trust Providers\Software Publishing",
            "'ServicesPipeTimeout'",
        ],
        answer: doctor,
    },
];

/// Answers a request as the script in it would.
pub fn answer(request: &Request, machine: &str, troubles: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    let known = SCRIPTS.iter().find(|script| script.name == request.name);
    let known = known.ok_or_else(|| format!("the twin knows no script {:?}", request.name))?;
    let others = request.others(known.inputs);
    if !others.is_empty() {
        return Err(format!("{} is given {others:?}", request.name));
    }
    if let Some(name) = known.names.iter().find(|name| !request.script.contains(**name)) {
        return Err(format!("the script {} does not name {name}, from which the twin answers", request.name));
    }
    (known.answer)(request, machine, troubles, to)
}

fn time() -> String {
    stamp(estate::real_time())
}

fn stamp(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string()
}

/// What a cmdlet does that is made to fail.
pub fn refused(troubles: &[&Trouble], name: &str) -> Result<(), String> {
    let saying = troubles.iter().find_map(|trouble| match trouble {
        Trouble::Refuses { cmdlet, saying } if cmdlet == name => Some(saying.clone()),
        _ => None,
    });
    saying.map_or(Ok(()), Err)
}

fn cluster(request: &Request, _: &str, _: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    to.say(["time", &time()]);
    for server in request.all("server") {
        let at = format!("/cluster:{server}");
        if native(to, &format!("node:{server}"), "cluster.exe", &[&at, "node"], PATIENCE_WITH_ONE)? != Some(0) {
            continue;
        }
        to.say(["asked", server]);
        native(to, "group", "cluster.exe", &[&at, "group"], PATIENCE_FOR_TABLES)?;
        native(to, "resource", "cluster.exe", &[&at, "resource"], PATIENCE_FOR_TABLES)?;
        native(to, "private", "cluster.exe", &[&at, "/priv"], PATIENCE_FOR_TABLES)?;
        break;
    }
    Ok(())
}

fn groups(request: &Request, _: &str, _: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    let at = format!("/cluster:{}", request.one("server").ok_or("groups is given no server")?);
    for name in request.all("group") {
        native(to, &format!("group-properties:{name}"), "cluster.exe", &[&at, "group", name, "/prop"], PATIENCE)?;
        native(to, &format!("group-owners:{name}"), "cluster.exe", &[&at, "group", name, "/listowners"], PATIENCE)?;
    }
    for name in request.all("resource") {
        native(
            to,
            &format!("resource-owners:{name}"),
            "cluster.exe",
            &[&at, "resource", name, "/listowners"],
            PATIENCE,
        )?;
    }
    for name in request.all("private") {
        native(to, &format!("resource-private:{name}"), "cluster.exe", &[&at, "resource", name, "/priv"], PATIENCE)?;
    }
    Ok(())
}

/// A machine that is set up as it should be.
fn doctor(request: &Request, _: &str, _: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    to.say(["time", &time()]);
    to.say(["windows", "5.2.3790.131072", "en-US"]);
    to.say(["powershell", "2.0", "64"]);
    to.say(["login", r"EXAMPLE\ops", "True", "True"]);
    to.say(["tool", "cluster.exe", "True"]);
    to.say(["tool", "msiexec.exe", "True"]);
    to.say(["installer-start", "3"]);
    to.say(["revocation", "00023e00"]);
    request.all("crl").iter().for_each(|_| to.say(["crl", "True"]));
    to.say(["start-limit", ""]);
    to.say(["snapin", "True"]);
    Ok(())
}
