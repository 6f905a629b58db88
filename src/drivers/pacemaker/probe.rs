//! What one look asks of one node, and its answers as they came.

use std::collections::BTreeMap;

/// The script that asks everything of one node in one go.
pub(super) const SCRIPT: &str = concat!(include_str!("frame.sh"), include_str!("probe.sh"));

/// What a command said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer<'a> {
    pub code: i32,
    pub out: &'a str,
    pub err: &'a str,
}

impl Answer<'_> {
    /// What it said in a line, for people, with what to do about it where that is known.
    pub fn words(&self) -> String {
        let said = if self.err.trim().is_empty() { self.out } else { self.err };
        let first = said.trim().lines().next().unwrap_or("nothing");
        advised(format!("exit {}: {first}", self.code))
    }
}

/// What a tool said, with what to do about it where that is known.
pub(super) fn advised(said: String) -> String {
    let known: &[(&str, &str)] = &[
        ("not found", "install it there (`rollward doctor` lists what is missing)"),
        ("unrecognized option", "it is too old: Pacemaker 2.0.3 is the oldest to look at, 2.1 to act on"),
        ("Permission denied", "log in as root, or to look only as one of the group haclient"),
        (
            "Cannot initialize CMAP service",
            "corosync does not run there, or answers root only: name the login in a file in /etc/corosync/uidgid.d, as \
             `uidgid { uid: LOGIN }`, and `corosync-cfgtool -R`",
        ),
        ("Connection refused", "Pacemaker does not run there, or not all of it: see `systemctl status pacemaker`"),
    ];
    match known.iter().find(|(sign, _)| said.contains(sign)) {
        Some((_, advice)) => format!("{said}: {advice}"),
        None => said,
    }
}

/// All that one node said, by the names of the questions.
pub(super) type Answers<'a> = BTreeMap<&'a str, Answer<'a>>;

/// Takes a node's whole answer apart.
///
/// # Errors
/// It is not what the script says, or was cut short.
pub(super) fn read(text: &str) -> Result<Answers<'_>, String> {
    let mut answers = BTreeMap::new();
    let mut rest = text;
    loop {
        let (head, after) = rest.split_once('\n').ok_or("the answer was cut short")?;
        let head = head.strip_prefix('#').ok_or_else(|| format!("the answer makes no sense at {head:?}"))?;
        if head == "end" {
            return Ok(answers);
        }
        let bad = || format!("the answer makes no sense at {head:?}");
        let mut words = head.split(' ');
        let (name, code) = (words.next().ok_or_else(bad)?, words.next().ok_or_else(bad)?);
        let length = |word: Option<&str>| word.and_then(|word| word.parse::<usize>().ok()).ok_or_else(bad);
        let (out, err) = (length(words.next())?, length(words.next())?);
        let cut = |from: usize, to: usize| after.get(from..to).ok_or("the answer was cut short");
        let end = out.checked_add(err).ok_or_else(bad)?;
        let code = code.parse().map_err(|_| bad())?;
        answers.insert(name, Answer { code, out: cut(0, out)?, err: cut(out, end)? });
        rest = after.get(end..).and_then(|rest| rest.strip_prefix('\n')).ok_or("the answer was cut short")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart_by_their_lengths() {
        // `#x y` is an answer, not a head.
        let text = "#time 0 3 0\n1.5\n#status 102 4 5\n#x yoops!\n#empty 0 0 0\n\n#end\n";
        let answers = read(text).unwrap();
        assert_eq!(answers["time"], Answer { code: 0, out: "1.5", err: "" });
        assert_eq!(answers["status"], Answer { code: 102, out: "#x y", err: "oops!" });
        assert_eq!(answers["empty"].out, "");
    }

    #[test]
    fn an_answer_that_was_cut_short_is_no_answer() {
        let whole = "#time 0 3 0\n1.5\n#end\n";
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{:?}", &whole[..length]);
        }
        assert!(read(whole).is_ok());
        assert!(read("Last login: yesterday\n#end\n").is_err(), "a chatty login shell");
        assert!(read("#time 0 18446744073709551615 1\nx\n#end\n").is_err());
    }
}
