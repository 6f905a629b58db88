//! What a node says of itself and of what we keep on it: the lock, running work and how it ended, failures in a row, the
//! highest epoch obeyed, packages that lie ready.

use std::sync::Arc;

use super::look::{Heard, answer, disk, read_clock, serves};
use super::probe::Answer;
use super::software;
use crate::model::time::shifted;
use crate::model::{Action, GroupName, Known, RollupName, Time};
use crate::observed::{FailedHandoffs, Node, Tries, Verified, Work, WorkEnd};

/// The signature of work that nobody wrote an end of.
const CUT_OFF: &str = "the work ended without a word: the machine was cut off, or the process killed";

/// How long a machine may take from the order to start anew until it shows that it did.
const REBOOTS_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

/// Adds what the node says of itself.
pub(super) fn seen_by_itself(node: &mut Node, heard: &Heard<'_>, at: Time) {
    let known =
        |value: Option<bool>, why: &str| value.map_or_else(|| Known::unknown(why), |value| Known::seen(value, at));
    node.cluster_service =
        known(serves(heard), "systemctl did not say whether the cluster's services run, or they have failed");
    let reboot = answer(heard, "reboot").ok().map(|said| said.trim() == "yes");
    node.pending_reboot = known(reboot, "it was not asked");
    let ended = heard.answers.get("lock").map(|lock| lock.code == 0);
    let or_unknown = |error: String| -> Arc<str> { error.into() };
    node.epoch_seen = match answer(heard, "kept.epoch").map(|text| (text.trim(), text.trim().parse::<u64>())) {
        Ok(("", _)) => Known::seen(0, at),
        Ok((_, Ok(epoch))) => Known::seen(epoch, at),
        Ok((text, Err(_))) => Known::unknown(format!("the highest epoch that it keeps, {text:?}, is no number")),
        Err(why) => Known::unknown(or_unknown(why)),
    };
    // What the node wrote down, it wrote by its own clock.
    let ours = |theirs: Time| shifted(theirs, -heard.ahead);
    node.tries = lines(heard, "kept.tries", at, |columns| match columns {
        [rollup, failed, seconds, signature] => Some(Tries {
            rollup: RollupName::new(*rollup),
            failed: failed.parse().ok()?,
            signature: (*signature).to_owned(),
            at: ours(read_clock(seconds)?),
            retryable: true,
        }),
        _ => None,
    });
    node.failed_handoffs = lines(heard, "kept.handoffs", at, |columns| match columns {
        [group, failed, seconds, signature] => Some(FailedHandoffs {
            group: GroupName::new(*group),
            failed: failed.parse().ok()?,
            signature: (*signature).to_owned(),
            at: ours(read_clock(seconds)?),
        }),
        _ => None,
    });
    let verified = lines(heard, "kept.verified", at, |columns| match columns {
        [rollup, seconds] => Some(Verified { rollup: RollupName::new(*rollup), at: ours(read_clock(seconds)?) }),
        _ => None,
    });
    node.verified = verified.map(|all| all.last().cloned());
    node.work = work(heard, ended, at);
    if let Some(cut_off) = cut_off(&node.work)
        && let Known::Known { value: tries, .. } = &mut node.tries
    {
        count(tries, cut_off);
    }
    node.rival = match heard.answers.get("processes") {
        // Status 1 is how `ps` says that there is none.
        Some(Answer { code: 0 | 1, out, err: "" }) => {
            let found = software::installers(out);
            // Our own work may be an installer too; it is nobody's rival as long as it runs.
            let ours = node.running_work().is_some();
            Known::seen((!ours && !found.is_empty()).then(|| found.join(", ")), at)
        }
        Some(answer) => Known::unknown(format!("ps: {}", answer.words())),
        None => Known::unknown("ps was not asked"),
    };
    node.disk = disk(heard, at);
    node.staged = match answer(heard, "staged") {
        Ok(said) => {
            let lines = said.lines().filter_map(|line| line.split_once(' '));
            Known::seen(lines.map(|(hash, file)| (file.to_owned(), hash.to_owned())).collect(), at)
        }
        Err(why) => Known::unknown(why),
    };
}

/// What we keep in a file on the node, a line each, with tabs between; nothing where there is no file.
fn lines<T>(heard: &Heard<'_>, name: &str, at: Time, read: impl Fn(&[&str]) -> Option<T>) -> Known<Vec<T>> {
    let line = |line: &str| {
        let columns: Vec<_> = line.split('\t').collect();
        read(&columns).ok_or_else(|| format!("what is kept on it in {name} makes no sense: {line:?}"))
    };
    let all = answer(heard, name).and_then(|text| text.lines().filter(|l| !l.is_empty()).map(line).collect());
    all.map_or_else(Known::unknown, |all| Known::seen(all, at))
}

/// Work of ours: a line that says what, one that says since which start of the machine, and one for its end.
fn work(heard: &Heard<'_>, lock_is_free: Option<bool>, at: Time) -> Known<Option<Work>> {
    let text = match answer(heard, "kept.work") {
        Ok("") => return Known::seen(None, at),
        Ok(text) => text,
        Err(why) => return Known::unknown(why),
    };
    let senseless = |what: &str| Known::unknown(format!("the work that is kept on it makes no sense: {what}"));
    let mut lines = text.lines();
    let work = match serde_json::from_str::<Work>(lines.next().unwrap_or_default()) {
        Ok(work) => work,
        Err(error) => return senseless(&error.to_string()),
    };
    let began = lines.next();
    if let Some(end) = lines.next() {
        return match read_end(end, heard) {
            Some(end) => Known::seen(Some(Work { ended: Some(end), ..work }), at),
            None => senseless(end),
        };
    }
    // When it was, nobody knows: not before it began.
    let end = |failure: Option<&str>| {
        let ended = WorkEnd { at: work.since, exit_code: None, failure: failure.map(str::to_owned) };
        Known::seen(Some(Work { ended: Some(ended), ..work.clone() }), at)
    };
    match (&work.action, lock_is_free) {
        // It asked the machine to start anew, and its lock ended with the machine.
        (Action::Reboot { .. }, Some(true)) => match answer(heard, "boot").ok() {
            Some(now) if began.is_some_and(|began| began.trim() != now.trim()) => end(None),
            Some(_) if at.duration_since(work.since) < REBOOTS_WITHIN => Known::seen(Some(work), at),
            Some(_) => end(Some("the machine did not start anew, though it was asked to")),
            None => Known::unknown("whether the machine has started anew cannot be told"),
        },
        (_, Some(false)) => Known::seen(Some(work), at),
        // The lock ended with its process, and nobody wrote down how: the machine, or the process, was killed.
        (_, Some(true)) => end(Some(CUT_OFF)),
        (_, None) => Known::unknown("whether the lock on it is held cannot be told"),
    }
}

fn read_end(line: &str, heard: &Heard<'_>) -> Option<WorkEnd> {
    let mut columns = line.splitn(3, '\t');
    let (seconds, code, failure) = (columns.next()?, columns.next()?, columns.next()?);
    Some(WorkEnd {
        at: shifted(read_clock(seconds)?, -heard.ahead),
        exit_code: code.parse().ok(),
        failure: (!failure.is_empty()).then(|| failure.to_owned()),
    })
}

/// An install that was cut off has failed too. The node counts it when it is tried again; until then it is counted here.
fn cut_off(work: &Known<Option<Work>>) -> Option<Tries> {
    let Known::Known { value: Some(work), .. } = work else { return None };
    let WorkEnd { at, failure, .. } = work.ended.as_ref()?;
    let signature = failure.clone().filter(|failure| failure == CUT_OFF)?;
    let (Action::Install { rollup, .. } | Action::Uninstall { rollup, .. }) = &work.action else { return None };
    Some(Tries { rollup: rollup.clone(), failed: 1, signature, at: *at, retryable: true })
}

fn count(all: &mut Vec<Tries>, one: Tries) {
    match all.iter_mut().find(|tries| tries.rollup == one.rollup) {
        Some(there) => *there = Tries { failed: there.failed.saturating_add(1), ..one },
        None => all.push(one),
    }
}
