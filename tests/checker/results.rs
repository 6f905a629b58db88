//! What settings have shown, a line each, in the file that `CHECKER_RESULTS` names. Those in it are left out the next
//! time, so that a run of days may be ended at any time and begun again; and from small settings it says how large
//! others will be.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use super::settings::Setting;

/// See the module.
pub struct Results {
    file: Option<PathBuf>,
}

/// Ways with two faults for each state that they lead to, as measured: two faults that change places are one way, and
/// what is mended is as before.
const ALIKE: f64 = 3.4;

/// What is known of a setting.
struct Known {
    /// It was left after so many.
    whole: bool,
    states: f64,
}

impl Results {
    #[allow(clippy::disallowed_methods)] // Where to: for whoever runs the test.
    pub fn new() -> Self {
        Self { file: std::env::var_os("CHECKER_RESULTS").map(PathBuf::from) }
    }

    fn known(&self, setting: &Setting) -> Option<Known> {
        let text = std::fs::read_to_string(self.file.as_ref()?).ok()?;
        let mut known = None;
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if words.next() == Some(&setting.name) {
                let whole = words.next() == Some("whole");
                known = words.next().and_then(|states| states.parse().ok()).map(|states| Known { whole, states });
            }
        }
        known
    }

    /// True if it was not gone through yet, nor left for having more states than this.
    pub fn lack(&self, setting: &Setting, limit: usize) -> bool {
        self.known(setting).is_none_or(|known| !known.whole && known.states < limit as f64)
    }

    /// Writes down how a setting went: its figures in words, and how much was wrong.
    pub fn note(&self, setting: &Setting, whole: bool, figures: &str, bad: usize) {
        let Some(file) = &self.file else { return };
        let mut line = String::new();
        let word = if whole { "whole" } else { "left" };
        let (name, version) = (&setting.name, env!("ROLLWARD_VERSION"));
        let _ = writeln!(line, "{name:<60} {word:<5} {figures}, {bad} bad, {version}");
        let open = std::fs::OpenOptions::new().create(true).append(true).open(file);
        open.and_then(|mut file| file.write_all(line.as_bytes())).expect("the results can be written");
    }

    /// How many states a setting will have, about: as many as it had; or, going by smaller ones, two faults make them
    /// more by the square of what one does, less what two that change places have in common; and a second controller
    /// makes them more by as much whatever the faults.
    pub fn expected(&self, setting: &Setting) -> Option<f64> {
        if let Some(known) = self.known(setting).filter(|known| known.whole) {
            return Some(known.states);
        }
        let of = |faults: u8, controllers: usize| {
            let other = Setting { controllers, ..setting.clone() }.faults(faults);
            self.known(&other).filter(|known| known.whole).map(|known| known.states)
        };
        let alone = of(setting.faults, 1).or_else(|| Some(of(1, 1)?.powi(2) / of(0, 1)? / ALIKE));
        match setting.controllers {
            1 => alone,
            _ => Some(alone? * of(0, 2)? / of(0, 1)?),
        }
    }
}
