//! The worker that an order starts on a node: it outlives the connection, holds the node's lock from its announcement to
//! its end, and does the steps. A real process with a real lock; killed, it ends in the middle of what it does.

mod steps;
mod store;

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;

use rollward::model::NodeName;

pub use self::steps::part;
pub use self::store::Store;
use crate::cmdlets::Cmdlets;
use crate::estate::{self, Estate};
use crate::faults::Trouble;
use crate::wire::Request;

/// The variable that names the file with a request, for who is started without a way to be told.
pub const REQUEST: &str = "ROLLWARD_REQUEST";

/// How often a worker looks whether something is so yet.
const OFTEN: Duration = Duration::from_millis(15);
/// How long it tries for the lock, in seconds: a look may test it.
const LOCK_SECONDS: u64 = 10;

/// Why work ends before it is done.
pub enum Stop {
    /// It failed: the installer's exit code, if it was one, and why.
    Failed(Option<i32>, String),
    /// The twin itself is in trouble.
    Twin(String),
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Stop::Twin(why)
    }
}

impl From<&str> for Stop {
    fn from(why: &str) -> Self {
        Stop::Twin(why.into())
    }
}

/// A failure that is no installer's.
pub fn failed<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Failed(None, why.into()))
}

/// What rollward keeps on a machine.
#[derive(Clone)]
pub struct Place {
    pub machine: NodeName,
    folder: String,
}

impl Place {
    /// The folder on the machine of that name.
    pub fn of(machine: &str, folder: &str) -> Result<Self, String> {
        let estate = Estate::open()?;
        let (_, name, _) = estate.node(machine).ok_or_else(|| format!("{machine} is no node"))?;
        Ok(Self { machine: name.clone(), folder: folder.to_owned() })
    }

    /// The folder on a machine.
    pub fn of_node(machine: &NodeName, folder: &str) -> Self {
        Self { machine: machine.clone(), folder: folder.to_owned() }
    }

    /// A file in it, such as `kept\work`.
    pub fn path(&self, file: &str) -> Result<PathBuf, String> {
        estate::disk(&self.machine, &self.windows(file))
    }

    /// The same as Windows calls it.
    pub fn windows(&self, file: &str) -> String {
        format!(r"{}\{file}", self.folder)
    }

    /// A file's text; `None` where there is none.
    pub fn read(&self, file: &str) -> Result<Option<String>, String> {
        match fs::read_to_string(self.path(file)?) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(format!("{file}: {e}")),
        }
    }

    /// Writes a file whole.
    pub fn write(&self, file: &str, text: &str) -> Result<(), String> {
        // A machine that is down writes nothing.
        drop(Estate::open()?);
        let path = self.path(file)?;
        let draft = path.with_extension("new");
        let written = fs::create_dir_all(path.parent().unwrap_or(&path))
            .and_then(|()| fs::write(&draft, text))
            .and_then(|()| fs::rename(&draft, &path));
        written.map_err(|e| format!("{file}: {e}"))
    }

    /// Moves a file; false if it is not there.
    pub fn take(&self, from: &str, to: &str) -> Result<bool, String> {
        Ok(fs::rename(self.path(from)?, self.path(to)?).is_ok())
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, file: &str) -> Result<(), String> {
        let _ = fs::remove_file(self.path(file)?);
        Ok(())
    }

    /// The lock, if nobody else has it for that long.
    pub fn lock(&self, seconds: u64) -> Result<Option<File>, String> {
        let path = self.path("lock")?;
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(|e| e.to_string())?;
        let file = File::create(path).map_err(|e| e.to_string())?;
        let locked = wait(Duration::from_secs(seconds), || Ok(file.try_lock().is_ok().then_some(())))?;
        Ok(locked.map(|()| file))
    }
}

/// Looks often, until there is an answer or the time is over.
pub fn wait<T>(most: Duration, mut ask: impl FnMut() -> Result<Option<T>, String>) -> Result<Option<T>, String> {
    let began = estate::instant();
    loop {
        if let Some(answer) = ask()? {
            return Ok(Some(answer));
        }
        if began.elapsed() >= most {
            return Ok(None);
        }
        std::thread::sleep(OFTEN);
    }
}

/// An order, as its worker reads it.
struct Order<'a> {
    place: Place,
    id: &'a str,
    epoch: u64,
    holder: &'a str,
    node: &'a str,
    store: Store,
    announcement: Option<(&'a str, &'a str)>,
    unannounced: bool,
    counts: Vec<String>,
    cmdlets: Cmdlets<'a>,
    /// What the last step needs to know of the leave that was given.
    verified: String,
}

/// Does what an order says, from its lock to its end.
pub fn run(request: &Request, machine: &str, troubles: &[&Trouble]) -> Result<(), String> {
    let place = Place::of(machine, request.need("folder")?)?;
    let id = request.need("id")?;
    let seconds: u64 = request.need("patience")?.parse().map_err(|e| format!("patience: {e}"))?;
    let mut order = Order {
        store: Store::of(&place, request.all("server")),
        id,
        epoch: request.need("epoch")?.parse().map_err(|e| format!("epoch: {e}"))?,
        holder: request.need("holder")?,
        node: request.need("node")?,
        announcement: request.one("name").map(|name| (name, request.one("value").unwrap_or(""))),
        unannounced: request.one("unannounced") == Some("yes"),
        counts: request.words("counts")?,
        cmdlets: Cmdlets { troubles },
        verified: String::new(),
        place,
    };
    let Some(lock) = order.place.lock(LOCK_SECONDS)? else {
        return order.refuse("lock", "other work holds it");
    };
    order.place.write("holder", &format!("{id}\n"))?;
    order.place.write("worker.pid", &std::process::id().to_string())?;
    if let Err((check, saw)) = order.announce()? {
        drop(lock);
        return order.refuse(check, &saw);
    }
    order.say("announced")?;
    let patience = estate::setup()?.patience(seconds);
    let (leave, taken) = (format!(r"orders\{id}.leave"), format!(r"orders\{id}.taken"));
    let given = wait(patience, || Ok(order.place.take(&leave, &taken)?.then_some(())))?;
    let words = given.map_or(Ok(None), |()| order.place.read(&taken))?.unwrap_or_default();
    let mut words = words.lines();
    let goes = words.next() == Some("go");
    order.verified = words.next().unwrap_or_default().to_owned();
    let ends = !goes || order.act(request.all("step"), request.need("work")?)?;
    if ends && !goes {
        order.take_back()?;
    }
    order.place.remove(&format!(r"orders\{id}.said"))?;
    order.place.remove(&taken)?;
    drop(lock);
    order.place.remove(&format!(r"orders\{id}.request"))
}

impl Order<'_> {
    /// Says its first word.
    fn say(&self, text: &str) -> Result<(), String> {
        self.place.write(&format!(r"orders\{}.said", self.id), &format!("{text}\n"))
    }

    /// Says why it does nothing, as its last word.
    fn refuse(&self, check: &str, saw: &str) -> Result<(), String> {
        self.say(&format!("refused\t{check}\t{saw}"))?;
        self.place.remove(&format!(r"orders\{}.request", self.id))
    }

    /// The epoch, and then the announcement. What refused, and what it saw.
    fn announce(&mut self) -> Result<Result<(), (&'static str, String)>, String> {
        let ours = format!("{}@{}", self.epoch, self.holder);
        let seen = self.place.read(r"kept\epoch")?.unwrap_or_default();
        if let Some((number, _)) = seen.trim().split_once('@') {
            let number: u64 = number.parse().map_err(|e| format!("kept\\epoch: {e}"))?;
            if number > self.epoch || (number == self.epoch && seen.trim() != ours) {
                return Ok(Err(("epoch", seen.trim().to_owned())));
            }
        }
        self.place.write(r"kept\epoch", &format!("{ours}\n"))?;
        let Some((name, value)) = self.announcement else { return Ok(Ok(())) };
        let Some(before) = self.store.list()? else {
            return Ok(if self.unannounced {
                self.announcement = None;
                Ok(())
            } else {
                Err(("store", "nobody answers for the cluster".into()))
            });
        };
        if let Some(there) = before.get(name) {
            return Ok(Err(("nothingElseInProgress", there.clone())));
        }
        if !self.store.put(name, value)? {
            self.take_back()?;
            return Ok(Err(("store", "the announcement does not stand there".into())));
        }
        Ok(Ok(()))
    }

    fn take_back(&mut self) -> Result<(), String> {
        if let Some((name, value)) = self.announcement {
            // Who cannot be reached keeps it: whoever sees the lock free and the end knows that it means nothing.
            let there = self.store.list()?.and_then(|all| all.get(name).cloned());
            if there.is_some_and(|there| there == value) {
                self.store.drop(name)?;
            }
        }
        Ok(())
    }

    /// Does the steps, and writes down how they ended; false if the machine is about to go down instead.
    fn act(&mut self, steps: &[String], work: &str) -> Result<bool, String> {
        let before = self.place.read(r"kept\work")?.unwrap_or_default();
        if let [_, second] = before.lines().collect::<Vec<_>>()[..]
            && let [_, _, file, subject] = second.split('\t').collect::<Vec<_>>()[..]
            && !file.is_empty()
        {
            self.count(file, subject, "the work ended without a word: the machine was cut off, or the process killed")?;
        }
        let (file, subject, forgets) = match &self.counts[..] {
            [file, subject, forgets] => (file.clone(), subject.clone(), forgets == "True"),
            _ => (String::new(), String::new(), false),
        };
        let boot = boot(&Estate::open()?, &self.place.machine);
        let begun = format!("{work}\n{}\t{boot}\t{file}\t{subject}\n", self.id);
        self.place.write(r"kept\work", &begun)?;
        let mut done = Ok(steps::Went::On(None));
        for step in steps {
            done = self.step(step);
            if !matches!(done, Ok(steps::Went::On(_))) {
                break;
            }
        }
        let (exit, failure) = match done {
            Ok(steps::Went::Down) => return Ok(false),
            Ok(steps::Went::On(exit)) => (exit.unwrap_or(0), String::new()),
            Err(Stop::Failed(exit, why)) => (exit.unwrap_or(1), why),
            Err(Stop::Twin(why)) => return Err(why),
        };
        if !file.is_empty() {
            match failure.is_empty() {
                true if forgets => self.forget(&file, &subject)?,
                true => {}
                false => self.count(&file, &subject, &failure)?,
            }
        }
        self.take_back()?;
        self.place.write(r"kept\work", &format!("{begun}{}\t{exit}\t{}\n", seconds(), one_line(&failure)))?;
        Ok(true)
    }

    fn others(&self, file: &str, subject: &str) -> Result<(Vec<String>, u32), String> {
        let text = self.place.read(&format!(r"kept\{file}"))?.unwrap_or_default();
        let own = |line: &&str| line.split('\t').next() == Some(subject);
        let count = text.lines().find(own).and_then(|line| line.split('\t').nth(1)?.parse().ok());
        Ok((text.lines().filter(|line| !own(line)).map(str::to_owned).collect(), count.unwrap_or(0)))
    }

    fn count(&self, file: &str, subject: &str, why: &str) -> Result<(), String> {
        let (mut lines, count) = self.others(file, subject)?;
        lines.push(format!("{subject}\t{}\t{}\t{}", count + 1, seconds(), one_line(why)));
        self.place.write(&format!(r"kept\{file}"), &(lines.join("\n") + "\n"))
    }

    fn forget(&self, file: &str, subject: &str) -> Result<(), String> {
        let (lines, count) = self.others(file, subject)?;
        if count == 0 {
            return Ok(());
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.place.write(&format!(r"kept\{file}"), &text)
    }
}

/// What tells one start of a machine from another.
pub fn boot(estate: &Estate, machine: &NodeName) -> String {
    estate.booted(machine).to_string()
}

/// The node's clock, as its files have it.
fn seconds() -> String {
    format!("{:.3}", estate::real_time().as_duration().as_secs_f64())
}

fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if (' '..='~').contains(&c) { c } else { ' ' }).collect();
    plain.chars().take(300).collect()
}
