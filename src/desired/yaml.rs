//! From text to documents: the only place that knows YAML.
//!
//! A stream is cut at its document markers first, so that a fault in one document loses no other. Each document
//! becomes a tree in which every key and value knows its bytes. Nothing here recurses deeper than [`MAX_DEPTH`], and
//! what an alias costs is counted before it is paid.
//!
//! YAML 1.2: `no`, `on` and `01:00` are texts, not booleans or numbers. Absent on purpose: tags, merge keys, directives.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, Span};
use serde_json::Value;

/// Levels of nesting in a document. Manifests need eight.
pub const MAX_DEPTH: usize = 64;
/// Values in a file, counting every use of an alias. A file of the greatest size that is not built to hurt has fewer.
const MAX_VALUES: usize = 500_000;
/// Documents in a file.
const MAX_DOCUMENTS: usize = 20_000;

/// One document of a stream.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its bytes in the file.
    pub span: Range<usize>,
    /// Its tree, as far as it could be read.
    pub root: Option<Arc<Node>>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a document as YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A stable word for it.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Range<usize>,
    /// What stands under the line.
    pub label: String,
    /// Another place that belongs to it.
    pub other: Option<(Range<usize>, &'static str)>,
    /// What to do.
    pub help: Option<&'static str>,
}

/// A value with its place.
#[derive(Debug)]
pub struct Node {
    /// Its bytes in the file. An alias has those of its anchor.
    pub span: Range<usize>,
    /// The value.
    pub data: Data,
    /// It and all that is in it, counted.
    values: usize,
}

/// A value.
#[derive(Debug)]
pub enum Data {
    /// Null, a boolean, a number or a text.
    Scalar(Value),
    /// A list.
    Sequence(Vec<Arc<Node>>),
    /// Keys and values, in the order of the text, without those whose key came before.
    Mapping(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// The key's bytes in the file.
    pub span: Range<usize>,
    /// The value.
    pub value: Arc<Node>,
}

impl Node {
    /// The value under a key of a mapping, or at an index of a sequence.
    pub fn get(&self, step: &str) -> Option<(Option<&Range<usize>>, &Arc<Node>)> {
        match &self.data {
            Data::Scalar(_) => None,
            Data::Sequence(items) => Some((None, items.get(step.parse::<usize>().ok()?)?)),
            Data::Mapping(entries) => entries.iter().find(|e| e.key == step).map(|e| (Some(&e.span), &e.value)),
        }
    }

    /// The bytes of the value at a path, or of the nearest thing on the way that exists.
    pub fn value_at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Range<usize> {
        let (mut node, mut span) = (self, self.span.clone());
        for step in path {
            let Some((key, value)) = node.get(step) else { break };
            // A mapping or a list is shown by its key; it is too long to draw.
            span = match (&value.data, key) {
                (Data::Scalar(Value::Null) | Data::Sequence(_) | Data::Mapping(_), Some(key)) => key.clone(),
                _ => value.span.clone(),
            };
            node = value;
        }
        span
    }

    /// The bytes of the key at a path, or of the nearest thing on the way that exists.
    pub fn key_at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Range<usize> {
        let (mut node, mut span) = (self, self.span.clone());
        for step in path {
            let Some((key, value)) = node.get(step) else { break };
            span = key.unwrap_or(&value.span).clone();
            node = value;
        }
        span
    }

    /// The text at a path, if there is one.
    pub fn text_at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&str> {
        let mut node = self;
        for step in path {
            node = node.get(step)?.1;
        }
        match &node.data {
            Data::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The tree without places.
    pub fn to_value(&self) -> Value {
        match &self.data {
            Data::Scalar(value) => value.clone(),
            Data::Sequence(items) => Value::Array(items.iter().map(|i| i.to_value()).collect()),
            Data::Mapping(entries) => {
                Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_value())).collect())
            }
        }
    }

    /// How many values there are in it, itself included.
    pub fn values(&self) -> usize {
        self.values
    }
}

/// Reads every document of a file. Empty ones are left out.
pub fn documents(text: &str) -> Vec<Document> {
    let mut budget = MAX_VALUES;
    let mut read = Vec::new();
    for span in chunks(text) {
        let chunk = text.get(span.clone()).unwrap_or_default();
        if is_empty(chunk) {
            continue;
        }
        if read.len() == MAX_DOCUMENTS {
            let message = format!("more than {MAX_DOCUMENTS} documents in one file");
            let fault = Fault::new("too-many-values", message, span.clone(), "the rest is not read");
            read.push(Document { span, root: None, faults: vec![fault] });
            break;
        }
        read.push(document(chunk, span, &mut budget));
        if budget == 0 {
            break;
        }
    }
    read
}

/// Cuts a stream where a line begins with a document marker. YAML forbids such a line inside any value.
fn chunks(text: &str) -> impl Iterator<Item = Range<usize>> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let is_marker = |line: &str, marker: &str| {
        line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    };
    let mut cuts = vec![start];
    let mut at = start;
    for line in text.get(start..).unwrap_or_default().split_inclusive('\n') {
        if is_marker(line, "---") {
            cuts.push(at);
        } else if is_marker(line, "...") {
            cuts.push(at + line.len());
        }
        at += line.len();
    }
    cuts.push(text.len());
    let ends: Vec<usize> = cuts.iter().skip(1).copied().collect();
    cuts.into_iter().zip(ends).map(|(from, to)| from..to)
}

/// True if there is nothing but blanks, comments, markers and directives.
fn is_empty(chunk: &str) -> bool {
    chunk.lines().all(|line| {
        let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("...")).unwrap_or(line).trim();
        rest.is_empty() || rest.starts_with('#') || line.starts_with('%')
    })
}

impl Fault {
    fn new(code: &'static str, message: impl Into<String>, span: Range<usize>, label: impl Into<String>) -> Self {
        Self { code, message: message.into(), span, label: label.into(), other: None, help: None }
    }
}

/// Reads one document. Its text begins at `span.start` in the file.
fn document(chunk: &str, span: Range<usize>, budget: &mut usize) -> Document {
    if let Some((at, c)) = chunk.char_indices().find(|(_, c)| is_forbidden(*c)) {
        let place = span.start + at..span.start + at + c.len_utf8();
        let message = format!("control character U+{:04X}", u32::from(c));
        let fault = Fault::new("control-character", message, place, "YAML allows none but tab and line end");
        return Document { span, root: None, faults: vec![fault] };
    }
    let mut builder = Builder {
        bytes: Bytes::of(chunk, span.start),
        budget,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        root: None,
        faults: Vec::new(),
    };
    let result = builder.run(chunk);
    let Builder { root, mut faults, .. } = builder;
    let root = match result {
        Ok(()) => root,
        Err(fault) => {
            faults.push(explain_tab(fault, chunk, span.start));
            None
        }
    };
    Document { span, root, faults }
}

fn is_forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
}

/// Written as a whole number.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// A whole number that the parser could not keep whole.
fn large(text: &str, range: &Range<usize>) -> Result<Value, Fault> {
    text.parse::<u64>().map(Value::from).map_err(|_| {
        let what = format!("{text} is too large a number");
        let expected = format!("expected at most {}, and at least {}; or quotes, if it is a text", u64::MAX, i64::MIN);
        Fault::new("not-yaml", what, range.clone(), expected)
    })
}

/// A tab in the indentation is the usual reason for an error on its line, and no parser says so plainly.
fn explain_tab(fault: Fault, chunk: &str, offset: usize) -> Fault {
    let at = fault.span.start.saturating_sub(offset).min(chunk.len());
    let upto = chunk.get(..at).unwrap_or_default();
    let line = upto.rfind('\n').map_or(0, |i| i + 1);
    // The parser may only notice on the line after.
    let before = upto.get(..line.saturating_sub(1)).and_then(|t| t.rfind('\n')).map_or(0, |i| i + 1);
    for begin in [line, before] {
        let rest = chunk.get(begin..).unwrap_or_default();
        let indent: &str = rest.get(..rest.len() - rest.trim_start_matches([' ', '\t']).len()).unwrap_or_default();
        if let Some(tab) = indent.find('\t') {
            let place = offset + begin + tab..offset + begin + tab + 1;
            let label = "indentation is spaces only";
            let mut fault = Fault::new("tab", "a tab in the indentation", place, label);
            fault.help = Some("replace the tab by spaces, as many as the lines beside it have");
            return fault;
        }
    }
    fault
}

/// Turns the parser's positions, which count characters, into bytes of the file.
struct Bytes {
    offset: usize,
    table: Option<Vec<usize>>,
    len: usize,
}

impl Bytes {
    fn of(chunk: &str, offset: usize) -> Self {
        let table = (!chunk.is_ascii()).then(|| chunk.char_indices().map(|(i, _)| i).collect());
        Self { offset, table, len: chunk.len() }
    }

    fn at(&self, index: usize) -> usize {
        let byte = match &self.table {
            None => index,
            Some(table) => table.get(index).copied().unwrap_or(self.len),
        };
        self.offset + byte.min(self.len)
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let start = self.at(span.start.index());
        start..self.at(span.end.index()).max(start)
    }
}

/// A collection that has not ended.
struct Open {
    start: usize,
    anchor: usize,
    data: Data,
    /// In a mapping: the key whose value comes next, and whether it came before.
    key: Option<(String, Range<usize>, bool)>,
    /// In a mapping: where each key stands.
    seen: BTreeMap<String, Range<usize>>,
    values: usize,
}

struct Builder<'b> {
    bytes: Bytes,
    budget: &'b mut usize,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Arc<Node>>,
    root: Option<Arc<Node>>,
    faults: Vec<Fault>,
}

impl Builder<'_> {
    /// Takes the parser's events one at a time; they come from no recursion.
    fn run(&mut self, chunk: &str) -> Result<(), Fault> {
        let mut parser = Parser::new_from_str(chunk);
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|error| {
                let at = self.bytes.at(error.marker().index());
                if error.info().contains("recursion limit") {
                    return too_deep(at..at);
                }
                Fault::new("not-yaml", "this is not YAML", at..at, error.info())
            })?;
            self.event(event, &span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Fault> {
        let range = self.bytes.range(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.pay(1, &range)?;
                let known = tag.as_ref().is_none_or(|t| t.is_yaml_core_schema());
                let scalar = known.then(|| Scalar::parse_from_cow_and_metadata(text.clone(), style, tag.as_ref()));
                let value = match scalar.flatten() {
                    Some(Scalar::Null) => Some(Value::Null),
                    Some(Scalar::Boolean(b)) => Some(Value::Bool(b)),
                    Some(Scalar::Integer(i)) => Some(Value::from(i)),
                    Some(Scalar::FloatingPoint(_)) if is_whole(&text) => Some(large(&text, &range)?),
                    Some(Scalar::FloatingPoint(f)) => serde_json::Number::from_f64(f.into_inner()).map(Value::Number),
                    Some(Scalar::String(s)) => Some(Value::String(s.into_owned())),
                    None => return Err(tag_fault(range)),
                };
                let value = value.ok_or_else(|| {
                    Fault::new("not-yaml", "this is no number", range.clone(), "expected a finite number")
                })?;
                let node = Arc::new(Node { span: range, data: Data::Scalar(value), values: 1 });
                // The text of a key is taken as it stands: a node may be called `1` or `null`.
                self.add(node, anchor, Some(text.into_owned()))
            }
            Event::SequenceStart(_, Some(tag)) | Event::MappingStart(_, Some(tag)) if !tag.is_yaml_core_schema() => {
                Err(tag_fault(range))
            }
            Event::SequenceStart(anchor, _) => self.begin(range, anchor, Data::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(range, anchor, Data::Mapping(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(done) = self.open.pop() else { return Ok(()) };
                let node = Node { span: done.start..range.end.max(done.start), data: done.data, values: done.values };
                self.add(Arc::new(node), done.anchor, None)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    // The only anchor that is known to the parser and not to us is one that has not ended.
                    return Err(Fault::new("alias", "an alias inside its own anchor", range, "it would never end"));
                };
                self.pay(node.values, &range)?;
                let text = match &node.data {
                    Data::Scalar(Value::String(text)) => Some(text.clone()),
                    _ => None,
                };
                self.add(node, 0, text)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn pay(&mut self, values: usize, at: &Range<usize>) -> Result<(), Fault> {
        match self.budget.checked_sub(values) {
            Some(left) if left > 0 => {
                *self.budget = left;
                Ok(())
            }
            _ => {
                *self.budget = 0;
                let message = format!("more than {MAX_VALUES} values in one file");
                let mut fault = Fault::new("too-many-values", message, at.clone(), "the rest is not read");
                fault.help = Some("every use of an alias counts as all that it stands for; or split the file");
                Err(fault)
            }
        }
    }

    fn begin(&mut self, range: Range<usize>, anchor: usize, data: Data) -> Result<(), Fault> {
        self.pay(1, &range)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(range));
        }
        let start = range.start;
        self.open.push(Open { start, anchor, data, key: None, seen: BTreeMap::new(), values: 1 });
        Ok(())
    }

    /// Puts a finished node where it belongs: the root, a list, a key or a value.
    fn add(&mut self, node: Arc<Node>, anchor: usize, text: Option<String>) -> Result<(), Fault> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.values += node.values;
        match &mut open.data {
            Data::Scalar(_) => {}
            Data::Sequence(items) => items.push(node),
            Data::Mapping(entries) => match open.key.take() {
                Some((_, _, true)) => {} // It came before; that has been said.
                Some((key, span, false)) => entries.push(Entry { key, span, value: node }),
                None => {
                    let Some(key) = text else {
                        let label = "expected a text as the key";
                        return Err(Fault::new("not-yaml", "a key that is no text", node.span.clone(), label));
                    };
                    let span = node.span.clone();
                    let first = open.seen.get(&key).cloned();
                    if let Some(first) = &first {
                        let message = format!("the key `{key}` stands here twice");
                        let mut fault = Fault::new("duplicate-key", message, span.clone(), "a second time");
                        fault.other = Some((first.clone(), "first here"));
                        fault.help = Some("keep one of the two");
                        self.faults.push(fault);
                    } else {
                        open.seen.insert(key.clone(), span.clone());
                    }
                    open.key = Some((key, span, first.is_some()));
                }
            },
        }
        Ok(())
    }
}

fn tag_fault(range: Range<usize>) -> Fault {
    Fault::new("not-yaml", "a tag that is not used in manifests", range, "write the value without `!`")
}

fn too_deep(range: Range<usize>) -> Fault {
    Fault::new("too-deep", format!("nested more than {MAX_DEPTH} levels deep"), range, "this is one level too many")
}
