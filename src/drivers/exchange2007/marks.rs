//! The claim and the marks: private properties of the cluster in its own replicated database, or, of a standalone host, files
//! on it.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::super::marks::{read_claim, subject};
use super::look::{Said, is_frame};
use super::tables;
use super::wire::Answer;
use crate::model::{Claim, Known, Mark, Time};

/// How the names of our properties begin; no property of Windows' does.
const OURS: &str = "Rollward";

/// The claim's property.
pub(super) const CLAIM: &str = "RollwardClaim";

/// How the names of marks begin; what follows comes from what the mark is about.
const MARK: &str = "RollwardMark";

/// What is ours: the claim, and every mark.
pub(super) type Ours = (Option<Claim>, Vec<Mark>);

/// Who is in charge, and every mark; both unknown if any value of ours makes no sense.
pub(super) fn seen(said: Option<&Said>) -> (Known<Option<Claim>>, Known<Vec<Mark>>) {
    let heard = said.ok_or_else(|| "the cluster was not asked".to_owned()).and_then(Said::heard);
    known(heard.and_then(|(answer, at)| Ok((in_cluster(answer)?, at))))
}

/// What was read, and when.
pub(super) fn known(read: Result<(Ours, Time), String>) -> (Known<Option<Claim>>, Known<Vec<Mark>>) {
    match read {
        Ok(((claim, marks), at)) => (Known::seen(claim, at), Known::seen(marks, at)),
        Err(why) => (Known::unknown(why.as_str()), Known::unknown(why)),
    }
}

/// What of ours is in the cluster's database.
///
/// # Errors
/// It was not seen, or makes no sense.
pub(super) fn in_cluster(answer: &Answer) -> Result<Ours, String> {
    let properties = tables::ours(&answer.raw("private")?, OURS)?;
    read(properties.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// What of ours is on a host that is no cluster.
///
/// # Errors
/// It was not seen, or makes no sense.
pub(super) fn on_host(answer: &Answer) -> Result<Ours, String> {
    answer.done("stored")?;
    read(answer.all::<2>("stored")?.into_iter().map(|[name, value]| (name, value)))
}

fn read<'a>(properties: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Ours, String> {
    let (mut claim, mut marks) = (None, Vec::new());
    for (name, value) in properties {
        let senseless = || format!("a value of ours in the cluster's database makes no sense: {name}");
        if name == CLAIM {
            claim = Some(read_claim(value).ok_or_else(senseless)?);
        } else if name.starts_with(MARK) {
            let json = percent_decode_str(value).decode_utf8().map_err(|_| senseless())?;
            marks.push(serde_json::from_str(&json).map_err(|_| senseless())?);
        } else {
            return Err(format!("{name} in the cluster's database is none that this version knows"));
        }
    }
    Ok((claim, marks))
}

/// A mark's property: the same for the same subject, whoever writes it.
pub(super) fn name(mark: &Mark) -> String {
    format!("{MARK}{}", subject(mark))
}

/// A mark's value, in which there is nothing that a tool could take for more than a word.
pub(super) fn write(mark: &Mark) -> String {
    // Marks hold names, texts and times: they are always JSON.
    let json = serde_json::to_string(mark).unwrap_or_default();
    utf8_percent_encode(&json, NON_ALPHANUMERIC).to_string()
}

/// The claim's value, in which there is nothing either: what is allowed elsewhere is encoded, too.
pub(super) fn write_claim(claim: &Claim) -> String {
    let text = super::super::marks::write_claim(claim);
    [(" ", "%20"), (":", "%3a"), ("/", "%2f"), ("+", "%2b")].iter().fold(text, |text, (c, code)| text.replace(c, code))
}

/// Whether a line of private properties is none of ours, and is kept nowhere.
pub(super) fn is_foreign(line: &str) -> bool {
    !is_frame(line) && !tables::is_ours(line, OURS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Holder, MarkKind};

    #[test]
    fn what_is_written_is_one_word_and_comes_back() {
        let claim = Claim { epoch: 7, holder: Holder::new("my vm:/var/lib/späße@+#%"), heartbeat: 12 };
        let mark = Mark {
            kind: MarkKind::Quarantine { node: "N 1".into(), why: "\"100%\" = <broken> & 'left'\tso".into() },
            epoch: 7,
            holder: claim.holder.clone(),
            at: "2026-11-22T06:20:24Z".parse().unwrap(),
        };
        let (claimed, marked) = (write_claim(&claim), write(&mark));
        let plain = |c: char| c.is_ascii_alphanumeric() || "@#%._-".contains(c);
        assert!(claimed.chars().chain(marked.chars()).all(plain), "{claimed} {marked}");
        let properties = [(CLAIM, claimed.as_str()), (&name(&mark), marked.as_str())];
        assert_eq!(read(properties.into_iter()), Ok((Some(claim), vec![mark])));
        assert!(read([("RollwardNews", "1")].into_iter()).unwrap_err().contains("none that this version knows"));
    }
}
