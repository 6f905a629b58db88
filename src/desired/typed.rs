//! From a value without types to a type, with every fault and not only the first.
//!
//! A fault is noted, what is at fault is taken out, and the rest is read again. Faults that only follow from what was
//! taken out are not noted.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::diagnostics::{did_you_mean, one_of};

/// Faults that are noted of one value before giving up.
const MAX_ISSUES: usize = 20;

/// One thing wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeIssue {
    /// A stable word for it.
    pub code: &'static str,
    /// Where: keys and indices.
    pub path: Vec<String>,
    /// Whether it is the key that is at fault, not the value.
    pub at_key: bool,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl TypeIssue {
    /// The path as a JSON pointer.
    pub fn pointer(&self) -> String {
        pointer(self.path.iter().map(String::as_str))
    }
}

/// Keys and indices as a JSON pointer.
pub fn pointer<'a>(path: impl IntoIterator<Item = &'a str>) -> String {
    path.into_iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect()
}

/// A JSON pointer as keys and indices.
pub fn path_of(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// Reads a value as a type.
///
/// # Errors
/// All that is wrong with it; never empty.
pub fn typed<T: DeserializeOwned>(mut value: Value) -> Result<T, Vec<TypeIssue>> {
    let mut issues: Vec<TypeIssue> = Vec::new();
    let mut taken = Taken::default();
    while issues.len() < MAX_ISSUES {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(read) if issues.is_empty() => return Ok(read),
            Ok(_) => return Err(issues),
            Err(error) => error,
        };
        let path = steps(error.path());
        let (issue, mut out) = describe(&error.inner().to_string(), &path, &value);
        let original = taken.original(&issue.path);
        let misspelt = |i: &TypeIssue| {
            let (Some((wrong, beside)), Some((right, here))) = (i.path.split_last(), original.split_last()) else {
                return false;
            };
            i.code == "unknown-key" && here == beside && did_you_mean(wrong, [right.as_str()]) == i.help
        };
        if taken.out.contains(&original) || (issue.code == "missing-key" && issues.iter().any(misspelt)) {
            // It is missing because we took it out, or because it is misspelt: take out what cannot do without it.
            out = path;
        } else {
            issues.push(TypeIssue { path: original, ..issue });
        }
        if !taken.take(&mut value, &out) {
            return Err(issues);
        }
    }
    Err(issues)
}

/// What was taken out so far, by its path in the value as it was.
#[derive(Default)]
struct Taken {
    out: BTreeSet<Vec<String>>,
    /// For each list from which something was taken, where its remaining items were.
    lists: BTreeMap<Vec<String>, Vec<usize>>,
}

impl Taken {
    /// The path in the value as it was.
    fn original(&self, path: &[String]) -> Vec<String> {
        let mut original: Vec<String> = Vec::with_capacity(path.len());
        for step in path {
            let moved = self
                .lists
                .get(&original)
                .and_then(|items| items.get(step.parse::<usize>().ok()?))
                .map(ToString::to_string);
            original.push(moved.unwrap_or_else(|| step.clone()));
        }
        original
    }

    /// Takes out what is at a path; false if that is the whole value or there is nothing.
    fn take(&mut self, value: &mut Value, path: &[String]) -> bool {
        let Some((last, parents)) = path.split_last() else { return false };
        let original = self.original(path);
        let Some(parent) = value.pointer_mut(&pointer(parents.iter().map(String::as_str))) else { return false };
        let found = match parent {
            Value::Object(map) => map.remove(last).is_some(),
            Value::Array(items) => match last.parse::<usize>() {
                Ok(index) if index < items.len() => {
                    let list = self.original(parents);
                    let remaining = self.lists.entry(list).or_insert_with(|| (0..items.len()).collect());
                    items.remove(index);
                    if index < remaining.len() {
                        remaining.remove(index);
                    }
                    true
                }
                _ => false,
            },
            _ => false,
        };
        self.out.insert(original);
        found
    }
}

fn steps(path: &serde_path_to_error::Path) -> Vec<String> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// Puts serde's words into ours. Also says what to take out before going on.
fn describe(error: &str, path: &[String], value: &Value) -> (TypeIssue, Vec<String>) {
    let quoted = |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let found = value.pointer(&pointer(path.iter().map(String::as_str)));
    let mut issue = TypeIssue {
        code: "wrong-value",
        path: path.to_vec(),
        at_key: false,
        message: error.to_owned(),
        label: String::new(),
        help: None,
    };
    if error.starts_with("unknown field ") {
        let mut names = quoted(error).into_iter();
        let name = names.next().unwrap_or_default();
        let known: Vec<String> = names.collect();
        if path.last() != Some(&name) {
            issue.path.push(name.clone());
        }
        issue.code = "unknown-key";
        issue.at_key = true;
        issue.message = format!("unknown key `{name}`");
        issue.label = match known.as_slice() {
            [] => "expected no key here".to_owned(),
            known => format!("expected {}", one_of(known.iter().map(String::as_str))),
        };
        issue.help = if name == "<<" {
            Some("merge keys are not used in manifests: write the keys out".to_owned())
        } else {
            did_you_mean(&name, known.iter().map(String::as_str))
        };
        let out = issue.path.clone();
        return (issue, out);
    }
    if error.starts_with("missing field ") {
        let name = quoted(error).into_iter().next().unwrap_or_default();
        issue.code = "missing-key";
        issue.at_key = true;
        issue.message = format!("the key `{name}` is missing");
        issue.label = format!("expected `{name}:` in it");
        issue.path.push(name);
        return (issue, path.to_vec());
    }
    if error.starts_with("unknown variant ") {
        let mut names = quoted(error).into_iter();
        let name = names.next().unwrap_or_default();
        let known: Vec<String> = names.collect();
        let key = path.iter().rev().find(|k| k.parse::<usize>().is_err());
        let key = key.map(|k| format!(" of `{k}`")).unwrap_or_default();
        issue.message = format!("unknown value `{name}`{key}");
        issue.label = format!("expected {}", one_of(known.iter().map(String::as_str)));
        issue.help = did_you_mean(&name, known.iter().map(String::as_str));
        return (issue, path.to_vec());
    }
    if let Some(expected) = error.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected ")) {
        let expected = words_for_type(expected.1);
        let found = found.map_or_else(|| expected.clone(), words_for_value);
        issue.code = "wrong-type";
        issue.message = match path.last().filter(|k| k.parse::<usize>().is_err()) {
            Some(key) => format!("`{key}` is {found}"),
            None => format!("this is {found}"),
        };
        issue.label = format!("expected {expected}");
        if expected == "a text" && !found.starts_with("a list") && !found.starts_with("a mapping") && found != "empty" {
            issue.help = Some("put it in quotes to make it a text".to_owned());
        }
        return (issue, path.to_vec());
    }
    if let Some((found, expected)) =
        error.strip_prefix("invalid value: ").and_then(|rest| rest.split_once(", expected "))
    {
        let found = found.strip_prefix("string ").or_else(|| found.strip_prefix("integer ")).unwrap_or(found);
        issue.message = format!("{} is not valid here", found.replace('"', "`"));
        issue.label = format!("expected {}", words_for_type(expected));
        return (issue, path.to_vec());
    }
    // Our own types say `what is wrong; what was expected`.
    if let Some((message, label)) = error.split_once("; ") {
        issue.message = message.to_owned();
        issue.label = label.to_owned();
    }
    (issue, path.to_vec())
}

pub(super) fn words_for_value(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Bool(b) => format!("the boolean {b}"),
        Value::Number(n) => format!("the number {n}"),
        Value::String(s) if s.chars().count() <= 40 => format!("the text `{s}`"),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn words_for_type(expected: &str) -> String {
    match expected {
        "a string" | "a borrowed string" => "a text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        other if other.starts_with("struct ") || other.starts_with("internally tagged enum") => "a mapping".to_owned(),
        "string or map" => "one of its words".to_owned(),
        other if other.starts_with("enum ") => "one of its words".to_owned(),
        other => other.to_owned(),
    }
}
