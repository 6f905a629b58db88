//! The form in which scripts are asked and answer: lines of fields parted by tabs, ASCII only.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a script is asked.
#[derive(Debug)]
pub struct Request {
    /// The script's name.
    pub name: String,
    /// Its text.
    pub script: String,
    /// The whole, as it was sent.
    pub text: String,
    inputs: BTreeMap<String, Vec<String>>,
}

impl Request {
    /// Takes a request apart.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(c) = text.chars().find(|c| !c.is_ascii() || (c.is_control() && !matches!(c, '\t' | '\r' | '\n'))) {
            return Err(format!("{c:?} in a request"));
        }
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        let (last, lines) = lines.split_last().ok_or("an empty request")?;
        if *last != format!("end\t{}", lines.len()) {
            return Err(format!("a request of {} lines that ends with {last:?}", lines.len()));
        }
        let (first, lines) = lines.split_first().ok_or("a request without a head")?;
        let name = first.strip_prefix("rollward-request\t1\t").ok_or(format!("a request that begins {first:?}"))?;
        let mut script = None;
        let mut inputs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in lines {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["script", text] => {
                    let bytes = STANDARD.decode(text).map_err(|e| format!("the script's base64: {e}"))?;
                    script = Some(String::from_utf8(bytes).map_err(|e| format!("the script's text: {e}"))?);
                }
                ["input", key, value] => inputs.entry(key.into()).or_default().push(unescape(value)?),
                _ => return Err(format!("{line:?} in a request")),
            }
        }
        let script = script.ok_or("a request without a script")?;
        Ok(Self { name: name.into(), script, text: text.into(), inputs })
    }

    /// All values of an input.
    pub fn all(&self, key: &str) -> &[String] {
        self.inputs.get(key).map_or(&[], Vec::as_slice)
    }

    /// The first value of an input.
    pub fn one(&self, key: &str) -> Option<&str> {
        self.all(key).first().map(String::as_str)
    }

    /// An input that must be given.
    pub fn need(&self, key: &str) -> Result<&str, String> {
        self.one(key).ok_or_else(|| format!("{} is given no {key}", self.name))
    }

    /// An input that is a list of words, if it is given.
    pub fn words(&self, key: &str) -> Result<Vec<String>, String> {
        self.one(key).map_or(Ok(Vec::new()), words)
    }

    /// Keys that are none of these.
    pub fn others(&self, keys: &[&str]) -> Vec<&str> {
        self.inputs.keys().map(String::as_str).filter(|key| !keys.contains(key)).collect()
    }
}

/// What a script answers.
pub struct Answer {
    text: String,
    lines: usize,
}

impl Answer {
    pub fn new(script: &str) -> Self {
        let mut answer = Self { text: String::new(), lines: 0 };
        answer.say(["rollward-answer", "1", script]);
        answer
    }

    pub fn say<'a>(&mut self, fields: impl IntoIterator<Item = &'a str>) {
        let fields: Vec<String> = fields.into_iter().map(escape).collect();
        self.text.push_str(&fields.join("\t"));
        self.text.push('\n');
        self.lines += 1;
    }

    pub fn done(&mut self, what: &str) {
        self.say(["done", what]);
    }

    pub fn unknown(&mut self, what: &str, why: &str) {
        self.say(["unknown", what, why]);
    }

    /// The whole answer, with its end.
    pub fn end(mut self) -> String {
        let lines = self.lines.to_string();
        self.say(["end", &lines]);
        self.text
    }
}

/// Words parted by single spaces, each percent-encoded; an empty one is `%`.
pub fn words(text: &str) -> Result<Vec<String>, String> {
    let word = |word: &str| if word == "%" { Ok(String::new()) } else { unescape(word) };
    text.split(' ').map(word).collect()
}

fn escape(text: &str) -> String {
    let plain = |byte: &u8| (0x20..=0x7e).contains(byte) && *byte != b'%';
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn unescape(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is not percent-encoded");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (code, after) = rest.split_at_checked(2).ok_or_else(wrong)?;
        let code = std::str::from_utf8(code).ok().and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.ok_or_else(wrong)?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}
