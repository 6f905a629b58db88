//! The exhaustive checker: everything that may happen, in any order, to small clusters in the hands of the real loop.
//!
//! ```sh
//! cargo test --test integration checker -- --nocapture                              # the slice, with its figures
//! CHECKER=scc-majority-online-2f cargo test --test integration checker -- --nocapture  # settings whose name contains this
//! CHECKER=full cargo test --test integration checker -- --nocapture                 # every setting; takes days
//! CHECKER=sizes CHECKER_RESULTS=FILE …                                              # how many states each setting has, or will have
//! UPDATE_EXPECTED=1 cargo test --test integration checker                           # writes down the figures of the slice
//! ```
//!
//! In every state of a setting: the world counts no violation, and nothing takes a vote away that is needed. From every
//! state, with whichever controller is left, the one certain way on ends converged or in holds that have names, with
//! nothing of ours left behind, no role stopped, and no handoff beyond the fewest there are.
//!
//! With `CHECKER_RESULTS=FILE` each setting that ends is written down there, and left out the next time; with
//! `CHECKER_LIMIT` a setting is left after so many states; `CHECKER_THREADS` go on side by side, else two.
//!
//! States are one that differ in what nothing hangs on: moments (see `worlds`), epochs (`epochs`), what a stale look
//! would show if the same comes of it (`sights`), and which of two controllers is which (`plain`). Nodes are not
//! exchanged with each other, nor groups: the real planner breaks ties by name. `no_end_is_lost` compares.

mod controllers;
mod ends;
mod epochs;
mod failing;
mod fates;
mod fixed;
mod minds;
mod next;
mod numbered;
mod parts;
mod plain;
mod results;
mod search;
mod seen;
mod settings;
mod sights;
mod story;
mod worlds;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

pub use fixed::Wrong;
use results::Results;
use rollward::guard::RuleSet;
use rollward::model::{ActionKind, RuleName};
use search::Search;
use seen::{Counts, Seen};
use settings::Fault;
pub use settings::{Setting, Shape, Twist};
pub use worlds::NOW;

/// What each change is tried against: minutes on two cores.
pub fn slice() -> Vec<Setting> {
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
    settings.extend([
        Setting::new(Shape::Idle, "fileShare", "online").two().faults(0).hesitant().forgetful(),
        Setting::new(Ccr, "fileShare", "online").two().faults(0).forgetful(),
    ]);
    for twist in
        [Twist::Window, Twist::Approval, Twist::Observe, Twist::Held, Twist::Broken, Twist::Cord, Twist::NoPackage]
    {
        settings.push(Setting::new(Ccr, "fileShare", "online").twisted(twist).forgetful());
    }
    settings
}

/// Faults and controllers.
const CLASSES: &[(u8, usize)] = &[(0, 1), (1, 1), (0, 2), (2, 1), (1, 2), (2, 2)];

/// The product of shape (and with it topology and room), quorum model, style, standby copies, faults and controllers.
/// Nobody has seen it to its end: ARCHITECTURE.md says how far it was gone through.
fn everything() -> Vec<Setting> {
    let mut settings = Vec::new();
    for &(faults, controllers) in CLASSES {
        for (shape, quorums) in [
            (Shape::Host, &["none"][..]),
            (Shape::Idle, &["fileShare"]),
            (Shape::Ccr, &["fileShare", "disk", "twoNode", "majority", "none"]),
            (Shape::Spares, &["majority", "disk", "fileShare", "none"]),
            (Shape::Scc, &["majority", "disk", "fileShare", "none"]),
            (Shape::Generic, &["majority", "disk", "fileShare", "none"]),
            (Shape::Wide, &["majority"]),
        ] {
            for quorum in quorums {
                for style in ["online", "offline"] {
                    let roles = !matches!(shape, Shape::Host | Shape::Idle);
                    let twists: &[Twist] = if !roles { &[Twist::Plain] } else { &[Twist::Plain, Twist::StandbyDone] };
                    for twist in twists {
                        let mut setting = Setting::new(shape, quorum, style).faults(faults).twisted(*twist);
                        if controllers == 2 {
                            setting = setting.two();
                        }
                        settings.extend([setting.clone().forgetful(), setting]);
                    }
                }
            }
        }
    }
    settings
}

/// What comes first of everything: few faults and controllers, and what forgets before what remembers.
fn rank(setting: &Setting) -> impl Ord + use<> {
    let class = CLASSES.iter().position(|class| *class == (setting.faults, setting.controllers));
    (setting.shape == Shape::Wide && setting.faults > 1, class, !setting.forgets)
}

/// How many states each setting has or will have, by the results that there are.
fn tell_sizes() {
    let results = Results::new();
    for setting in everything() {
        let states = results.expected(&setting).map_or_else(|| "?".to_owned(), |states| format!("{states:.0}"));
        let done = if results.lack(&setting, usize::MAX) { "will have" } else { "has" };
        println!("{:<60} {done:<9} {states:>15}", setting.name);
    }
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

fn explore(setting: Setting, limit: usize) -> Report {
    #[allow(clippy::disallowed_methods)] // For telling how long it took; nothing hangs on it.
    let begun = Instant::now();
    let mut search = Search::new(setting);
    search.limit = limit;
    search.run();
    if std::env::var_os("SIZES").is_some() {
        println!("{}: {:.1?}, {}", search.setting.name, begun.elapsed(), search.sizes());
    }
    search.follow();
    let converged = search.ended.get("converged").copied().unwrap_or(0);
    let held = search.ended.values().sum::<u64>() - converged;
    let figures = format!(
        "{:>9} states {:>9} steps {:>7} worlds {:>8} ways end converged, {:>6} held",
        search.states.len(),
        search.seen.steps,
        search.worlds.len(),
        converged,
        held
    );
    let line = format!("{:<44} {figures}", search.setting.name);
    let took = format!("{} decisions, {:.1?}", search.controllers.decided, begun.elapsed());
    let whole = search.states.len() < limit;
    Results::new().note(&search.setting, whole, &format!("{figures}, {took}"), search.findings.len());
    let found = std::mem::take(&mut search.findings);
    // The first of each kind; more of them say little.
    let stories = found.iter().take(5).map(|finding| story::told(&mut search, finding)).collect();
    Report {
        line,
        took,
        stories,
        seen: std::mem::take(&mut search.seen),
        said_no: std::mem::take(&mut search.controllers.said_no),
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // Which ones, and whether to write: for whoever runs the test.
fn nothing_goes_wrong_in_any_state() {
    let only = std::env::var("CHECKER").unwrap_or_default();
    let whole = only.is_empty();
    let limit = std::env::var("CHECKER_LIMIT").ok().and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    if only == "sizes" {
        return tell_sizes();
    }
    let mut chosen = slice();
    if !whole {
        chosen.extend(everything());
        let mut names = BTreeSet::new();
        chosen.retain(|s| names.insert(s.name.clone()) && (only == "full" || s.name.contains(&only)));
        assert!(!chosen.is_empty(), "no setting's name contains {only:?}");
        let results = Results::new();
        chosen.retain(|setting| results.lack(setting, limit));
        chosen.sort_by_key(|setting| (rank(setting), results.expected(setting).map_or(0, |states| states as u64)));
    }
    let reports = explore_all(chosen, limit);
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

/// Where states that differ in what nothing hangs on are one, the same happens as where they are told apart, and it ends
/// in the same ways.
#[test]
fn no_end_is_lost() {
    let small = |shape, faults| Setting::new(shape, "fileShare", "online").two().faults(faults);
    let host = |faults| Setting { quorum: "none", ..small(Shape::Host, faults) };
    for setting in [host(0), host(0).forgetful(), host(1), small(Shape::Idle, 0).forgetful()] {
        let gone_through = |tells_apart: bool| {
            let mut search = Search::new(setting.clone().faults(setting.faults));
            search.tells_apart = tells_apart;
            search.run();
            search.follow();
            let wrong: BTreeSet<String> = search.findings.iter().map(|f| f.what.replace("@b", "@a")).collect();
            let Seen { faults, actions, refused, .. } = &search.seen;
            let seen = format!("{:?} {:?} {:?}", faults.keys(), actions.keys(), refused.keys());
            let ends = format!("{:?} {:?}", search.ended.keys(), search.controllers.said_no.keys());
            (search.states.len(), (wrong, seen, ends))
        };
        let ((fewer, with), (more, without)) = (gone_through(false), gone_through(true));
        assert_eq!(with, without, "in {}", setting.name);
        println!("{}: {fewer} states of {more}", setting.name);
        assert!(fewer <= more / 2 + 100, "{fewer} states of {more} in {}", setting.name);
    }
}

/// All settings, on two threads or as many as `CHECKER_THREADS`, each from its beginning to its end; told in their
/// order.
#[allow(clippy::disallowed_methods)] // How many: for whoever runs the test.
fn explore_all(settings: Vec<Setting>, limit: usize) -> Vec<Report> {
    let count = settings.len();
    let queue = Mutex::new(settings.into_iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(count));
    let work = || {
        loop {
            let next = queue.lock().expect("nobody panics with it").next();
            let Some((place, setting)) = next else { return };
            let report = explore(setting, limit);
            println!("{}  {}", report.line, report.took);
            for story in &report.stories {
                println!("{story}");
            }
            done.lock().expect("nobody panics with it").push((place, report));
        }
    };
    std::thread::scope(|scope| {
        let threads: usize = std::env::var("CHECKER_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
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
    // In each of these settings some sequence leads to the target, once the faults are over: whoever says otherwise lies.
    assert_eq!(of(&said_no, &RuleName::Deadlock), 0, "a deadlock that is none");
    let rules = RuleName::ALL.iter().filter(|rule| **rule != RuleName::Deadlock);
    tell("rules, by the holds they gave", rules.map(|r| (r.to_string(), of(&said_no, r))).collect());
    tell("orders refused on their node, by what refused them", sum(seen().map(|s| &s.refused)));
    assert!(missing.is_empty(), "what never occurred: {missing:?}");
    told
}

/// What goes wrong first in a setting, with these rules and this done otherwise; in a state, or else at its end.
pub fn first_wrong(setting: Setting, rules: RuleSet, wrong: Wrong, ends_too: bool) -> Option<String> {
    let mut search = Search::new(setting);
    search.controllers.fixed.rules = rules;
    search.controllers.fixed.wrong = wrong;
    search.stops_at_first = true;
    search.run();
    if ends_too {
        search.follow();
    }
    let first = search.findings.pop()?;
    Some(story::told(&mut search, &first))
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
