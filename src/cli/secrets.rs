//! Secrets, left out of what leaves the host: by the names that they go by, and by what they look like.
//!
//! Absent on purpose: any claim to know every secret. What a person wrote into a sentence is not found.

use serde_json::Value;

/// What stands in the place of a secret.
pub(super) const LEFT_OUT: &str = "(left out)";

/// A name that contains one of these names a secret.
const NAMES: &[&str] =
    &["password", "passwd", "passphrase", "secret", "token", "credential", "apikey", "api-key", "api_key"];

const KEY_BEGINS: &str = "-----BEGIN";
const KEY_ENDS: &str = "-----END";

/// A text of lines, such as a manifest: of a line that names a secret, what comes after the name is left out, and so are the
/// lines below it that are further in.
pub(super) fn of_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // How far in the line is that names a secret whose lines are being left out.
    let mut below: Option<usize> = None;
    for line in of_looks(text).lines() {
        let indent = line.len() - line.trim_start().len();
        if below.is_some_and(|outer| line.trim().is_empty() || indent > outer) {
            continue;
        }
        below = None;
        match named(line) {
            Some(value) => {
                below = Some(indent);
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
        Value::Array(values) => values.iter_mut().for_each(of_document),
        Value::String(text) => {
            let without = of_looks(text);
            // A sentence with a name and its value.
            *text = match named(&without) {
                Some(value) => format!("{} {LEFT_OUT}", without.get(..value).unwrap_or_default()),
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
