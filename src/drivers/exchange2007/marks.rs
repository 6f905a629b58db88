//! The claim and the marks, as private properties of the cluster in its own replicated database.

use percent_encoding::percent_decode_str;

use super::super::marks::read_claim;
use super::look::{Said, is_frame};
use super::tables;
use crate::model::{Claim, Known, Mark, Time};

/// How the names of our properties begin; no property of Windows' does.
const OURS: &str = "Rollward";

/// The claim's property.
const CLAIM: &str = "RollwardClaim";

/// How the names of marks begin; what follows comes from what the mark is about.
const MARK: &str = "RollwardMark";

/// Who is in charge, and every mark; both unknown if any value of ours makes no sense.
pub(super) fn seen(said: Option<&Said>) -> (Known<Option<Claim>>, Known<Vec<Mark>>) {
    match read(said) {
        Ok((claim, marks, at)) => (Known::seen(claim, at), Known::seen(marks, at)),
        Err(why) => (Known::unknown(why.as_str()), Known::unknown(why)),
    }
}

fn read(said: Option<&Said>) -> Result<(Option<Claim>, Vec<Mark>, Time), String> {
    let (answer, at) = said.ok_or("the cluster was not asked")?.heard()?;
    let (mut claim, mut marks) = (None, Vec::new());
    for (name, value) in tables::ours(&answer.raw("private")?, OURS)? {
        let senseless = || format!("a value of ours in the cluster's database makes no sense: {name}");
        if name == CLAIM {
            claim = Some(read_claim(&value).ok_or_else(senseless)?);
        } else if name.starts_with(MARK) {
            let json = percent_decode_str(&value).decode_utf8().map_err(|_| senseless())?;
            marks.push(serde_json::from_str(&json).map_err(|_| senseless())?);
        } else {
            return Err(format!("{name} in the cluster's database is none that this version knows"));
        }
    }
    Ok((claim, marks, at))
}

/// Whether a line of private properties is none of ours, and is kept nowhere.
pub(super) fn is_foreign(line: &str) -> bool {
    !is_frame(line) && !tables::is_ours(line, OURS)
}
