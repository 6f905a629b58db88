//! What is kept on a node, whichever stack it is of: lines of text with tabs between. Work of ours and how it ended,
//! failures in a row, the last verified rollup.

use super::windows_installer::explained;
use crate::model::time::shifted;
use crate::model::{Action, GroupName, Known, RollupName, Time};
use crate::observed::{FailedHandoffs, Tries, Verified, Work, WorkEnd};

/// The signature of work that nobody wrote an end of.
pub(super) const CUT_OFF: &str = "the work ended without a word: the machine was cut off, or the process killed";

/// How long a machine may take from the order to start anew until it shows that it did.
const REBOOTS_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

/// The seconds of a clock, with a fraction.
pub(super) fn read_clock(text: &str) -> Option<Time> {
    let (seconds, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Time::new(seconds.parse().ok()?, nanoseconds).ok()
}

/// What a node keeps, as read at a time. It wrote by its own clock, which is ahead of ours by so much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    pub ahead: jiff::SignedDuration,
    pub at: Time,
}

impl Reader {
    fn time(self, seconds: &str) -> Option<Time> {
        Some(shifted(read_clock(seconds)?, -self.ahead))
    }

    /// Tries that failed in a row.
    pub fn tries(self, text: Result<&str, String>) -> Known<Vec<Tries>> {
        self.lines(text, "tries", |columns| match columns {
            [rollup, failed, seconds, signature] => {
                let (signature, retryable) = explained(signature);
                let failed = failed.parse().ok()?;
                Some(Tries { rollup: RollupName::new(*rollup), failed, signature, at: self.time(seconds)?, retryable })
            }
            _ => None,
        })
    }

    /// Handoffs that failed in a row.
    pub fn failed_handoffs(self, text: Result<&str, String>) -> Known<Vec<FailedHandoffs>> {
        self.lines(text, "handoffs", |columns| match columns {
            [group, failed, seconds, signature] => Some(FailedHandoffs {
                group: GroupName::new(*group),
                failed: failed.parse().ok()?,
                signature: (*signature).to_owned(),
                at: self.time(seconds)?,
            }),
            _ => None,
        })
    }

    /// The last verified rollup.
    pub fn verified(self, text: Result<&str, String>) -> Known<Option<Verified>> {
        let all = self.lines(text, "verified", |columns| match columns {
            [rollup, seconds] => Some(Verified { rollup: RollupName::new(*rollup), at: self.time(seconds)? }),
            _ => None,
        });
        all.map(|all| all.last().cloned())
    }

    /// A line each, with tabs between; nothing where there is no file.
    fn lines<T>(self, text: Result<&str, String>, name: &str, read: impl Fn(&[&str]) -> Option<T>) -> Known<Vec<T>> {
        let line = |line: &str| {
            let columns: Vec<_> = line.split('\t').collect();
            read(&columns).ok_or_else(|| format!("what is kept on it in {name} makes no sense: {line:?}"))
        };
        let all = text.and_then(|text| text.lines().filter(|l| !l.is_empty()).map(line).collect());
        all.map_or_else(Known::unknown, |all| Known::seen(all, self.at))
    }

    /// Work of ours: a line that says what, one that says as whose and since which start of the machine, and one for its
    /// end. `runs` says of the second line whether the work holds the node's lock, `restarted` whether the machine has
    /// started anew since.
    pub fn work(
        self,
        text: Result<&str, String>,
        runs: impl FnOnce(&str) -> Option<bool>,
        restarted: impl FnOnce(&str) -> Option<bool>,
    ) -> Known<Option<Work>> {
        let at = self.at;
        let text = match text {
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
            return match self.end(end) {
                Some(end) => Known::seen(Some(Work { ended: Some(end), ..work }), at),
                None => senseless(end),
            };
        }
        // When it was, nobody knows: not before it began.
        let end = |failure: Option<&str>| {
            let ended = WorkEnd { at: work.since, exit_code: None, failure: failure.map(str::to_owned) };
            Known::seen(Some(Work { ended: Some(ended), ..work.clone() }), at)
        };
        match (&work.action, runs(began.unwrap_or_default())) {
            // It asked the machine to start anew, and its lock ended with the machine.
            (Action::Reboot { .. }, Some(false)) => match began.and_then(restarted) {
                Some(true) => end(None),
                Some(false) if at.duration_since(work.since) < REBOOTS_WITHIN => Known::seen(Some(work), at),
                Some(false) => end(Some("the machine did not start anew, though it was asked to")),
                None => Known::unknown("whether the machine has started anew cannot be told"),
            },
            (_, Some(true)) => Known::seen(Some(work), at),
            // The lock ended with its process, and nobody wrote down how: the machine, or the process, was killed.
            (_, Some(false)) => end(Some(CUT_OFF)),
            (_, None) => Known::unknown("whether the lock on it is held cannot be told"),
        }
    }

    fn end(self, line: &str) -> Option<WorkEnd> {
        let mut columns = line.splitn(3, '\t');
        let (seconds, code, failure) = (columns.next()?, columns.next()?, columns.next()?);
        Some(WorkEnd {
            at: self.time(seconds)?,
            exit_code: code.parse().ok(),
            failure: (!failure.is_empty()).then(|| explained(failure).0),
        })
    }
}

/// Counts an install that was cut off among the tries: it has failed too. The node counts it with its next work; until then
/// it is counted here.
pub(super) fn count_cut_off(tries: &mut Known<Vec<Tries>>, work: &Known<Option<Work>>) {
    if let (Known::Known { value: tries, .. }, Some(cut_off)) = (tries, cut_off(work)) {
        match tries.iter_mut().find(|tries| tries.rollup == cut_off.rollup) {
            Some(there) => *there = Tries { failed: there.failed.saturating_add(1), ..cut_off },
            None => tries.push(cut_off),
        }
    }
}

fn cut_off(work: &Known<Option<Work>>) -> Option<Tries> {
    let Known::Known { value: Some(work), .. } = work else { return None };
    let WorkEnd { at, failure, .. } = work.ended.as_ref()?;
    let signature = failure.clone().filter(|failure| failure == CUT_OFF)?;
    let (Action::Install { rollup, .. } | Action::Uninstall { rollup, .. }) = &work.action else { return None };
    Some(Tries { rollup: rollup.clone(), failed: 1, signature, at: *at, retryable: true })
}
