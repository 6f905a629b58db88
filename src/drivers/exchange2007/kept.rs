//! What of ours is kept on a node, as its answer tells of it: the lock and whose it is, work, tries, the highest epoch, the
//! services' baseline.

use percent_encoding::percent_decode_str;

use super::look::Said;
use super::wire::{Answer, flag};
use crate::drivers::kept::{Reader, count_cut_off};
use crate::model::{Claim, Holder, Known, Time};
use crate::observed::{Node, Work};

/// The files that this version keeps on a node.
const FILES: [&str; 6] = ["epoch", "work", "tries", "handoffs", "verified", BASELINE];

/// The file of the services' baseline.
const BASELINE: &str = "services";

/// Clocks that are no further apart are one clock: until a machine says its time, a connection is made and PowerShell
/// starts.
const CLOCKS_AGREE: jiff::SignedDuration = jiff::SignedDuration::from_secs(30);

/// How a service was before the first attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before<'a> {
    pub name: &'a str,
    /// As the registry numbers it.
    pub start: &'a str,
    /// As .NET calls it.
    pub state: &'a str,
}

/// Adds what is kept on the node.
pub(super) fn add(node: &mut Node, answer: &Answer, at: Time) {
    let reader = match reader(answer, at) {
        Ok(reader) => reader,
        Err(why) => {
            node.work = Known::unknown(why.as_str());
            node.tries = Known::unknown(why.as_str());
            node.failed_handoffs = Known::unknown(why.as_str());
            node.verified = Known::unknown(why.as_str());
            node.epoch_seen = Known::unknown(why);
            return;
        }
    };
    let text = |file| text(answer, file);
    node.tries = reader.tries(text("tries").as_deref().map_err(Clone::clone));
    node.failed_handoffs = reader.failed_handoffs(text("handoffs").as_deref().map_err(Clone::clone));
    node.verified = reader.verified(text("verified").as_deref().map_err(Clone::clone));
    node.work = reader.work(
        text("work").as_deref().map_err(Clone::clone),
        |began| runs(answer, began),
        |began| {
            let now = answer.one::<1>("boot").ok()?;
            began.split('\t').nth(1).map(|boot| [boot] != now)
        },
    );
    if let Some(order) = waiting(answer, &text("work").unwrap_or_default(), &node.work) {
        node.work = Known::unknown(format!("an order has its lock and has not begun, or just ended: {order}"));
    }
    count_cut_off(&mut node.tries, &node.work);
    node.epoch_seen = text("epoch").and_then(|text| epoch(&text)).map_or_else(Known::unknown, |n| Known::seen(n, at));
}

/// Whose clock is how far ahead, if all that is kept is of this version.
fn reader(answer: &Answer, at: Time) -> Result<Reader, String> {
    answer.done("kept")?;
    for [file, _] in answer.all::<2>("kept")? {
        if !FILES.contains(&file) {
            return Err(format!("what another version keeps on it ({file}) is not known to this one"));
        }
    }
    let [time] = answer.one::<1>("time")?;
    let time: Time = time.parse().map_err(|_| format!("{time:?} is no time"))?;
    let apart = time.duration_since(at);
    Ok(Reader { ahead: if apart.abs() < CLOCKS_AGREE { jiff::SignedDuration::ZERO } else { apart }, at })
}

/// The lines of a file; nothing where there is none.
fn text(answer: &Answer, file: &str) -> Result<String, String> {
    answer.done("kept")?;
    let lines = answer.all::<2>("kept")?;
    let lines: Vec<&str> = lines.into_iter().filter(|[of, _]| *of == file).map(|[_, line]| line).collect();
    Ok(lines.join("\n"))
}

/// Whether the work whose second line this is holds the node's lock.
fn runs(answer: &Answer, began: &str) -> Option<bool> {
    let order = began.split('\t').next().unwrap_or_default();
    let [held, holder, work_before] = answer.one::<3>("lock").ok()?;
    match flag(held).ok()? {
        // Another order that has the lock shows that this one ended, with or without a word.
        true => Some(holder == order),
        // The lock was tested before this work began.
        false => Some(work_before != order),
    }
}

/// An order that has the lock and whose work is not what is kept: it waits for leave, and may begin at any moment.
fn waiting<'a>(answer: &'a Answer, work: &str, seen: &Known<Option<Work>>) -> Option<&'a str> {
    let [held, holder, _] = answer.one::<3>("lock").ok()?;
    let own = work.lines().nth(1).and_then(|began| began.split('\t').next());
    let runs = matches!(seen, Known::Known { value: Some(work), .. } if work.ended.is_none()) && own == Some(holder);
    (held == "True" && !runs).then_some(holder)
}

/// The number of `number@holder`; 0 where none was ever obeyed.
fn epoch(text: &str) -> Result<u64, String> {
    let number = match text.trim() {
        "" => Some(0),
        text => text.split_once('@').and_then(|(number, _)| number.parse().ok()),
    };
    number.ok_or_else(|| format!("the highest epoch that it keeps, {text:?}, is no number"))
}

/// Whom the node has obeyed last, if anybody.
///
/// # Errors
/// It was not seen, or makes no sense.
pub(super) fn obeyed(answer: &Answer) -> Result<Option<Claim>, String> {
    let text = text(answer, "epoch")?;
    let Some((_, holder)) = text.trim().split_once('@') else { return Ok(None) };
    let holder = percent_decode_str(holder).decode_utf8().map_err(|_| format!("{holder:?} is no holder"))?;
    Ok(Some(Claim { epoch: epoch(&text)?, holder: Holder::new(holder), heartbeat: 0 }))
}

/// A node refuses an epoch that it has obeyed under another holder, as when two claimed at once: for the holder of the claim it
/// is as one that has obeyed a later epoch, so he claims anew.
pub(super) fn distrust(node: &mut Node, said: Option<&Said>, claim: &Known<Option<Claim>>) {
    let (Some(said), Known::Known { value: Some(claim), .. }) = (said, claim) else { return };
    let Ok(Some(obeyed)) = said.heard().and_then(|(answer, _)| obeyed(answer)) else { return };
    if let Known::Known { value, .. } = &mut node.epoch_seen
        && (obeyed.epoch == claim.epoch && obeyed.holder != claim.holder)
    {
        *value = value.saturating_add(1);
    }
}

/// The services as they were before the first attempt; nothing where none began.
///
/// # Errors
/// It was not seen, or makes no sense.
pub(super) fn baseline(answer: &Answer) -> Result<Vec<Before<'_>>, String> {
    answer.done("kept")?;
    let lines = answer.all::<2>("kept")?.into_iter().filter(|[file, line]| *file == BASELINE && !line.is_empty());
    lines.map(|[_, line]| before(line)).collect()
}

fn before(line: &str) -> Result<Before<'_>, String> {
    let mut columns = line.split('\t');
    match (columns.next(), columns.next(), columns.next(), columns.next()) {
        (Some(name), Some(start), Some(state), None) => Ok(Before { name, start, state }),
        _ => Err(format!("the services' baseline on it makes no sense: {line:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::kept::CUT_OFF;
    use crate::model::Action;

    const WORK: &str = r#"{"action":{"action":"Install","node":"N1","rollup":"ru8"},"epoch":3,"holder":"vm","since":"2017-04-01T20:00:00Z","ended":null}"#;

    fn node(lines: &str) -> Node {
        let lines = format!("time|2017-04-01T20:00:05.0000000Z\nboot|b2\n{lines}").replace("WORK", WORK);
        let count = lines.lines().count() + 1;
        let text =
            format!("rollward-answer\t1\tnode\n{}\nend\t{count}\n", lines.replace('|', "\t").replace('~', "%09"));
        let mut node = Node::unknown(&"not asked".into());
        let at = "2017-04-01T20:00:00Z".parse().unwrap();
        add(&mut node, &Answer::read("node", &text).unwrap(), at);
        node
    }

    fn value<T: Clone>(known: &Known<T>) -> T {
        match known {
            Known::Known { value, .. } => value.clone(),
            Known::Unknown { why } => panic!("{why}"),
        }
    }

    fn end(node: &Node) -> Option<crate::observed::WorkEnd> {
        value(&node.work).unwrap().ended
    }

    #[test]
    fn work_runs_as_long_as_its_order_holds_the_lock() {
        let kept = "kept|work|WORK\nkept|work|o1~b1~tries~ru8\ndone|kept";
        let running = node(&format!("lock|True|o1|o1\n{kept}"));
        assert_eq!(end(&running), None);
        assert!(value(&running.tries).is_empty());
        // The lock was tested before the work began: it cannot have ended without a word.
        assert_eq!(end(&node(&format!("lock|False|o0|o0\n{kept}"))), None);
        // Another order has the lock, and waits for leave.
        assert!(node(&format!("lock|True|o2|o1\n{kept}")).work.is_unknown());
        assert!(node("lock|True|o2|\ndone|kept").work.is_unknown());
        for lock in ["lock|False|o1|o1", "lock|False|o2|o1"] {
            let cut_off = node(&format!("{lock}\n{kept}"));
            assert_eq!(end(&cut_off).unwrap().failure.as_deref(), Some(CUT_OFF), "{lock}");
            assert_eq!(value(&cut_off.tries)[0].failed, 1, "an install that was cut off has failed");
        }
        assert!(node(&format!("unknown|lock|denied\n{kept}")).work.is_unknown());
        assert!(node("lock|False||\nkept|work|oops\ndone|kept").work.is_unknown());
    }

    #[test]
    fn how_work_ended_is_what_it_wrote() {
        let kept = "kept|work|WORK\nkept|work|o1~b1~~\nkept|work|1491077000.250~1603~msiexec 1603: at InstallFinalize\ndone|kept";
        let ended = end(&node(&format!("lock|False|o1|o1\n{kept}"))).unwrap();
        assert_eq!(ended.exit_code, Some(1603));
        assert_eq!(ended.failure.as_deref(), Some("msiexec 1603: fatal error (at InstallFinalize)"));
        let reboots = kept_reboot("o1~b1~~");
        assert_eq!(end(&reboots).unwrap().failure, None, "it has started anew");
        assert_eq!(end(&kept_reboot("o1~b2~~")), None, "it is about to");
    }

    fn kept_reboot(began: &str) -> Node {
        let work = WORK.replace(r#""Install","node":"N1","rollup":"ru8""#, r#""Reboot","node":"N1""#);
        let node = node(&format!("lock|False|o1|o1\nkept|work|{work}\nkept|work|{began}\ndone|kept"));
        assert!(matches!(value(&node.work).unwrap().action, Action::Reboot { .. }));
        node
    }

    #[test]
    fn what_is_counted_and_what_makes_no_sense() {
        let node = |kept: &str| node(&format!("lock|False||\n{kept}\ndone|kept"));
        let seen = node(
            "kept|epoch|7@vm\nkept|tries|ru8~2~1491077000.5~msiexec 1642\nkept|handoffs|MBX1~1~1491077000~no\nkept|verified|ru7~1491000000",
        );
        assert_eq!(value(&seen.epoch_seen), 7);
        let tries = value(&seen.tries);
        assert_eq!((tries[0].failed, tries[0].retryable), (2, false));
        assert_eq!(value(&seen.failed_handoffs)[0].failed, 1);
        assert_eq!(value(&seen.verified).unwrap().rollup, "ru7".into());
        let none = node("kept|tries|");
        assert_eq!((value(&none.epoch_seen), value(&none.work), value(&none.tries)), (0, None, Vec::new()));
        assert!(node("kept|epoch|x@vm").epoch_seen.is_unknown());
        assert!(node("kept|tries|ru8~2").tries.is_unknown());
        assert!(node("kept|news|1").epoch_seen.is_unknown(), "another version's");
    }
}
