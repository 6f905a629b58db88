//! Probes, as meant.

use core::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use super::super::diagnostics::Diagnostic;
use super::super::document::ProbeDoc;
use super::super::resolved::{Asks, Probe};
use super::super::text::DurationText;
use super::docs::Doc;
use crate::model::time::words;
use crate::observed::GroupKind;

/// How often a role is asked: ten times a second at least, and not so often that asking is a load.
const EVERY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// How long an answer may take.
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// How long it may where nothing is said.
const USUAL_TIMEOUT: Duration = Duration::from_secs(1);

/// The probe of a group of this name and kind.
pub(super) fn probe(doc: &Doc<'_>, group: &str, kind: GroupKind, probe: &ProbeDoc) -> Result<Probe, Vec<Diagnostic>> {
    let path = |key: &'static str| ["spec", "groups", group, "probe", key];
    let mut found = Vec::new();
    if kind == GroupKind::Auxiliary {
        let at = doc.key(&["spec", "groups", group, "probe"]);
        let message = format!("auxiliary group `{group}` has a probe");
        let diagnostic = Diagnostic::error("wrong-value", message, at, "only roles are handed over, and measured");
        found.push(diagnostic.help("is it a role? then write `kind: role`"));
    }
    let given = [("tcp", probe.tcp.is_some()), ("http", probe.http.is_some()), ("command", probe.command.is_some())];
    let given: Vec<_> = given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
    if let [first, second, ..] = given.as_slice() {
        let message = format!("a probe by `{first}` and by `{second}`");
        let label = "expected exactly one of tcp, http and command";
        let diagnostic = Diagnostic::error("two-probes", message, doc.key(&path(second)), label);
        found.push(diagnostic.and(doc.key(&path(first)), "the other"));
    }
    let mut wrong = |key, message: String, label: &str| {
        found.push(Diagnostic::error("wrong-value", message, doc.value(&path(key)), label));
    };
    let asks = match probe {
        ProbeDoc { tcp: Some(text), .. } => {
            let at = host_and_port(text).map(|(host, port)| Asks::Tcp { host, port });
            if at.is_none() {
                wrong("tcp", format!("`{text}` is no place to connect to"), "expected HOST:PORT, such as mbx1:25");
            }
            at
        }
        ProbeDoc { http: Some(text), .. } => {
            let page = page(text);
            if page.is_none() {
                let label = "expected http://HOST[:PORT][/PATH]; for https, a `command` such as curl can ask";
                wrong("http", format!("`{text}` is no page that can be asked for"), label);
            }
            page
        }
        ProbeDoc { command: Some(command), .. } => {
            let is_absolute = command.first().is_some_and(|program| program.starts_with('/'));
            let whole = command.iter().all(|word| !word.contains('\0'));
            if !(is_absolute && whole) {
                wrong("command", "no program to run".into(), "expected the program's absolute path, and its arguments");
            }
            (is_absolute && whole).then(|| Asks::Command(command.clone()))
        }
        _ => {
            let at = doc.key(&["spec", "groups", group, "probe"]);
            let label = "expected exactly one of tcp, http and command";
            found.push(Diagnostic::error("missing-key", "a probe that asks nothing", at, label));
            None
        }
    };
    let mut within = |key, given: Option<DurationText>, (least, most): (Duration, Duration), usual| {
        let given = given.map_or(usual, |text| text.0);
        if given < least || given > most {
            let label = format!("expected {} to {}", words(least), words(most));
            let message = format!("`{key}` is {}", words(given));
            found.push(Diagnostic::error("wrong-value", message, doc.value(&path(key)), label));
        }
        given
    };
    let every = within("every", probe.every, EVERY, EVERY.1);
    let timeout = within("timeout", probe.timeout, TIMEOUT, USUAL_TIMEOUT);
    asks.filter(|_| found.is_empty()).map(|asks| Probe { asks, every, timeout }).ok_or(found)
}

/// `HOST:PORT`; an address with colons stands in brackets.
fn host_and_port(text: &str) -> Option<(Arc<str>, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
    Some((host_of(host)?, port))
}

fn host_of(text: &str) -> Option<Arc<str>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name = |name: &str| !name.is_empty() && name.chars().all(plain);
    let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return name(text).then(|| text.into());
    };
    // A link's own address stands with the interface through which it is reached: `fe80::1%eth0`.
    let (address, interface) = inner.split_once('%').map_or((inner, None), |(address, of)| (address, Some(of)));
    (address.parse::<Ipv6Addr>().is_ok() && interface.is_none_or(name)).then(|| inner.into())
}

/// `http://HOST[:PORT][/PATH]`.
fn page(text: &str) -> Option<Asks> {
    let rest = text.strip_prefix("http://")?;
    let (at, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let whole = path.chars().all(|c| c.is_ascii_graphic());
    let has_port = at.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let (host, port) = if has_port { host_and_port(at)? } else { (host_of(at)?, 80) };
    whole.then(|| Asks::Http { host, port, path: path.into() })
}
