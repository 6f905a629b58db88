//! A first manifest from a live cluster: what was found, in observe mode, with what people have to decide.

use std::fmt::Write as _;
use std::time::Duration;

use super::cib::Cib;
use super::probe::{self, Answers};
use super::spec::{self, Rights, Spec};
use super::ssh::Way;
use super::status::{MemberKind, Status};
use super::units::Units;
use crate::drivers::Later;
use crate::model::NodeName;
use crate::observed::GroupKind;

const SCRIPT: &str = concat!(include_str!("frame.sh"), include_str!("init.sh"));

const PATIENCE: Duration = Duration::from_secs(30);

/// Asks a node of a cluster, and writes a manifest of what it says. `part` is the driver's part as a manifest would have
/// it; `package` is one whose version the nodes shall share.
///
/// # Errors
/// The part makes no sense, or the node cannot be asked: what it said, and what to do.
pub fn init<'a>(
    host: &'a str,
    part: &'a serde_json::Value,
    package: Option<&'a str>,
) -> Later<'a, Result<String, String>> {
    Box::pin(async move {
        let mut spec = spec::read(part)?;
        let package = package.unwrap_or(super::NAME);
        let node = NodeName::new(host);
        if spec.local.is_some() {
            spec.local = Some(node.clone());
        }
        let said = Way::new(spec.clone()).run(&node, SCRIPT, &[("package", package)], PATIENCE).await?;
        let answers = probe::read(&said).map_err(|why| format!("{host}: {why}"))?;
        write(host, &spec, package, &answers).map_err(|why| format!("{host}: {why}"))
    })
}

fn write(host: &str, spec: &Spec, package: &str, answers: &Answers<'_>) -> Result<String, String> {
    let out = |name: &str| match answers.get(name) {
        Some(answer) if answer.code == 0 => Ok(answer.out.trim()),
        Some(answer) => Err(format!("{name}: {}", answer.words())),
        None => Err(format!("{name} was not asked")),
    };
    let (name, status, store) = (out("name")?, Status::parse(out("status")?)?, Cib::parse(out("store")?)?);
    if !status.with_quorum {
        return Err("its view of the cluster has no quorum: ask a node that has".into());
    }
    let (install, version, arch) = match (out("deb"), out("rpm")) {
        (Ok(said), _) => ("deb", said.split('\t').next().unwrap_or_default(), said.split('\t').nth(1).unwrap_or("all")),
        (_, Ok(said)) => {
            ("rpm", said.split('\t').next().unwrap_or_default(), said.split('\t').nth(1).unwrap_or("noarch"))
        }
        (Err(why), Err(_)) => {
            return Err(format!("no package {package} is installed there ({why}): name another by `--package`"));
        }
    };
    let version = version.trim_start_matches("0:");
    let bare = version.split_once(':').map_or(version, |(_, bare)| bare);
    let file = match install {
        "deb" => format!("{package}_{bare}_{arch}.deb"),
        _ => format!("{package}-{bare}.{arch}.rpm"),
    };
    let cluster = store.name.as_deref().unwrap_or("my-cluster");
    let mut text = format!(
        "\
# What `rollward init` found at {host}. It only observes until `mode` is `act`.
# What is yours to decide says so.
---
apiVersion: rollward/v1
kind: Rollup
metadata: {{name: {package}}}
spec:
  install: {install}
  # Decide: the cluster's services run on (`keep`), rollward stops and starts them around the install (`stop`), or the
  # package does so by itself (`restarts`).
  clusterService: stop
  # Decide: `never`, `ifAsked`, `always`.
  reboot: ifAsked
  # Decide: the packages that make the next rollup, at exact versions. This is what {name} has now. For each file that
  # you have brought, `rollward package FILE` writes a document with its hash.
  packages:
    - {{name: {package}, version: {}, file: {}}}
---
apiVersion: rollward/v1
kind: Cluster
metadata: {{name: {}}}
spec:
  mode: observe            # decide: `act` lets rollward change the cluster
  topology: generic
  rollup: {package}
  policy: by-approval
  nodes:
",
        quoted(version),
        quoted(&file),
        plain(cluster),
    );
    let members = status.nodes.iter().filter(|(_, member)| member.kind == MemberKind::Member);
    for (node, _) in members {
        let _ = writeln!(text, "    {}: {{}}", plain(node));
    }
    for (node, _) in status.nodes.iter().filter(|(_, member)| member.kind == MemberKind::Remote) {
        let _ = writeln!(text, "    # {node} is a remote or guest node: it is not worked on. Update it by hand, last.");
    }
    let units = Units::new(&status.resources, &store.fence_devices, true);
    text.push_str(
        "  # Decide: a role serves users, and moving it is downtime. What nobody would miss may be `auxiliary`.\n",
    );
    text.push_str(if units.groups.is_empty() { "  groups: {}\n" } else { "  groups:\n" });
    for (group, unit) in &units.groups {
        let kind = if unit.kind == GroupKind::Auxiliary { "auxiliary" } else { "role" };
        let _ = writeln!(text, "    {}: {{kind: {kind}}}", plain(group));
    }
    text.push_str("  driver:\n    pacemaker:\n");
    let mut lines = Vec::new();
    lines.extend(spec.local.as_ref().map(|_| format!("local: {}", plain(name))));
    if spec.local.is_none() && host != name {
        lines.push(format!(
            "hosts: {{{}: {}}}      # the others are reached by their names",
            plain(name),
            quoted(host)
        ));
    }
    lines.extend(spec.ssh_config.as_ref().map(|file| format!("sshConfig: {}", quoted(file))));
    lines.extend((spec.rights == Rights::Sudo).then(|| "rights: sudo".to_owned()));
    if lines.is_empty() {
        lines.push("hosts: {}            # nodes are reached by their names".into());
    }
    lines.iter().for_each(|line| _ = writeln!(text, "      {line}"));
    text.push_str(
        "\
---
apiVersion: rollward/v1
kind: Policy
metadata: {name: by-approval}
spec:
  # Decide: handoffs wait for a person (`approval`), for a window, or for neither (`anytime`).
  handoff: {when: approval}
  work: {when: anytime}
  limits: {maxUnavailable: 1, retries: 2, soak: 10m}
",
    );
    Ok(text)
}

/// A name as YAML: plain where nothing could take it for something else.
fn plain(name: &str) -> String {
    let letters = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let simple = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let word = matches!(
        name.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    if letters && simple && !word { name.to_owned() } else { quoted(name) }
}

/// A text as YAML: JSON's quoted strings are YAML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
