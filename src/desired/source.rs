//! The text of a manifest file, however it was got at.
//!
//! Absent on purpose: opening files. [`crate::sources`] does that.

use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::model::hex;

/// A file above this size is refused: a fleet of 5,000 clusters needs about half of it.
pub const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// One file of a set of manifests.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path, as it was named or found. Messages show it, and package paths are relative to its folder.
    pub name: Arc<str>,
    /// What was in it.
    pub content: Content,
    /// SHA-256 of its bytes in lower-case hexadecimal; of the reason, if it could not be read.
    pub hash: Arc<str>,
    /// Where each line begins, in bytes.
    lines: Arc<[usize]>,
}

/// What was in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text(Arc<str>),
    /// Bytes that are no UTF-8: the text with every wrong byte replaced, and the place of the first.
    NotUtf8 {
        /// For drawing.
        shown: Arc<str>,
        /// Where, in `shown`.
        at: usize,
        /// The first wrong byte.
        byte: u8,
    },
    /// More than [`MAX_FILE_BYTES`].
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// It could not be read.
    Unreadable {
        /// Why, in the system's words.
        why: String,
    },
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct At {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters, from 1.
    pub column: u32,
    /// First byte.
    #[serde(skip)]
    pub start: usize,
    /// First byte after it.
    #[serde(skip)]
    pub end: usize,
}

impl At {
    /// The line of it.
    pub fn place(&self) -> super::Place {
        super::Place { file: self.file.clone(), line: self.line }
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl SourceFile {
    /// A file with these bytes.
    pub fn from_bytes(name: impl Into<Arc<str>>, bytes: &[u8]) -> Self {
        let hash = hex(&Sha256::digest(bytes));
        let size = bytes.len() as u64;
        let content = if size > MAX_FILE_BYTES {
            Content::TooLarge { bytes: size }
        } else {
            match std::str::from_utf8(bytes) {
                Ok(text) => Content::Text(text.into()),
                Err(error) => Content::NotUtf8 {
                    shown: String::from_utf8_lossy(bytes).into(),
                    at: error.valid_up_to(),
                    byte: bytes.get(error.valid_up_to()).copied().unwrap_or_default(),
                },
            }
        };
        Self::new(name.into(), content, hash)
    }

    /// A file that is larger than is read at all.
    pub fn too_large(name: impl Into<Arc<str>>, bytes: u64) -> Self {
        let hash = hex(&Sha256::digest(format!("too large: {bytes}")));
        Self::new(name.into(), Content::TooLarge { bytes }, hash)
    }

    /// A file that could not be read.
    pub fn unreadable(name: impl Into<Arc<str>>, why: impl Into<String>) -> Self {
        let why = why.into();
        let hash = hex(&Sha256::digest(format!("unreadable: {why}")));
        Self::new(name.into(), Content::Unreadable { why }, hash)
    }

    fn new(name: Arc<str>, content: Content, hash: String) -> Self {
        let text = match &content {
            Content::Text(text) | Content::NotUtf8 { shown: text, .. } => &**text,
            Content::TooLarge { .. } | Content::Unreadable { .. } => "",
        };
        let begins = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        let lines = std::iter::once(0).chain(begins).collect();
        Self { name, content, hash: hash.into(), lines }
    }

    /// The text that can be drawn; empty if there is none.
    pub fn shown(&self) -> &str {
        match &self.content {
            Content::Text(text) | Content::NotUtf8 { shown: text, .. } => text,
            Content::TooLarge { .. } | Content::Unreadable { .. } => "",
        }
    }

    /// A span of bytes as a place. A span over several lines is cut at the end of its first.
    pub fn at(&self, span: Range<usize>) -> At {
        let text = self.shown();
        let start = floor(text, span.start);
        let line = self.lines.partition_point(|begin| *begin <= start).max(1);
        let begin = self.lines.get(line - 1).copied().unwrap_or_default();
        let line_end = self.lines.get(line).map_or(text.len(), |next| next - 1);
        let mut end = floor(text, span.end.min(line_end)).max(start);
        // Neither blanks nor a comment behind a value belong to it.
        let drawn = text.get(start..end).unwrap_or_default();
        end = start + drawn.trim_end().len();
        let column = text.get(begin..start).unwrap_or_default().chars().count() + 1;
        At {
            file: self.name.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            start,
            end,
        }
    }

    /// The bytes of the lines from `first` to `last`, both from 1.
    pub fn line_range(&self, first: u32, last: u32) -> Range<usize> {
        let begin = |line: u32| self.lines.get((line as usize).saturating_sub(1)).copied();
        let end = begin(last.saturating_add(1)).unwrap_or(self.shown().len());
        begin(first).unwrap_or_default().min(end)..end
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
