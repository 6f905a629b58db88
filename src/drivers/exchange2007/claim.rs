//! The claim: read, compared, written and read back. Private properties know no compare-and-set, so a rival who read before
//! we wrote may write after us and take himself for the holder, as we do. Whoever then acts announces it first and reads
//! the claim again, and all writes of the database are in one order: one of the two at most sees his own.

use super::Input;
use super::look::Said;
use super::marks;
use super::wire::{Answer, words};
use crate::drivers::ClaimAnswer;
use crate::model::Claim;

/// What the script is given to replace one claim by another.
pub(super) fn inputs(expected: Option<&Claim>, wanted: Option<&Claim>) -> Vec<Input> {
    let before = expected.map(marks::write_claim).unwrap_or_default();
    let after = match wanted {
        Some(wanted) => ("put", words([marks::CLAIM, &marks::write_claim(wanted)])),
        None => ("drop", marks::CLAIM.to_owned()),
    };
    vec![("expect", words([marks::CLAIM, &before])), after]
}

/// What became of it.
pub(super) fn read(said: &Said, wanted: Option<&Claim>) -> ClaimAnswer {
    let heard = said.heard().and_then(|(answer, _)| Ok((answer, there(answer)?)));
    let (answer, found) = match heard {
        Ok(heard) => heard,
        Err(why) => return ClaimAnswer::Unsure { why },
    };
    match (found, wanted) {
        (found, _) if answer.done("store").is_err() => ClaimAnswer::Lost { found },
        (Some(found), Some(wanted)) if found == *wanted => ClaimAnswer::Claimed(found),
        (None, None) => ClaimAnswer::GivenUp,
        (found, _) => match answer.failures("put:").into_iter().chain(answer.failures("drop:")).next() {
            Some(why) => ClaimAnswer::Unsure { why },
            None => ClaimAnswer::Lost { found },
        },
    }
}

/// The claim that is there in the end.
fn there(answer: &Answer) -> Result<Option<Claim>, String> {
    // Where nobody answers, nothing was read.
    if answer.done("store").is_err() && answer.all::<1>("unexpected")?.is_empty() {
        return Err(answer.why("store"));
    }
    ours(answer).map(|(claim, _)| claim)
}

/// What of ours is there in the end.
///
/// # Errors
/// It could not be read.
pub(super) fn ours(answer: &Answer) -> Result<marks::Ours, String> {
    if answer.one::<1>("asked").is_ok() { marks::in_cluster(answer) } else { marks::on_host(answer) }
}

#[cfg(test)]
mod tests {
    use super::super::look::Reply;
    use super::*;
    use crate::model::Holder;

    fn said(lines: &str) -> Said {
        let count = lines.lines().count() + 1;
        let text = format!("rollward-answer\t1\tstore\n{}\nend\t{count}\n", lines.replace('|', "\t"));
        let answer = Answer::read("store", &text).map_or_else(Reply::Failed, Reply::Answer);
        Said { at: "2017-04-01T20:00:00Z".parse().unwrap(), answer }
    }

    fn claim(epoch: u64, holder: &str) -> Claim {
        Claim { epoch, holder: Holder::new(holder), heartbeat: 1 }
    }

    const LIST: &str = "raw|private|0|T  Cluster Name Value\nraw|private|0|-- ------- ---- -----\n";

    fn listed(value: &str) -> String {
        format!("asked|N1\n{LIST}raw|private|0|S  MBX     RollwardClaim {value}")
    }

    #[test]
    fn what_is_asked_for_is_one_exchange() {
        let (old, new) = (claim(1, "a"), claim(2, "my vm:/x"));
        assert_eq!(
            inputs(Some(&old), Some(&new)),
            [
                ("expect", "RollwardClaim 1@a%231".to_owned()),
                ("put", "RollwardClaim 2@my%2520vm%253a%252fx%231".into())
            ]
        );
        assert_eq!(inputs(None, Some(&old))[0].1, "RollwardClaim %");
        assert_eq!(inputs(Some(&old), None)[1], ("drop", "RollwardClaim".to_owned()));
    }

    #[test]
    fn only_a_claim_that_is_read_back_is_ours() {
        let ours = claim(2, "b");
        let done = format!("{}\ndone|store", listed("2@b#1"));
        assert_eq!(read(&said(&done), Some(&ours)), ClaimAnswer::Claimed(ours.clone()));
        let overwritten = format!("{}\ndone|store", listed("2@c#1"));
        assert_eq!(read(&said(&overwritten), Some(&ours)), ClaimAnswer::Lost { found: Some(claim(2, "c")) });
        let other = format!("unexpected|1@z#1\n{}", listed("1@z#1"));
        assert_eq!(read(&said(&other), Some(&ours)), ClaimAnswer::Lost { found: Some(claim(1, "z")) });
        let gone = format!("asked|N1\n{LIST}done|store");
        assert_eq!(read(&said(&gone), None), ClaimAnswer::GivenUp);
        assert_eq!(read(&said(&done), None), ClaimAnswer::Lost { found: Some(ours.clone()) });
        let alone = "done|store\nstored|RollwardClaim|2@b#1\ndone|stored";
        assert_eq!(read(&said(alone), Some(&ours)), ClaimAnswer::Claimed(ours));
    }

    #[test]
    fn what_could_not_be_seen_is_unsure() {
        let ours = claim(2, "b");
        let refused = format!("{}\nunknown|put:RollwardClaim|denied\ndone|store", listed("1@b#1"));
        for lines in ["unknown|store|no node answers", "asked|N1\ndone|store\nraw|private|5|denied", &refused] {
            let answer = read(&said(lines), Some(&ours));
            assert!(matches!(answer, ClaimAnswer::Unsure { .. }), "{lines}: {answer:?}");
        }
    }
}
