//! How the claim and the marks stand in the cluster's store: a set of properties for each, with one value.
//!
//! The claim is one value, so that it can be compared and set in one step. A mark's identifier comes from what it is
//! about, so that the same mark is never there twice; its value is JSON.

pub(super) use super::super::marks::write_claim;
use super::super::marks::{read_claim, subject};
use crate::model::{Claim, Mark};

/// How the identifiers of our sets of properties begin. Each value has a set of its own: the store's tools can make a
/// set only if there is none, and nothing smaller.
pub(super) const OURS: &str = "rollward-";

/// The identifier of the claim's set.
pub(super) const CLAIM: &str = "rollward-claim";

/// How the identifiers of marks begin.
const MARK: &str = "rollward-mark-";

/// A value of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Claim(Claim),
    Mark(Mark),
}

/// Reads a value of ours; nothing if it makes no sense.
pub(super) fn read(id: &str, value: &str) -> Option<Value> {
    if id == CLAIM {
        return read_claim(value).map(Value::Claim);
    }
    id.strip_prefix(MARK)?;
    serde_json::from_str(value).ok().map(Value::Mark)
}

/// A mark's value: JSON in which no quote could end a text of XPath, and for an attribute of XML.
pub(super) fn write(mark: &Mark) -> String {
    let json = serde_json::to_string(mark).unwrap_or_default().replace('\'', "\\u0027");
    json.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The identifier of a mark: the same for the same subject, whoever writes it.
pub(super) fn id(mark: &Mark) -> String {
    format!("{MARK}{}", subject(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Holder, MarkKind};

    #[test]
    fn a_mark_comes_back_and_is_there_once() {
        let mark = |epoch| Mark {
            kind: MarkKind::Pause { node: "n1".into() },
            epoch,
            holder: Holder::new("vm"),
            at: "2026-11-22T06:20:24Z".parse().unwrap(),
        };
        let id = id(&mark(3));
        assert_eq!(id, super::id(&mark(4)), "the same subject");
        let text = serde_json::to_string(&mark(3)).unwrap();
        assert_eq!(read(&id, &text), Some(Value::Mark(mark(3))));
        assert_eq!(read("somebody-elses", &text), None);
    }
}
