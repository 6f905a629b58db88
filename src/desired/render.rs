//! Draws diagnostics: the place, the line, what was expected, what to do.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::diagnostics::{Diagnostic, Severity};
use super::source::{At, SourceFile};

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// No escape codes.
    Plain,
    /// For a terminal.
    Coloured,
}

/// Draws all of them, one after the other, each ending in a newline and with an empty line between.
pub fn render(diagnostics: &[Diagnostic], files: &[SourceFile], style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let drawn: Vec<String> = diagnostics.iter().map(|d| renderer.render(&[group(d, files)]) + "\n").collect();
    drawn.join("\n")
}

fn group<'a>(diagnostic: &'a Diagnostic, files: &'a [SourceFile]) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&*diagnostic.message).id(diagnostic.code));
    let primary = diagnostic.at.as_ref().map(|at| Mark { at, label: &diagnostic.label, primary: true });
    let others = diagnostic.related.iter().map(|r| Mark { at: &r.at, label: &r.label, primary: false });
    for marks in by_snippet(primary.into_iter().chain(others).collect()) {
        match marks.first().and_then(|m| files.iter().find(|f| f.name == m.at.file)) {
            Some(file) if !file.shown().is_empty() => group = group.element(snippet(file, &marks)),
            // Nothing to draw: name the file all the same.
            _ => {
                for mark in &marks {
                    group = group.element(annotate_snippets::Origin::path(&*mark.at.file));
                }
            }
        }
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(&**help));
    }
    group
}

struct Mark<'a> {
    at: &'a At,
    label: &'a str,
    primary: bool,
}

/// Marks that are drawn together: those of one file that are not too far apart.
fn by_snippet(marks: Vec<Mark<'_>>) -> Vec<Vec<Mark<'_>>> {
    let mut snippets: Vec<Vec<Mark<'_>>> = Vec::new();
    for mark in marks {
        let near = |m: &Mark<'_>| m.at.file == mark.at.file && m.at.line.abs_diff(mark.at.line) < 200;
        match snippets.iter_mut().find(|s| s.iter().any(near)) {
            Some(snippet) => snippet.push(mark),
            None => snippets.push(vec![mark]),
        }
    }
    snippets
}

/// Only the lines that are needed are handed over: the renderer's time grows with the text.
fn snippet<'a>(file: &'a SourceFile, marks: &[Mark<'a>]) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let first = marks.iter().map(|m| m.at.line).min().unwrap_or(1);
    let last = marks.iter().map(|m| m.at.line).max().unwrap_or(1);
    let range = file.line_range(first, last);
    let text = file.shown().get(range.clone()).unwrap_or_default();
    let annotations = marks.iter().map(|mark| {
        let clip = |at: usize| at.saturating_sub(range.start).min(text.len());
        let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        kind.span(clip(mark.at.start)..clip(mark.at.end)).label(mark.label)
    });
    Snippet::source(text).line_start(first as usize).path(&*file.name).annotations(annotations)
}
