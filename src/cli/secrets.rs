//! Secrets, left out of what leaves the host: by the names that they go by, and by what they look like.
//!
//! Absent on purpose: any claim to know every secret. What a person wrote into a sentence is not found.

use serde_json::Value;

/// What stands in the place of a secret.
pub(super) const LEFT_OUT: &str = "(left out)";

/// A name that contains one of these names a secret.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "api-key",
    "api_key",
    "authorization",
];

const KEY_BEGINS: &str = "-----BEGIN";
const KEY_ENDS: &str = "-----END";

/// A text of lines, such as a manifest: of a line that names a secret, what comes after the name is left out, and so are the
/// lines below it that are further in, or are the items of its list. Where an option that names one ends its line, the value
/// is the next line.
pub(super) fn of_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // What of the lines below one that names a secret is left out with it.
    let mut below: Option<Below> = None;
    let mut value_is_next = false;
    for line in of_looks(text).lines() {
        let indent = line.len() - line.trim_start().len();
        let (is_blank, is_item) = (line.trim().is_empty(), line.trim_start().starts_with('-'));
        let is_comment = line.trim_start().starts_with('#');
        if below.is_some_and(|Below { outer, list }| is_blank || indent > outer || list && is_item && indent == outer) {
            continue;
        }
        below = None;
        if value_is_next && !is_blank && !is_comment {
            value_is_next = false;
            below = Some(Below { outer: indent, list: false });
            let item = if is_item { "- " } else { "" };
            out.push_str(&format!("{}{item}{LEFT_OUT}\n", line.get(..indent).unwrap_or_default()));
            continue;
        }
        match cut(line) {
            Some(Cut { option: true, value }) if is_bare(line, value) || is_commented(line, value) => {
                value_is_next = true;
                out.push_str(line);
            }
            Some(Cut { value, .. }) => {
                below = Some(Below { outer: indent, list: !is_item && !is_comment });
                out.push_str(line.get(..value).unwrap_or_default());
                out.push(' ');
                out.push_str(LEFT_OUT);
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// What is left out below a line: all that is further in than this; and where the line begins a list, its items, which YAML
/// lets stand as far out.
#[derive(Clone, Copy)]
struct Below {
    outer: usize,
    list: bool,
}

/// A document: the values of names of secrets, and secrets in texts.
pub(super) fn of_document(document: &mut Value) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                if names_a_secret(name) {
                    *value = LEFT_OUT.into();
                } else {
                    of_document(value);
                }
            }
        }
        Value::Array(values) => {
            let mut value_is_next = false;
            for value in values {
                let is_it = std::mem::replace(&mut value_is_next, value.as_str().is_some_and(ends_in_option));
                if is_it { *value = LEFT_OUT.into() } else { of_document(value) }
            }
        }
        Value::String(text) => {
            let without = of_looks(text);
            *text = match cut(&without) {
                Some(Cut { option: true, value }) if is_bare(&without, value) => without,
                // A sentence or a command with a name and its value.
                Some(Cut { value, .. }) => format!("{} {LEFT_OUT}", without.get(..value).unwrap_or_default()),
                None => without,
            };
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|secret| name.contains(secret))
}

/// Where a line, or a sentence, has to be cut for the secret that it names.
struct Cut {
    /// Where what may be the value begins.
    value: usize,
    /// An option of a command names it: `--password`.
    option: bool,
}

fn cut(line: &str) -> Option<Cut> {
    let option = option(line).map(|value| Cut { value, option: true });
    let named = named(line).map(|value| Cut { value, option: false });
    option.into_iter().chain(named).min_by_key(|cut| cut.value)
}

/// True if nothing stands from there on that could be a value: it comes next.
fn is_bare(text: &str, value: usize) -> bool {
    let rest = text.get(value..).unwrap_or_default();
    rest.chars().all(|c| c.is_whitespace() || "'\",\\".contains(c))
}

/// True if nothing but a comment stands there; what is quoted, or hangs on a word, begins none.
fn is_commented(line: &str, value: usize) -> bool {
    let rest = line.get(value..).unwrap_or_default().trim_start_matches(['\'', '"', ',']);
    rest.starts_with(char::is_whitespace) && rest.trim_start().starts_with('#')
}

fn ends_in_option(text: &str) -> bool {
    cut(text).is_some_and(|Cut { value, option }| option && is_bare(text, value))
}

/// Where the value of the first option that names a secret begins: of a word that begins with `-` or `/`.
fn option(line: &str) -> Option<usize> {
    let is_of_word = |c: char| c.is_alphanumeric() || "-_./".contains(c);
    let mut from = 0;
    while let Some(begin) = line.get(from..)?.find(is_of_word).map(|at| from + at) {
        let word = line.get(begin..)?;
        let word = word.get(..word.find(|c| !is_of_word(c)).unwrap_or(word.len()))?;
        let end = begin + word.len();
        // A path may have a secret's name, too.
        let is_option = word.starts_with('-') || word.starts_with('/') && word.rfind('/') == Some(0);
        if is_option && (names_a_secret(word) || word.trim_start_matches(['-', '/']) == "pass") {
            let joined = line.get(end..)?.starts_with(['=', ':']);
            return Some(end + usize::from(joined));
        }
        from = end;
    }
    None
}

/// Where the value begins of a line that names a secret.
fn named(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let name = NAMES.iter().filter_map(|secret| lower.find(secret)).min()?;
    let separator = lower.get(name..)?.find([':', '='])?;
    Some(name + separator + 1)
}

/// Without what looks like a secret: a key in armour, a name and password before a host.
fn of_looks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(KEY_BEGINS) {
        let (before, key) = rest.split_at(begin);
        out.push_str(before);
        out.push_str(LEFT_OUT);
        // One that does not end takes all of the rest with it.
        rest = key.find(KEY_ENDS).and_then(|end| key.get(end + KEY_ENDS.len()..)).unwrap_or_default();
        rest = rest.split_once("-----").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    let text = std::mem::take(&mut out);
    let mut rest = text.as_str();
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let host = after.find(|c: char| c.is_whitespace() || "/\"'<>,".contains(c)).unwrap_or(after.len());
        let person = after.get(..host).and_then(|host| host.rfind('@'));
        rest = match person {
            Some(end) => {
                out.push_str(LEFT_OUT);
                after.get(end..).unwrap_or_default()
            }
            None => after,
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_goes_by_a_secrets_name_is_left_out_with_all_that_is_below_it() {
        let text = "a: 1\n  dbPassword: hunter2\n  b: 2\nAPI-Token: |\n  hunter2\n\n  hunter2\nc: {x: 1, secret: hunter2}\n# passwd=hunter2\n";
        let without = "a: 1\n  dbPassword: (left out)\n  b: 2\nAPI-Token: (left out)\nc: {x: 1, secret: (left out)\n# passwd= (left out)\n";
        assert_eq!(of_lines(text), without);
    }

    #[test]
    fn what_an_option_gives_away_is_left_out_however_it_is_written() {
        let lines = [
            ("args: [--password, hunter2]\nb: 1", "args: [--password (left out)\nb: 1"),
            ("args: [--pass, hunter2]\nb: 1", "args: [--pass (left out)\nb: 1"),
            ("c: curl -H 'Authorization: Bearer hunter2' x\nb: 1", "c: curl -H 'Authorization: (left out)\nb: 1"),
            ("args: [run, \"--db-password\", \"hunter2\"] # a: b", "args: [run, \"--db-password (left out)"),
            ("args: [--password,\n  hunter2, x]\nb: 1", "args: [--password,\n  (left out)\nb: 1"),
            ("args:\n- --password\n- hunter2\n- x", "args:\n- --password\n- (left out)\n- x"),
            (
                "- '--token' # the key\n\n# it is\n- |\n  hunter2\n- x",
                "- '--token' # the key\n\n# it is\n- (left out)\n- x",
            ),
            ("c: [--password, \"#hunter2\"]\nb: 1", "c: [--password (left out)\nb: 1"),
            ("c: ['--token', ' #hunter2']\nb: 1", "c: ['--token (left out)\nb: 1"),
            ("b: 1\n  # --token hunter2", "b: 1\n  # --token (left out)"),
            ("c: \"--token hunter2\"\nb: 1", "c: \"--token (left out)\nb: 1"),
            ("c: a --password=hunter2 b\n   hunter2\nb: 1", "c: a --password= (left out)\nb: 1"),
            ("c: |\n  a --token \\\n    hunter2\n  b", "c: |\n  a --token \\\n    (left out)\n  b"),
            (
                "c: setup /password hunter2\nf: /etc/http-token\nb: 1",
                "c: setup /password (left out)\nf: /etc/http-token\nb: 1",
            ),
            ("passwords:\n- hunter2\n- hunter2\nb: 1", "passwords: (left out)\nb: 1"),
        ];
        for (text, without) in lines {
            assert_eq!(of_lines(text), format!("{without}\n"));
        }
        let mut document = json!({
            "a": ["run", "--password", "hunter2", "x"], "b": ["--token hunter2", "--password=hunter2"],
            "c": [["a --api-key"], ["--verbose", "x"]], "d": "run --token #hunter2 x", "e": ["--password"],
        });
        of_document(&mut document);
        let without = json!({
            "a": ["run", "--password", "(left out)", "x"], "b": ["--token (left out)", "--password= (left out)"],
            "c": [["a --api-key"], ["--verbose", "x"]], "d": "run --token (left out)", "e": ["--password"],
        });
        assert_eq!(document, without);
    }

    #[test]
    fn what_looks_like_a_secret_is_left_out_wherever_it_stands() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----";
        assert_eq!(of_lines(&format!("k: \"{key}\"\nb: 1\n")), "k: \"(left out)\"\nb: 1\n");
        assert_eq!(of_lines("-----BEGIN PRIVATE KEY-----\nhunter2\n"), "(left out)\n");
        assert_eq!(of_lines("u: https://ann:hunter2@host/a b@c\n"), "u: https://(left out)@host/a b@c\n");
        assert_eq!(of_lines("u: https://host/a@b\n"), "u: https://host/a@b\n");
        let mut document =
            json!({"why": "password: hunter2", "n": [{"token": {"a": "hunter2"}}, "ssh://a:hunter2@b"], "c": 1});
        of_document(&mut document);
        assert_eq!(
            document,
            json!({"why": "password: (left out)", "n": [{"token": "(left out)"}, "ssh://(left out)@b"], "c": 1})
        );
    }
}
