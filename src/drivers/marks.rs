//! How a claim and marks stand in a cluster's store, whichever stack keeps it: a claim as one short text, and what a mark is
//! about as part of its name, so that the same mark is never there twice.

use sha2::{Digest, Sha256};

use crate::model::{Claim, Holder, Mark, MarkKind, StopScope, hex};

/// What a mark is about, as 16 hexadecimal digits: the same for the same subject, whoever writes it.
pub(super) fn subject(mark: &Mark) -> String {
    let about = match &mark.kind {
        MarkKind::Pause { node } => format!("pause {node}"),
        // One announcement a node, or a group where no node is meant.
        MarkKind::InProgress { action } => match (action.node(), action.group()) {
            (Some(node), _) => format!("action on {node}"),
            (None, Some(group)) => format!("action on group {group}"),
            (None, None) => "action".to_owned(),
        },
        MarkKind::StoppedRole { group, .. } => format!("stopped {group}"),
        MarkKind::Quarantine { node, .. } => format!("quarantine {node}"),
        MarkKind::Stop { scope: StopScope::Cluster, .. } => "stop".to_owned(),
        MarkKind::Stop { scope: StopScope::Node(node), .. } => format!("stop {node}"),
    };
    let hash = Sha256::digest(about.as_bytes());
    hex(hash.get(..8).unwrap_or_default())
}

/// `epoch@holder#heartbeat`. Whatever could end a quoted text is written as `%` and two hexadecimal digits, so that it
/// can stand as it is in whatever a stack's tools take.
pub(super) fn write_claim(claim: &Claim) -> String {
    let mut holder = String::new();
    for byte in claim.holder.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'/' | b'-' | b'+' | b' ' => {
                holder.push(char::from(byte));
            }
            _ => holder.push_str(&format!("%{byte:02x}")),
        }
    }
    format!("{}@{holder}#{}", claim.epoch, claim.heartbeat)
}

/// Reads a claim that was written so; nothing if it makes no sense. Any sign may be written as `%` and two digits: a stack
/// whose tools part words by spaces writes `%20` for one.
pub(super) fn read_claim(text: &str) -> Option<Claim> {
    let (epoch, rest) = text.split_once('@')?;
    let (holder, heartbeat) = rest.rsplit_once('#')?;
    let mut bytes = Vec::new();
    let mut rest = holder.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => u8::from_str_radix(&String::from_utf8(vec![rest.next()?, rest.next()?]).ok()?, 16).ok()?,
            byte => byte,
        });
    }
    let holder = Holder::new(String::from_utf8(bytes).ok()?);
    Some(Claim { epoch: epoch.parse().ok()?, holder, heartbeat: heartbeat.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_comes_back_whatever_its_holder_is_called() {
        for holder in ["vm:/var/lib/rollward", "o'hara@\"host\"<1>", "späße #7", "", "100%"] {
            let claim = Claim { epoch: 7, holder: Holder::new(holder), heartbeat: 12 };
            let text = write_claim(&claim);
            assert!(!text.contains(['\'', '"', '<', '&']), "{text}");
            assert_eq!(read_claim(&text), Some(claim));
        }
        let spaced = Claim { epoch: 7, holder: Holder::new("my vm"), heartbeat: 12 };
        assert_eq!(read_claim("7@my%20vm#12"), Some(spaced.clone()));
        assert_eq!(write_claim(&spaced), "7@my vm#12", "what stands in stores is compared with it");
        for nonsense in ["", "7", "7@x", "x@y#1", "7@%4#1", "7@%zz#1", "7@x#y"] {
            assert_eq!(read_claim(nonsense), None, "{nonsense}");
        }
    }
}
