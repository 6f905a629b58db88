//! The steps of work, by the tools and cmdlets.

use std::process::{Command, Stdio};
use std::time::Duration;

use rollward::drivers::simulator::world::{ClusterService, NodeTruth};
use rollward::model::{Action, hex};
use sha2::{Digest as _, Sha256};

use super::{OFTEN, Order, Stop, failed, wait};
use crate::cluster::EXIT_CODE;
use crate::estate::{self, Estate};
use crate::scripts::services_of;
use crate::{acting, shell, wire};

/// How a step went.
pub enum Went {
    /// Well; with the installer's exit code, if it was one.
    On(Option<i32>),
    /// The machine is about to go down.
    Down,
}

type Step = Result<Went, Stop>;

const WELL: Step = Ok(Went::On(None));

/// How many simulated seconds lie between two tries where another installer is at work.
const RETRY_SECONDS: u64 = 15;
/// How often the watcher looks. A worker looks every second; here, seconds are short.
const WATCH: Duration = Duration::from_millis(150);

/// What stands in an installer's log behind the action that failed.
const CONTEXT: &str = ". Return value 3";

impl Order<'_> {
    pub(super) fn step(&mut self, text: &str) -> Step {
        let words = wire::words(text)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let [seconds, name, rest @ ..] = &words[..] else { return Err(format!("{text:?} is no step").into()) };
        let seconds: u64 = seconds.parse().map_err(|e| format!("{text:?}: {e}"))?;
        let most = estate::setup()?.patience(seconds);
        match (*name, rest) {
            ("mark", [name, value]) => match self.store.put(name, value)? {
                true => WELL,
                false => failed(format!("{name} does not stand in the cluster's database")),
            },
            ("unmark", [name]) => match self.store.drop(name)? {
                true => WELL,
                false => failed(format!("{name} still stands in the cluster's database")),
            },
            ("cluster", words) => match self.store.ask(words)? {
                Some((_, 0)) => WELL,
                Some((said, code)) => failed(format!("cluster.exe ended with {code}: {}", said.trim())),
                None => failed("nobody answers for the cluster"),
            },
            ("await-node", [node, states @ ..]) => self.await_node(node, states, most),
            ("move-group", [group, node, states @ ..]) => {
                let (to, limit) = (format!("/move:{node}"), format!("/wait:{seconds}"));
                match self.store.ask(&["group", group, &to, &limit])? {
                    Some((_, 0 | 997)) => self.await_group(group, node, states, most),
                    Some((said, code)) => failed(format!("cluster.exe ended with {code}: {}", said.trim())),
                    None => failed("nobody answers for the cluster"),
                }
            }
            ("handoff", [cms, node, state, _]) => self.hand_over(cms, node, state, most),
            ("stop", [cms, node, _]) => {
                self.cmdlets.stop_server(&mut Estate::open()?, cms).or_else(failed)?;
                self.await_group(cms, node, &["Offline"], most)
            }
            ("start", [cms, node]) => {
                if self.row(cms)?.is_none_or(|(_, state)| state != "Online") {
                    self.cmdlets.start_server(&mut Estate::open()?, cms).or_else(failed)?;
                }
                self.cmdlets.mount(&mut Estate::open()?, cms).or_else(failed)?;
                self.await_group(cms, node, &["Online"], most)
            }
            ("baseline", names) => self.baseline(names),
            ("receive", [file, bytes, sha256]) => self.receive(file, bytes, sha256, most),
            ("install", [file]) => {
                let path = self.place.windows(&format!(r"packages\{file}"));
                let went = self.install(&["/p", &path], file, most)?;
                self.place.remove(&format!(r"packages\{file}"))?;
                Ok(went)
            }
            ("remove", [patch]) => {
                let removes = format!("MSIPATCHREMOVE={patch}");
                self.install(&["/package", crate::patches::PRODUCT, &removes], "removal", most)
            }
            ("services", triples) => self.restore(triples),
            ("start-service", [_]) => self.start_cluster(most),
            ("resume-copies", [cms]) => {
                self.cmdlets.resume_copies(&mut Estate::open()?, cms).or_else(failed)?;
                WELL
            }
            ("reboot", []) => match shell::tool("shutdown.exe", &["-r", "-t", "5", "-f"], seconds)? {
                Some((_, 0)) => Ok(Went::Down),
                Some((said, code)) => failed(format!("shutdown.exe ended with {code}: {}", said.trim())),
                None => failed("shutdown.exe did not end"),
            },
            ("verified", []) => {
                if !self.verified.is_empty() {
                    let line = format!("{}\t{}\n", self.verified, super::seconds());
                    self.place.write(r"kept\verified", &line)?;
                    self.place.remove(r"kept\services")?;
                }
                WELL
            }
            _ => Err(format!("the twin knows no step {text:?}").into()),
        }
    }

    /// Owner and status of a group, as the table has them; `None` if nobody says.
    fn row(&self, group: &str) -> Result<Option<(String, String)>, String> {
        let Some((table, 0)) = self.store.ask(&["group"])? else { return Ok(None) };
        Ok(rows(&table).find_map(|row| {
            let (node, status) =
                row.get(..group.len()).filter(|name| name.eq_ignore_ascii_case(group)).and_then(|_| {
                    let rest = row[group.len()..].trim_start();
                    rest.split_once(' ')
                })?;
            Some((node.to_owned(), status.trim().to_owned()))
        }))
    }

    /// Waits until a group is where it should be, and in such a state.
    fn await_group(&self, group: &str, node: &str, states: &[&str], most: Duration) -> Step {
        let mut last = None;
        let there = wait(most, || {
            last = self.row(group)?;
            let right = last
                .as_ref()
                .filter(|(owner, state)| owner.eq_ignore_ascii_case(node) && states.contains(&state.as_str()));
            Ok(right.map(|_| ()))
        })?;
        match (there, last) {
            (Some(()), _) => WELL,
            (None, Some((owner, state))) => failed(format!("{group} is {state} on {owner}")),
            (None, None) => failed(format!("nobody says where {group} is")),
        }
    }

    fn await_node(&self, node: &str, states: &[&str], most: Duration) -> Step {
        let right = |row: &str| {
            let mut words = row.split_whitespace();
            let own = words.next().is_some_and(|name| name.eq_ignore_ascii_case(node));
            own && words.last().is_some_and(|state| states.contains(&state))
        };
        let there = wait(most, || {
            let table = self.store.ask(&["node"])?.filter(|(_, code)| *code == 0);
            Ok(table.filter(|(table, _)| rows(table).any(right)).map(|_| ()))
        })?;
        if there.is_some() { WELL } else { failed(format!("{node} is not {}", states.join(" or "))) }
    }

    fn hand_over(&self, cms: &str, node: &str, state: &str, most: Duration) -> Step {
        self.cmdlets.validate_move(&Estate::open()?, cms, node).or_else(failed)?;
        let moved = self.cmdlets.move_server(&mut Estate::open()?, cms, node);
        if let Err(why) = moved
            && self.row(cms)?.is_none_or(|(owner, _)| !owner.eq_ignore_ascii_case(node))
        {
            return failed(why);
        }
        if state == "Online" {
            self.cmdlets.mount(&mut Estate::open()?, cms).or_else(failed)?;
        }
        self.await_group(cms, node, &[state], most)
    }

    fn baseline(&self, names: &[&str]) -> Step {
        if self.place.read(r"kept\services")?.is_none() {
            let estate = Estate::open()?;
            let (cluster, node, truth) = estate.node(self.node).ok_or("it is no node")?;
            let all = services_of(&estate, cluster, node, truth, names.iter().map(|name| (*name).to_owned()));
            let lines = all.iter().map(|(name, start, state)| format!("{name}\t{start}\t{state}\n"));
            let text: String = lines.collect();
            drop(estate);
            self.place.write(r"kept\services", &text)?;
        }
        WELL
    }

    fn receive(&self, file: &str, bytes: &str, sha256: &str, most: Duration) -> Step {
        let bytes: u64 = bytes.parse().map_err(|e| format!("{bytes}: {e}"))?;
        let (whole, part) = (format!(r"packages\{file}"), part(file, sha256));
        let hash = |path: &str| -> Result<Option<String>, String> {
            Ok(std::fs::read(self.place.path(path)?).ok().map(|bytes| hex(&Sha256::digest(bytes))))
        };
        if hash(&whole)?.is_some_and(|found| found == sha256) {
            return WELL;
        }
        // Another file is another try.
        if hash(&whole)?.is_some()
            && let [kept, subject, _] = &self.counts[..]
        {
            self.forget(kept, subject)?;
        }
        let arrived = wait(most, || {
            let length = std::fs::metadata(self.place.path(&part)?).map(|file| file.len());
            Ok((length.ok() == Some(bytes)).then_some(()))
        })?;
        let found = hash(&part)?.unwrap_or_default();
        if arrived.is_none() || found != sha256 {
            self.place.remove(&part)?;
            return failed(format!("{file}: what arrived has the SHA-256 {found}, and {sha256} is declared"));
        }
        if self.place.take(&part, &whole)? { WELL } else { failed(format!("{file} cannot be put in its place")) }
    }

    /// Runs the installer, with the watcher beside it.
    fn install(&self, what: &[&str], name: &str, most: Duration) -> Step {
        let log = format!(r"logs\{name}.log");
        std::fs::create_dir_all(self.place.path("logs")?).map_err(|e| e.to_string())?;
        let began = estate::instant();
        loop {
            let code = self.watched(what, &self.place.windows(&log), most)?;
            match code {
                0 | 3010 | 1641 => return Ok(Went::On(Some(code))),
                1618 if began.elapsed() < most => {
                    let pause = Duration::from_secs(RETRY_SECONDS) / estate::setup()?.time_scale;
                    std::thread::sleep(pause.max(OFTEN));
                }
                _ => {
                    let cause = cause(&std::fs::read(self.place.path(&log)?).unwrap_or_default());
                    return Err(Stop::Failed(Some(code), format!("msiexec {code}{cause}")));
                }
            }
        }
    }

    /// One run of the installer; one that does not end in time is left to itself.
    fn watched(&self, what: &[&str], log: &str, most: Duration) -> Result<i32, Stop> {
        if let Some(group) = self.arrived()? {
            return failed(format!("{group} came to this node before the installer began"));
        }
        let folder = estate::folder()?;
        let left = folder.join(format!("exit-code-{}", std::process::id()));
        let mut msiexec = Command::new(folder.join("bin/msiexec.exe"))
            .args(what)
            .args(["/qn", "/norestart", "/l*v", log])
            .env(EXIT_CODE, &left)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|e| format!("msiexec.exe: {e}"))?;
        let began = estate::instant();
        let mut looked = began;
        loop {
            if let Some(ended) = msiexec.try_wait().map_err(|e| e.to_string())? {
                return match shell::exit_code(&left, ended) {
                    Some(code) => Ok(i32::try_from(code).unwrap_or(i32::MAX)),
                    None => failed("somebody has ended msiexec"),
                };
            }
            if began.elapsed() >= most {
                return failed("the installer did not end in time, and is still running");
            }
            if looked.elapsed() >= WATCH {
                looked = estate::instant();
                if let Some(group) = self.arrived()? {
                    msiexec.kill().and_then(|()| msiexec.wait()).map_err(|e| e.to_string())?;
                    return failed(format!("{group} came to this node while the installer ran, which was ended"));
                }
            }
            std::thread::sleep(OFTEN);
        }
    }

    /// A group that this node owns, as its own cluster service says while it runs.
    fn arrived(&self) -> Result<Option<String>, String> {
        if matches!(self.store, super::Store::Folder(_)) {
            return Ok(None);
        }
        let at = format!("/cluster:{}", self.node);
        let Some((table, 0)) = shell::tool("cluster.exe", &[&at, "group"], 15)? else { return Ok(None) };
        let own = |row: &&str| row.split_whitespace().any(|word| word.eq_ignore_ascii_case(self.node));
        Ok(rows(&table).find(own).map(|row| row.split("  ").next().unwrap_or(row).to_owned()))
    }

    /// Brings services to what the baseline and the manifest say, where they say it of all that are disabled.
    fn restore(&self, triples: &[&str]) -> Step {
        let kept = self.place.read(r"kept\services")?.unwrap_or_default();
        let kept = kept.lines().filter_map(|line| {
            let [name, start, _] = line.split('\t').collect::<Vec<_>>()[..] else { return None };
            Some((name.to_owned(), start.to_owned()))
        });
        let given = triples.chunks(3).filter_map(|triple| match triple {
            [name, start, _] => Some(((*name).to_owned(), (*start).to_owned())),
            _ => None,
        });
        let meant: std::collections::BTreeMap<String, String> = kept.chain(given).collect();
        let mut estate = Estate::open()?;
        let (cluster, node, truth) = estate.node(self.node).ok_or("it is no node")?;
        let (cluster, node) = (cluster.clone(), node.clone());
        let all = truth.services.differing.keys().all(|name| meant.get(name).is_some_and(|start| start != "4"));
        if all && !truth.services.differing.is_empty() {
            let action = Action::RestoreServices { node: node.clone() };
            acting::carry_out(&mut estate, &cluster, &node, &action).or_else(failed)?;
        }
        WELL
    }

    fn start_cluster(&self, most: Duration) -> Step {
        let mut estate = Estate::open()?;
        let (cluster, node, truth) = estate.node(self.node).ok_or("it is no node")?;
        let (cluster, node) = (cluster.clone(), node.clone());
        if truth.service == ClusterService::Stopped {
            let action = Action::StartCluster { node: node.clone() };
            acting::carry_out(&mut estate, &cluster, &node, &action).or_else(failed)?;
        }
        drop(estate);
        let runs = wait(most, || {
            let estate = Estate::open()?;
            let member = |(_, _, truth): &(&_, &_, &NodeTruth)| truth.service == ClusterService::Member;
            Ok(estate.node(self.node).filter(member).map(|_| ()))
        })?;
        if runs.is_some() { WELL } else { failed("the cluster service does not start") }
    }
}

/// Where a package is put together.
pub fn part(file: &str, sha256: &str) -> String {
    format!(r"packages\{file}.{}.part", sha256.get(..16).unwrap_or(sha256))
}

/// The rows of a table.
fn rows(table: &str) -> impl Iterator<Item = &str> {
    table.lines().skip_while(|line| !line.starts_with("--")).skip(1).filter(|line| !line.trim().is_empty())
}

/// The action of which an installer's log says that it failed.
fn cause(log: &[u8]) -> String {
    let units: Vec<u16> = log.chunks_exact(2).skip(1).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let text = String::from_utf16_lossy(&units);
    let action = text.lines().find_map(|line| line.split_once(CONTEXT)?.0.split(' ').next_back().map(str::to_owned));
    action.map(|action| format!(": at {action}")).unwrap_or_default()
}
