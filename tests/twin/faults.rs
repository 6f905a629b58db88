//! What goes wrong, besides what befalls the worlds themselves.

use std::fs::File;
use std::time::Duration;

use serde::Deserialize;

/// One trouble of one tool.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// `ssh`, `cluster.exe`, `msiexec.exe` or `powershell.exe`.
    pub of: String,
    /// Words of its command line, or of what `powershell.exe` is asked to run: with others it works.
    #[serde(default)]
    pub asked: String,
    /// The machine on which it goes wrong; any if absent.
    #[serde(default)]
    pub on: Option<String>,
    /// How often it goes wrong; always if absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// How.
    pub it: Trouble,
}

/// How something goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Trouble {
    /// It answers, and not before so many seconds have gone by.
    Waits { seconds: u64 },
    /// It never answers.
    Hangs,
    /// Its answer ends in the middle.
    IsCutShort,
    /// It ends with this code, and says this.
    EndsWith { code: u8, saying: String },
    /// It speaks German.
    SpeaksGerman,
    /// What a cmdlet says is this error.
    Refuses { cmdlet: String, saying: String },
    /// What it says comes after this: a logon script, a banner.
    SaysFirst { text: String },
}

/// The troubles that a tool is in.
pub fn of<'a>(faults: &'a [Fault], tool: &str, asked: &str, machine: &str) -> Vec<&'a Trouble> {
    let hit = |fault: &&Fault| {
        fault.of == tool
            && asked.contains(&fault.asked)
            && fault.on.as_deref().is_none_or(|on| crate::estate::same(on, machine))
    };
    let left = |(i, fault): &(usize, &Fault)| fault.times.is_none_or(|times| takes_a_turn(*i, times));
    faults.iter().enumerate().filter(|(_, fault)| hit(fault)).filter(left).map(|(_, fault)| &fault.it).collect()
}

/// Counts a trouble that comes so often; false if it has come as often already.
fn takes_a_turn(fault: usize, times: u32) -> bool {
    let Ok(folder) = crate::estate::folder() else { return false };
    (0..times).any(|turn| File::create_new(folder.join(format!("trouble-{fault}-{turn}"))).is_ok())
}

/// Passes the time that troubles take, and says what a tool ends with at once, if it does.
pub fn suffer(troubles: &[&Trouble]) -> Option<(u8, String)> {
    let mut ended = None;
    for trouble in troubles {
        match trouble {
            Trouble::Waits { seconds } => std::thread::sleep(Duration::from_secs(*seconds)),
            Trouble::Hangs => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            Trouble::EndsWith { code, saying } => ended = Some((*code, saying.clone())),
            _ => {}
        }
    }
    ended
}

/// What is left of an answer that ends in the middle of a line.
pub fn cut_short(text: &str) -> &str {
    let middle = text.len() * 2 / 3;
    let end = (middle..text.len()).find(|i| text.is_char_boundary(*i) && !text[..*i].ends_with('\n'));
    &text[..end.unwrap_or(0)]
}
