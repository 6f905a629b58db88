//! The line-oriented form in which scripts are sent and answer: versioned, ASCII only, no matter what language the
//! machine speaks, and with an end mark, so that an answer that was cut short is not taken for one that is short.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// The version of requests and answers.
const VERSION: &str = "1";

/// What could be taken for a part of the form: control characters, and the sign of encoding itself. What is not ASCII is
/// encoded in any case.
const FORM: &AsciiSet = &CONTROLS.add(b'%');

/// A script, with the name that answers go by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script {
    pub name: &'static str,
    pub text: &'static str,
}

/// What every script begins with.
const COMMON: &str = include_str!("scripts/common.ps1");

/// What every script ends with. The count is taken before this line is said.
const LAST: &str = "\nSay 'end' $global:RollwardSaid\n";

/// The command that powershell.exe is started with; the same whatever is asked.
const BOOTSTRAP: &str = include_str!("scripts/bootstrap.ps1");

/// The words that run a request on a host.
pub(super) fn command() -> [String; 6] {
    let words = ["powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand"];
    let [program, logo, profile, interactive, encoded] = words.map(str::to_owned);
    [program, logo, profile, interactive, encoded, encode(BOOTSTRAP)]
}

/// What stands in a list of words as it is. A drive's colon and a path's signs need no code, and a list that a person reads
/// in a snapshot is the better for it.
const WORD: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'\\')
    .remove(b':')
    .remove(b'/')
    .remove(b'{')
    .remove(b'}')
    .remove(b'@')
    .remove(b',');

/// A list of words as one value: parted by spaces, each encoded, an empty one as `%`.
pub(super) fn words<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    let word = |word: &str| if word.is_empty() { "%".to_owned() } else { utf8_percent_encode(word, WORD).to_string() };
    all.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A text as powershell.exe takes it as a command, without its comments.
fn encode(text: &str) -> String {
    let code = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let code = code.collect::<Vec<_>>().join("\n");
    STANDARD.encode(code.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
}

/// A script with its inputs, as bytes for its standard input.
pub(super) fn request(script: Script, inputs: &[(&str, &str)]) -> String {
    let whole = format!("{COMMON}{}{LAST}", script.text);
    let mut lines = vec![format!("rollward-request\t{VERSION}\t{}", script.name)];
    lines.push(format!("script\t{}", STANDARD.encode(whole)));
    lines.extend(inputs.iter().map(|(key, value)| format!("input\t{key}\t{}", utf8_percent_encode(value, FORM))));
    lines.push(format!("end\t{}", lines.len()));
    lines.join("\n") + "\n"
}

/// What a script answered: its facts in order, each a tag and its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Answer {
    facts: Vec<Vec<String>>,
}

impl Answer {
    /// Takes an answer apart. What stands before it, such as a greeting, is nobody's.
    ///
    /// # Errors
    /// It is not whole, or is another script's or version's.
    pub fn read(name: &str, text: &str) -> Result<Self, String> {
        let lines = text.lines().map(|line| line.trim_end_matches('\r'));
        let mut lines = lines.skip_while(|line| !line.starts_with("rollward-answer\t"));
        let head = lines.next().ok_or_else(|| match text.trim().lines().last() {
            None => "it answered nothing; does its shell start powershell.exe?".to_owned(),
            Some(said) => format!("its answer is none of ours; it said {said:?}"),
        })?;
        let own = format!("rollward-answer\t{VERSION}\t{name}");
        if head != own {
            return Err(format!("the answer is to something else: {head:?}"));
        }
        let mut facts = Vec::new();
        for line in lines {
            if let Some(count) = line.strip_prefix("end\t") {
                return match count.parse::<usize>() {
                    Ok(count) if count == facts.len() + 1 => Ok(Self { facts }),
                    _ => Err(format!("the answer is not whole: it ends with {line:?} after {} lines", facts.len() + 1)),
                };
            }
            let field = |field| percent_decode_str(field).decode_utf8().map(|text| text.into_owned());
            let fields: Result<Vec<String>, _> = line.split('\t').map(field).collect();
            facts.push(fields.map_err(|_| format!("the answer has a line that is no UTF-8: {line:?}"))?);
        }
        Err("the answer was cut short".into())
    }

    /// The fields of all facts with a tag, where there are so many.
    ///
    /// # Errors
    /// A fact of that tag has another number of fields.
    pub fn all<const N: usize>(&self, tag: &str) -> Result<Vec<[&str; N]>, String> {
        let of_tag = self.facts.iter().filter(|fact| fact.first().is_some_and(|first| first == tag));
        let mut all = Vec::new();
        for fact in of_tag {
            let fields: Vec<&str> = fact.iter().skip(1).map(String::as_str).collect();
            all.push(fields.try_into().map_err(|_| format!("the answer makes no sense at {fact:?}"))?);
        }
        Ok(all)
    }

    /// The only fact with a tag.
    ///
    /// # Errors
    /// There is none, or it is not the only one.
    pub fn one<const N: usize>(&self, tag: &str) -> Result<[&str; N], String> {
        match self.all(tag)?.as_slice() {
            [one] => Ok(*one),
            [] => Err(self.why(tag)),
            several => Err(format!("it said {tag} {} times", several.len())),
        }
    }

    /// Whether a part was seen whole.
    ///
    /// # Errors
    /// It was not: why.
    pub fn done(&self, part: &str) -> Result<(), String> {
        if self.facts.iter().any(|fact| matches!(fact.as_slice(), [tag, of] if tag == "done" && of == part)) {
            return Ok(());
        }
        Err(self.why(part))
    }

    /// Why a part was not seen.
    pub fn why(&self, part: &str) -> String {
        let unknown = self.facts.iter().find_map(|fact| match fact.as_slice() {
            // Windows takes no account of case in the names that parts are called by.
            [tag, what, why] if tag == "unknown" && what.eq_ignore_ascii_case(part) => Some(why.as_str()),
            _ => None,
        });
        unknown.map_or_else(|| format!("it did not say {part}"), |why| format!("{part}: {}", first_line(why)))
    }

    /// What a native tool said, line by line.
    ///
    /// # Errors
    /// It did not end, or not well: what it said.
    pub fn raw(&self, id: &str) -> Result<Vec<&str>, String> {
        let mut lines = Vec::new();
        let mut code = None;
        for fact in &self.facts {
            match fact.as_slice() {
                [tag, of, exit, line] if tag == "raw" && of == id => {
                    code = code.filter(|code| *code != "0").or(Some(exit.as_str()));
                    lines.push(line.as_str());
                }
                _ => {}
            }
        }
        match code {
            Some("0") => Ok(lines),
            Some(code) => {
                let said: Vec<_> =
                    lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).take(2).collect();
                Err(format!("cluster.exe ended with {code} ({id}): {}", said.join(" ")))
            }
            None => Err(self.why(id)),
        }
    }

    /// Why each of the questions failed whose names begin so.
    pub fn failures(&self, prefix: &str) -> Vec<String> {
        let mut ids: Vec<&String> = Vec::new();
        for fact in &self.facts {
            if let [tag, id, ..] = fact.as_slice()
                && (tag == "raw" || tag == "unknown")
                && id.starts_with(prefix)
                && !ids.contains(&id)
            {
                ids.push(id);
            }
        }
        ids.into_iter().filter_map(|id| self.raw(id).err()).collect()
    }

    /// Leaves out what nobody needs, line by line of the tools.
    pub fn without(mut self, unneeded: impl Fn(&str, &str) -> bool) -> Self {
        self.facts.retain(|fact| match fact.as_slice() {
            [tag, id, _, line] if tag == "raw" => !unneeded(id, line),
            _ => true,
        });
        self
    }
}

/// What .NET writes for yes and for no.
///
/// # Errors
/// It is neither.
pub(super) fn flag(value: &str) -> Result<bool, String> {
    match value {
        "True" => Ok(true),
        "False" => Ok(false),
        other => Err(format!("{other:?} is neither True nor False")),
    }
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or("no reason was given").trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a machine would answer, with its end mark.
    fn answer(lines: &[&str]) -> String {
        let mut all = vec!["rollward-answer\t1\tlook"];
        all.extend(lines);
        format!("{}\nend\t{}\n", all.join("\n"), all.len())
    }

    #[test]
    fn inputs_are_data_whatever_they_hold() {
        let hostile = "a'b\"c `x` $(Stop-Computer) & | %COMSPEC%\tspäße\r\nend\t1";
        let asked = request(Script { name: "look", text: "Say 'x'" }, &[("group", hostile)]);
        assert!(asked.is_ascii());
        let lines: Vec<_> = asked.lines().collect();
        assert_eq!(lines.len(), 4, "{asked}");
        assert_eq!(lines.last(), Some(&"end\t3"));
        let fields: Vec<_> = lines[2].split('\t').collect();
        assert_eq!(fields[..2], ["input", "group"]);
        assert_eq!(percent_decode_str(fields[2]).decode_utf8().unwrap(), hostile);
        let script = STANDARD.decode(lines[1].strip_prefix("script\t").unwrap()).unwrap();
        assert!(String::from_utf8(script).unwrap().ends_with("Say 'x'\nSay 'end' $global:RollwardSaid\n"));
    }

    #[test]
    fn an_answer_is_whole_or_none() {
        let whole = format!("Welcome!\r\n{}", answer(&["time\tx", "name\ta%25%0A%C3%A4"]).replace('\n', "\r\n"));
        let read = Answer::read("look", &whole).unwrap();
        assert_eq!(read.one("name"), Ok(["a%\nä"]));
        let begin = whole.trim_end().len();
        for length in 0..begin {
            let cut = Answer::read("look", whole.get(..length).unwrap_or_default());
            assert!(cut.is_err(), "{:?}", &whole[..length]);
        }
        assert!(Answer::read("other", &whole).unwrap_err().contains("something else"));
        assert!(Answer::read("look", &whole.replace("time\tx\r\n", "")).unwrap_err().contains("not whole"));
        assert!(Answer::read("look", "").unwrap_err().contains("powershell.exe"));
        assert!(Answer::read("look", &answer(&["x\t%FF"])).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn a_part_that_was_not_seen_says_why() {
        let said = answer(&[
            "done\tpatches",
            "unknown\tdisk\tno such drive%0D%0Aat line 3",
            "raw\tnode\t1722\tSystem error 1722",
        ]);
        let read = Answer::read("look", &said).unwrap();
        assert_eq!(read.done("patches"), Ok(()));
        assert!(read.done("disk").is_err());
        assert!(read.one::<1>("time").unwrap_err().contains("did not say time"));
        assert_eq!(read.raw("node").unwrap_err(), "cluster.exe ended with 1722 (node): System error 1722");
        assert!(Answer::read("look", &answer(&["time\ta\tb"])).unwrap().one::<1>("time").is_err());
    }

    #[test]
    fn the_command_fits_into_any_shell_and_never_changes() {
        let words = command();
        assert!(words.join(" ").len() < 8000, "cmd.exe takes 8191 characters: {}", words.join(" ").len());
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-./+=".contains(&b))));
        assert_eq!(encode("# x\n\nab"), "YQBiAA==");
    }
}
