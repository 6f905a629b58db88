//! The documents of a set, by kind and name; what is wrong with them as documents.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::super::diagnostics::{Diagnostic, Severity, did_you_mean, one_of};
use super::super::document::{API_VERSION, APPROVE, Kind, Manifest};
use super::super::resolved::Place;
use super::super::source::{At, Content, MAX_FILE_BYTES, SourceFile};
use super::super::typed::{TypeIssue, typed, words_for_value};
use super::super::yaml::{self, Document, Node};

/// How the names of manifest files end.
pub const MANIFEST_ENDINGS: [&str; 2] = ["yaml", "yml"];

/// Faults of one file that are shown; the rest are counted.
const MAX_SHOWN: usize = 100;

/// A document whose kind and name could be read.
#[derive(Clone)]
pub(super) struct Doc<'f> {
    pub file: &'f SourceFile,
    pub root: Arc<Node>,
    pub kind: Kind,
    pub name: String,
}

/// Why something that is declared cannot be used.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    pub why: String,
    pub place: Place,
}

/// All documents.
pub(super) struct Docs<'f> {
    sound: BTreeMap<(Kind, String), Doc<'f>>,
    broken: BTreeMap<(Kind, String), Missing>,
    /// Broken as YAML and still readable: looked through for what else is wrong, and used for nothing.
    damaged: Vec<Doc<'f>>,
    unreadable: BTreeMap<Arc<str>, Missing>,
}

impl<'f> Doc<'f> {
    /// The value at a path, or the nearest thing on the way to it.
    pub fn value(&self, path: &[&str]) -> At {
        self.file.at(self.root.value_at(path.iter().copied()))
    }

    /// The key at a path, or the nearest thing on the way to it.
    pub fn key(&self, path: &[&str]) -> At {
        self.file.at(self.root.key_at(path.iter().copied()))
    }

    /// Where its name stands.
    pub fn name_at(&self) -> At {
        self.value(&["metadata", "name"])
    }

    /// The line on which it is named.
    pub fn place(&self) -> Place {
        self.name_at().place()
    }

    fn issue(&self, issue: TypeIssue) -> Diagnostic {
        let path: Vec<&str> = issue.path.iter().map(String::as_str).collect();
        let at = if issue.at_key { self.key(&path) } else { self.value(&path) };
        Diagnostic::error(issue.code, issue.message, at, issue.label).maybe_help(issue.help)
    }
}

impl Missing {
    pub fn new(diagnostic: &Diagnostic, otherwise: &Place) -> Self {
        let place = diagnostic.at.as_ref().map_or_else(|| otherwise.clone(), At::place);
        Self { why: diagnostic.message.clone(), place }
    }
}

impl<'f> Docs<'f> {
    /// Reads every file as far as kinds and names.
    pub fn of(files: &'f [SourceFile], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut docs =
            Self { sound: BTreeMap::new(), broken: BTreeMap::new(), damaged: Vec::new(), unreadable: BTreeMap::new() };
        let mut duplicates: BTreeMap<(Kind, String), Vec<At>> = BTreeMap::new();
        for file in files {
            let mut found = Vec::new();
            docs.file(file, &mut found, &mut duplicates);
            let more = found.len().saturating_sub(MAX_SHOWN);
            let last = found.last().and_then(|d| d.at.clone());
            found.truncate(MAX_SHOWN);
            if let Some(at) = last.filter(|_| more > 0) {
                found.push(Diagnostic::error("more", format!("and {more} more like these in {}", file.name), at, ""));
            }
            diagnostics.extend(found);
        }
        for ((kind, name), places) in duplicates {
            let word = kind.word();
            let mut places = places.into_iter();
            let (Some(first), Some(second)) = (places.next(), places.next()) else { continue };
            let message = format!("two documents declare the {word} `{name}`");
            let mut diagnostic = Diagnostic::error("duplicate-document", message, second, "and here")
                .and(first.clone(), "declared here")
                .help("rename or remove one of them; until then neither is used");
            for another in places {
                diagnostic = diagnostic.and(another, "and here");
            }
            docs.break_it(kind, &name, &diagnostic, &first.place());
            diagnostics.push(diagnostic);
        }
        docs
    }

    fn file(
        &mut self,
        file: &'f SourceFile,
        diagnostics: &mut Vec<Diagnostic>,
        duplicates: &mut BTreeMap<(Kind, String), Vec<At>>,
    ) {
        let text = match &file.content {
            Content::Text(text) => text,
            other => {
                let diagnostic = unusable(file, other);
                self.give_up(file, &diagnostic);
                diagnostics.push(diagnostic);
                return;
            }
        };
        let documents = yaml::documents(text);
        if documents.is_empty() {
            let message = format!("{} declares nothing", file.name);
            let diagnostic = Diagnostic::error("empty-file", message, file.at(0..0), "expected at least one document")
                .help("delete the file, or give it another ending than `.yaml`, if that is what you mean");
            self.give_up(file, &diagnostic);
            diagnostics.push(diagnostic);
        }
        for document in documents {
            let before = diagnostics.len();
            for fault in &document.faults {
                diagnostics.push(drawn(file, fault));
            }
            let header = document.root.as_ref().and_then(|root| header(file, root, diagnostics));
            let first = diagnostics.get(before..).unwrap_or_default().iter().find(|d| d.severity == Severity::Error);
            match (header, first) {
                (Some((kind, name)), None) => {
                    let Some(root) = document.root.clone() else { continue };
                    let doc = Doc { file, root, kind, name: name.clone() };
                    let at = doc.name_at();
                    let places = duplicates.entry((kind, name.clone())).or_default();
                    places.push(at);
                    self.sound.insert((kind, name), doc);
                }
                (header, Some(first)) => match header.or_else(|| guess(file, &document)) {
                    Some((kind, name)) => {
                        let at = document.root.as_ref().map(|root| file.at(root.value_at(["metadata", "name"])));
                        duplicates
                            .entry((kind, name.clone()))
                            .or_default()
                            .push(at.unwrap_or_else(|| file.at(document.span.clone())));
                        let missing = Missing::new(first, &Place { file: file.name.clone(), line: 1 });
                        if let Some(root) = document.root.clone() {
                            self.damaged.push(Doc { file, root, kind, name: name.clone() });
                        }
                        self.broken.insert((kind, name), missing);
                    }
                    None => self.give_up(file, &first.clone()),
                },
                (None, None) => {}
            }
        }
    }

    fn give_up(&mut self, file: &SourceFile, diagnostic: &Diagnostic) {
        let missing = Missing::new(diagnostic, &Place { file: file.name.clone(), line: 1 });
        self.unreadable.entry(file.name.clone()).or_insert(missing);
    }

    /// Takes the sound documents of a kind and reads them as their type; those that fail are broken from then on.
    pub fn take<Spec: DeserializeOwned>(
        &mut self,
        kind: Kind,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<(Doc<'f>, Manifest<Spec>)> {
        let chosen: Vec<Doc<'f>> = self.sound.values().filter(|doc| doc.kind == kind).cloned().collect();
        for doc in self.damaged.iter().filter(|doc| doc.kind == kind) {
            let issues = typed::<Manifest<Spec>>(doc.root.to_value()).err().unwrap_or_default();
            diagnostics.extend(issues.into_iter().map(|issue| doc.issue(issue)));
        }
        let mut read = Vec::new();
        for doc in chosen {
            match typed::<Manifest<Spec>>(doc.root.to_value()) {
                Ok(manifest) => {
                    let mut found = Vec::new();
                    check_metadata(&doc, &manifest, &mut found);
                    if let Some(first) = found.first() {
                        self.break_it(kind, &doc.name, first, &doc.place());
                    } else {
                        read.push((doc, manifest));
                    }
                    diagnostics.extend(found);
                }
                Err(issues) => {
                    let found: Vec<Diagnostic> = issues.into_iter().map(|issue| doc.issue(issue)).collect();
                    if let Some(first) = found.first() {
                        self.break_it(kind, &doc.name, first, &doc.place());
                    }
                    diagnostics.extend(found);
                }
            }
        }
        read
    }

    /// Marks a document as broken.
    pub fn break_it(&mut self, kind: Kind, name: &str, why: &Diagnostic, place: &Place) {
        self.sound.remove(&(kind, name.to_owned()));
        self.broken.entry((kind, name.to_owned())).or_insert_with(|| Missing::new(why, place));
    }

    /// Whether a document of this kind and name is there, sound or broken.
    pub fn defines(&self, kind: Kind, name: &str) -> bool {
        let key = (kind, name.to_owned());
        self.sound.contains_key(&key) || self.broken.contains_key(&key)
    }

    /// Why a document that is there cannot be used.
    pub fn why_broken(&self, kind: Kind, name: &str) -> Option<&Missing> {
        self.broken.get(&(kind, name.to_owned()))
    }

    /// All that are broken.
    pub fn broken(&self) -> impl Iterator<Item = (&(Kind, String), &Missing)> {
        self.broken.iter()
    }

    /// Files of which some names could not even be read.
    pub fn unreadable(&self) -> impl Iterator<Item = (&Arc<str>, &Missing)> {
        self.unreadable.iter()
    }

    /// Where each document stands.
    pub fn defined_in(&self) -> BTreeMap<(Kind, String), Arc<str>> {
        let sound = self.sound.iter().map(|(key, doc)| (key.clone(), doc.file.name.clone()));
        sound.chain(self.broken.iter().map(|(key, m)| (key.clone(), m.place.file.clone()))).collect()
    }

    /// The document in which something sound is declared.
    pub fn doc(&self, kind: Kind, name: &str) -> Option<&Doc<'f>> {
        self.sound.get(&(kind, name.to_owned()))
    }

    /// Says that a name is defined nowhere, or, if its document is there and broken, says that without a diagnostic of
    /// its own: what is wrong with it has been said where it stands.
    pub fn unknown<'k>(
        &self,
        kind: Kind,
        name: &str,
        at: At,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> Result<Missing, Diagnostic> {
        if let Some(missing) = self.why_broken(kind, name) {
            let why = format!("it needs the {} `{name}`, which is broken: {}", kind.word(), missing.why);
            return Ok(Missing { why, place: missing.place.clone() });
        }
        let message = format!("there is no {} `{name}`", kind.word());
        let label = match known.clone().count() {
            0 => format!("no {} is declared", kind.word()),
            1 => format!("the only one is {}", one_of(known.clone())),
            2..=8 => format!("known are {}", one_of(known.clone()).replace(" or ", " and ")),
            many => format!("not among the {many} that are known"),
        };
        let mut diagnostic =
            Diagnostic::error("unknown-name", message, at, label).maybe_help(did_you_mean(name, known));
        for (file, _) in self.unreadable() {
            diagnostic = diagnostic.help(format!("{file} cannot be read and may declare it"));
        }
        Err(diagnostic)
    }
}

fn drawn(file: &SourceFile, fault: &yaml::Fault) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::error(fault.code, fault.message.clone(), file.at(fault.span.clone()), fault.label.clone())
            .maybe_help(fault.help.map(str::to_owned));
    if let Some((span, label)) = &fault.other {
        diagnostic = diagnostic.and(file.at(span.clone()), *label);
    }
    diagnostic
}

fn unusable(file: &SourceFile, content: &Content) -> Diagnostic {
    let at = file.at(0..0);
    match content {
        Content::NotUtf8 { at, byte, .. } => {
            let place = file.at(*at..*at + '\u{fffd}'.len_utf8());
            let message = format!("{} is not UTF-8", file.name);
            Diagnostic::error("not-utf-8", message, place, format!("the first wrong byte is 0x{byte:02X}"))
                .help("save the file as UTF-8")
        }
        Content::TooLarge { bytes } => {
            let mib = MAX_FILE_BYTES / 1024 / 1024;
            let message = format!("{} has {bytes} bytes; a manifest may have at most {mib} MiB", file.name);
            Diagnostic::error("too-large", message, at, "").help("split it into several files")
        }
        Content::Unreadable { why } => {
            Diagnostic::error("unreadable", format!("{} cannot be read: {why}", file.name), at, "")
        }
        Content::Text(_) => Diagnostic::error("unreadable", format!("{} cannot be used", file.name), at, ""),
    }
}

/// Kind and name, if they can be told; says what is wrong with them otherwise.
fn header(file: &SourceFile, root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(Kind, String)> {
    let whole = || file.at(root.span.clone());
    if !matches!(root.data, yaml::Data::Mapping(_)) {
        let label = "expected `apiVersion:`, `kind:`, `metadata:` and `spec:`";
        diagnostics.push(Diagnostic::error("wrong-type", "this document is no mapping", whole(), label));
        return None;
    }
    let api_at = file.at(root.value_at(["apiVersion"]));
    match root.text_at(["apiVersion"]) {
        Some(API_VERSION) => {}
        Some(other) => {
            let message = format!("unknown apiVersion `{other}`");
            let label = format!("expected `{API_VERSION}`");
            diagnostics.push(Diagnostic::error("unknown-api-version", message, api_at, label));
        }
        None => {
            let label = format!("expected `apiVersion: {API_VERSION}` in this document");
            diagnostics.push(Diagnostic::error("missing-key", "the key `apiVersion` is missing", api_at, label));
        }
    }
    let kind = match root.text_at(["kind"]) {
        Some(word) => Kind::from_word(word).or_else(|| {
            let words = || Kind::ALL.into_iter().map(Kind::word);
            let at = file.at(root.value_at(["kind"]));
            let label = format!("expected {}", one_of(words()));
            let message = format!("unknown kind `{word}`");
            let diagnostic = Diagnostic::error("unknown-kind", message, at, label);
            diagnostics.push(diagnostic.maybe_help(did_you_mean(word, words())));
            None
        }),
        None => {
            let label = "expected `kind:` in this document";
            diagnostics.push(Diagnostic::error("missing-key", "the key `kind` is missing", whole(), label));
            None
        }
    };
    let name = root.text_at(["metadata", "name"]).map(str::to_owned);
    if name.is_none() && kind.is_some() {
        let found =
            root.get("metadata").and_then(|(_, metadata)| metadata.get("name").map(|(_, name)| name.to_value()));
        let at = file.at(root.value_at(["metadata", "name"]));
        diagnostics.push(match found {
            None => {
                let label = "expected `metadata: {name: …}` in this document";
                Diagnostic::error("missing-key", "the key `metadata.name` is missing", at, label)
            }
            Some(other) => {
                let message = format!("`name` is {}", words_for_value(&other));
                Diagnostic::error("wrong-type", message, at, "expected a text")
                    .help("put it in quotes to make it a text")
            }
        });
    }
    Some((kind?, name?))
}

/// Kind and name of a document that is no YAML, as a person would read them off its first lines: only to tell which
/// cluster is broken.
fn guess(file: &SourceFile, document: &Document) -> Option<(Kind, String)> {
    let text = file.shown().get(document.span.clone())?;
    let value = |line: &str, key: &str| -> Option<String> {
        let (_, rest) = line.split_once(key)?;
        let word = rest.trim_start().split([' ', ',', '}', '#', '\r']).next()?.trim_matches(['"', '\'']);
        (!word.is_empty()).then(|| word.to_owned())
    };
    let mut lines = text.lines().take(40);
    let kind = lines.clone().find(|l| l.starts_with("kind:")).and_then(|l| Kind::from_word(&value(l, "kind:")?))?;
    lines
        .find(|l| l.starts_with("metadata:"))
        .and_then(|metadata| {
            let on_the_line = value(metadata, "name:");
            on_the_line.or_else(|| lines.find(|l| l.trim_start().starts_with("name:")).and_then(|l| value(l, "name:")))
        })
        .map(|name| (kind, name))
}

fn check_metadata<Spec>(doc: &Doc<'_>, manifest: &Manifest<Spec>, diagnostics: &mut Vec<Diagnostic>) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let name = &manifest.metadata.name;
    if name.is_empty() || name.len() > 253 || !name.chars().all(allowed) {
        let message = format!("`{name}` cannot be a name");
        let label = "expected letters, digits, `-`, `_`, `.` and `+`, at most 253 of them";
        diagnostics.push(Diagnostic::error("bad-name", message, doc.name_at(), label));
    }
    for key in manifest.metadata.annotations.keys() {
        let at = || doc.key(&["metadata", "annotations", key]);
        if key.starts_with("rollward/") && key != APPROVE {
            let diagnostic = Diagnostic::error(
                "unknown-key",
                format!("unknown annotation `{key}`"),
                at(),
                format!("expected `{APPROVE}`"),
            );
            diagnostics.push(diagnostic.maybe_help(did_you_mean(key, [APPROVE])));
        } else if key == APPROVE && doc.kind != Kind::Cluster {
            let label = "only a Cluster is approved";
            diagnostics.push(Diagnostic::error(
                "unknown-key",
                format!("`{APPROVE}` on a {}", doc.kind.word()),
                at(),
                label,
            ));
        }
    }
}

/// The bytes of a value inside a part of a document, by a JSON pointer relative to it.
pub(super) fn inside(root: &Node, base: &[&str], pointer: &str) -> Range<usize> {
    let steps = super::super::typed::path_of(pointer);
    root.value_at(base.iter().copied().chain(steps.iter().map(String::as_str)))
}
