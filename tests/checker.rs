//! The exhaustive checker: everything that may happen, in any order, to small clusters in the hands of the real loop.
//!
//! ```sh
//! cargo test --test integration checker -- --nocapture                              # the slice, with its figures
//! CHECKER=scc-majority-online cargo test --test integration checker -- --nocapture  # only settings whose name contains this
//! CHECKER=full cargo test --test integration checker -- --nocapture                 # every setting; takes hours
//! UPDATE_EXPECTED=1 cargo test --test integration checker                           # writes down the figures of the slice
//! ```
//!
//! In every state of a setting: the world counts no violation, and nothing takes a vote away that is needed. From every
//! state, with whichever controller is left, the one certain way on ends converged or in holds that have names, with
//! nothing of ours left behind, no role stopped, and no handoff beyond the fewest there are.
//!
//! Not here yet: two controllers at once. While one stands still in the middle of a turn, the other's epochs cannot be
//! renamed, and may grow without end.
//!
//! Done without: symmetry. The real planner breaks ties by name, so states that differ in names only are different.

mod controllers;
mod ends;
mod search;
mod settings;
mod story;
mod worlds;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use rollward::model::{ActionKind, RuleName};
use search::{Counts, Search, Seen};
use settings::{Fault, Setting, Shape, Twist};

/// What each change is tried against: minutes on two cores.
fn slice() -> Vec<Setting> {
    use Shape::{Ccr, Generic, Host, Scc};
    let mut settings = Vec::new();
    for style in ["online", "offline"] {
        settings.extend([
            Setting::new(Ccr, "fileShare", style),
            Setting::new(Ccr, "fileShare", style).forgetful(),
            Setting::new(Ccr, "twoNode", style).forgetful(),
            Setting::new(Scc, "majority", style).forgetful(),
            Setting::new(Scc, "disk", style).forgetful(),
            Setting::new(Generic, "majority", style).forgetful(),
        ]);
    }
    settings.extend([
        Setting::new(Host, "none", "online"),
        Setting::new(Ccr, "fileShare", "online").twisted(Twist::Downgrade).forgetful(),
        Setting::new(Ccr, "fileShare", "online").twisted(Twist::StopsService).faults(0).forgetful(),
        Setting::new(Ccr, "fileShare", "online").twisted(Twist::Reboots).forgetful(),
        Setting::new(Ccr, "fileShare", "online").twisted(Twist::Standby).forgetful(),
    ]);
    for twist in
        [Twist::Window, Twist::Approval, Twist::Observe, Twist::Held, Twist::Broken, Twist::Cord, Twist::NoPackage]
    {
        settings.push(Setting::new(Ccr, "fileShare", "online").twisted(twist).forgetful());
    }
    settings
}

/// Every setting: the product of shape, quorum model, style and faults, with memory and without.
fn everything() -> Vec<Setting> {
    let mut settings = Vec::new();
    for (shape, quorums) in [
        (Shape::Host, &["none"][..]),
        (Shape::Ccr, &["fileShare", "disk", "twoNode", "majority", "none"]),
        (Shape::Scc, &["majority", "disk", "fileShare", "none"]),
        (Shape::Generic, &["majority", "disk", "fileShare", "none"]),
    ] {
        for faults in [1, 2] {
            for quorum in quorums {
                for style in ["online", "offline"] {
                    let setting = Setting::new(shape, quorum, style).faults(faults);
                    settings.extend([setting.clone().forgetful(), setting]);
                }
            }
        }
    }
    settings
}

/// What one setting showed.
struct Report {
    line: String,
    /// Not for comparing: it depends on the machine.
    took: String,
    stories: Vec<String>,
    seen: Seen,
    said_no: Counts<RuleName>,
}

fn explore(setting: Setting) -> Report {
    #[allow(clippy::disallowed_methods)] // For telling how long it took; nothing hangs on it.
    let begun = Instant::now();
    let mut search = Search::new(setting);
    search.run();
    search.follow();
    let converged = search.ended.get("converged").copied().unwrap_or(0);
    let held = search.ended.values().sum::<u64>() - converged;
    let line = format!(
        "{:<44} {:>9} states {:>9} steps {:>7} worlds {:>8} ways end converged, {:>6} held",
        search.setting.name,
        search.states.len(),
        search.seen.steps,
        search.worlds.len(),
        converged,
        held
    );
    let found = std::mem::take(&mut search.findings);
    // The first of each kind; more of them say little.
    let stories = found.iter().take(5).map(|finding| story::told(&mut search, finding)).collect();
    Report {
        line,
        took: format!("{} decisions, {:.1?}", search.controllers.decided, begun.elapsed()),
        stories,
        seen: std::mem::take(&mut search.seen),
        said_no: std::mem::take(&mut search.controllers.said_no),
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // Which ones, and whether to write: for whoever runs the test.
fn nothing_goes_wrong_in_any_state() {
    let only = std::env::var("CHECKER").unwrap_or_default();
    let settings = if only == "full" { everything() } else { slice() };
    let whole = only.is_empty();
    let chosen: Vec<Setting> =
        settings.into_iter().filter(|s| whole || only == "full" || s.name.contains(&only)).collect();
    assert!(!chosen.is_empty(), "no setting's name contains {only:?}");
    let reports = explore_all(chosen);
    let stories: String = reports.iter().flat_map(|r| &r.stories).fold(String::new(), |all, s| all + s + "\n");
    assert!(stories.is_empty(), "{stories}");
    if whole {
        let mut table: String = reports.iter().map(|r| format!("{}\n", r.line)).collect();
        table += &everything_occurred(&reports);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checker/slice.expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&file, &table).expect("the table can be written");
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(table, expected, "other states than before; UPDATE_EXPECTED=1 writes down what there is now");
    }
}

/// All settings, on two threads, each from its beginning to its end; told in their order.
fn explore_all(settings: Vec<Setting>) -> Vec<Report> {
    let count = settings.len();
    let queue = Mutex::new(settings.into_iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(count));
    let work = || {
        loop {
            let next = queue.lock().expect("nobody panics with it").next();
            let Some((place, setting)) = next else { return };
            let report = explore(setting);
            println!("{}  {}", report.line, report.took);
            for story in &report.stories {
                println!("{story}");
            }
            done.lock().expect("nobody panics with it").push((place, report));
        }
    };
    std::thread::scope(|scope| {
        for worker in [scope.spawn(work), scope.spawn(work)] {
            worker.join().expect("a worker ends");
        }
    });
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, report)| report).collect()
}

/// Nothing in a simulated world suspends replication on our behalf, so nobody ever resumes it.
const NEVER: &[ActionKind] = &[ActionKind::ResumeReplication];

/// How often everything was seen that may happen. What never occurs is not checked.
fn everything_occurred(reports: &[Report]) -> String {
    let mut told = String::new();
    let mut missing = Vec::new();
    let mut tell = |what: &str, counts: Counts<String>| {
        let _ = writeln!(told, "\n{what}");
        for (name, count) in counts {
            let _ = writeln!(told, "{name:<44} {count:>9}");
            if count == 0 {
                missing.push(format!("{what}: {name}"));
            }
        }
    };
    let seen = || reports.iter().map(|r| &r.seen);
    let faults = sum(seen().map(|s| &s.faults));
    tell("faults, by the steps they led to", Fault::ALL.iter().map(|f| (format!("{f:?}"), of(&faults, f))).collect());
    let actions = sum(seen().map(|s| &s.actions));
    let possible = ActionKind::ALL.iter().filter(|a| !NEVER.contains(a));
    tell("actions, by the states in which they were due", possible.map(|a| (a.to_string(), of(&actions, a))).collect());
    let said_no = sum(reports.iter().map(|r| &r.said_no));
    tell("rules, by the holds they gave", RuleName::ALL.iter().map(|r| (r.to_string(), of(&said_no, r))).collect());
    tell("orders refused on their node, by what refused them", sum(seen().map(|s| &s.refused)));
    assert!(missing.is_empty(), "what never occurred: {missing:?}");
    told
}

fn of<T: Ord>(counts: &Counts<T>, one: &T) -> u64 {
    counts.get(one).copied().unwrap_or(0)
}

fn sum<'a, T: Ord + Clone + 'a>(all: impl Iterator<Item = &'a Counts<T>>) -> Counts<T> {
    let mut sum = Counts::new();
    for (one, count) in all.flatten() {
        *sum.entry(one.clone()).or_default() += count;
    }
    sum
}
