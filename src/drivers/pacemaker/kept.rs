//! What a node says of itself and of what we keep on it: the lock, running work and how it ended, failures in a row, the
//! highest epoch obeyed, packages that lie ready.

use std::sync::Arc;

use super::look::{Heard, answer, disk, serves};
use super::probe::Answer;
use super::software;
use crate::drivers::kept::{Reader, count_cut_off};
use crate::model::{Known, Time};
use crate::observed::Node;

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
    let reader = Reader { ahead: heard.ahead, at };
    node.tries = reader.tries(answer(heard, "kept.tries"));
    node.failed_handoffs = reader.failed_handoffs(answer(heard, "kept.handoffs"));
    node.verified = reader.verified(answer(heard, "kept.verified"));
    let restarted = |began: &str| answer(heard, "boot").ok().map(|now| began.trim() != now.trim());
    node.work = reader.work(answer(heard, "kept.work"), |_| ended.map(|ended| !ended), restarted);
    count_cut_off(&mut node.tries, &node.work);
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
