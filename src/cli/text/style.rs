//! Colours. They are written always, and taken out again where stdout is no terminal.

use anstyle::{AnsiColor, Style};

/// As it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Look at it.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// It is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// A heading, or a name that matters here.
pub const HEAD: Style = Style::new().bold();
/// Beside the point for most readers.
pub const FAINT: Style = Style::new().dimmed();
