//! What users of a role see: asked twenty times a second, from the management network.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::cluster::Lab;
use super::now;

const EVERY: Duration = Duration::from_millis(50);

/// The roles of `clusters/two-roles.xml`, and where they answer.
pub const TWO_ROLES: &[(&str, &str)] = &[("mail", "10.77.0.100:7001"), ("files", "10.77.0.101:7002")];

/// What is asked.
#[derive(Clone, Debug)]
enum Asked {
    /// The service, at its address.
    Service(SocketAddr),
    /// Which node has promoted a resource: its state file on each.
    Promoted(Vec<(String, PathBuf)>),
}

/// Probes at work, one a role.
pub struct Probes {
    stop: Arc<AtomicBool>,
    at_work: Vec<(String, JoinHandle<Vec<Answer>>)>,
}

/// When somebody asked, and what was answered.
struct Answer {
    at: Instant,
    said: Option<String>,
}

/// What users of one role saw.
#[derive(Clone, Debug)]
pub struct Seen {
    pub role: String,
    /// From the last answer before to the first after, of each outage.
    pub outages: Vec<Duration>,
    pub asked: usize,
    pub over: Duration,
    /// Its answers, each once as long as it stays the same: role, version and node, or the node only.
    pub answers: Vec<String>,
}

impl Seen {
    pub fn outage(&self) -> Duration {
        self.outages.iter().sum()
    }

    /// For people.
    pub fn words(&self) -> String {
        let Self { role, outages, asked, over, .. } = self;
        let over = over.as_secs_f64();
        let (times, out) = (outages.len(), self.outage().as_secs_f64());
        format!("{role}: out {times} times, for {out:.2} s together; asked {asked} times in {over:.1} s")
    }
}

impl Probes {
    /// Probes of services, by role and address.
    pub fn start(lab: &Lab, roles: &[(&str, &str)]) -> Self {
        let mut probes = Self { stop: Arc::new(AtomicBool::new(false)), at_work: Vec::new() };
        for (role, address) in roles {
            probes.add(lab, role, Asked::Service(address.parse().unwrap()));
        }
        probes
    }

    /// One more, of who has promoted a `Stateful` resource. No node may be switched off meanwhile.
    pub fn and_promoted(mut self, lab: &Lab, resource: &str) -> Self {
        let file = |node: &String| {
            let process = lab.process(&format!("{node}.pid"));
            (node.clone(), format!("/proc/{process}/root/run/Stateful-{resource}.state").into())
        };
        self.add(lab, resource, Asked::Promoted(lab.nodes.iter().map(file).collect()));
        self
    }

    fn add(&mut self, lab: &Lab, role: &str, asked: Asked) {
        let network = std::fs::File::open(format!("/proc/{}/ns/net", lab.process("pid"))).unwrap();
        let stop = Arc::clone(&self.stop);
        let at_work = std::thread::spawn(move || {
            // This thread's network only.
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let at = now();
                answers.push(Answer { at, said: asked.ask() });
                std::thread::sleep(EVERY.saturating_sub(at.elapsed()));
            }
            answers
        });
        self.at_work.push((role.to_owned(), at_work));
    }

    /// Ends them.
    pub fn end(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.at_work.into_iter().map(|(role, at_work)| seen(role, &at_work.join().unwrap())).collect()
    }
}

impl Asked {
    fn ask(&self) -> Option<String> {
        match self {
            Self::Service(address) => {
                let patience = Duration::from_millis(80);
                let mut stream = TcpStream::connect_timeout(address, patience).ok()?;
                stream.set_read_timeout(Some(patience)).ok()?;
                let mut said = String::new();
                stream.read_to_string(&mut said).ok()?;
                Some(said.trim().to_owned()).filter(|said| !said.is_empty())
            }
            Self::Promoted(files) => {
                let promoted =
                    |file: &PathBuf| std::fs::read(file).is_ok_and(|state| state.trim_ascii() == b"Promoted");
                let mut on = files.iter().filter(|(_, file)| promoted(file));
                on.next().map(|(node, _)| node.clone()).filter(|_| on.next().is_none())
            }
        }
    }
}

#[track_caller]
fn seen(role: String, answers: &[Answer]) -> Seen {
    let over = answers.last().unwrap().at - answers.first().unwrap().at;
    let mut outages = Vec::new();
    let mut good: Option<&Answer> = None;
    let mut out = false;
    for answer in answers {
        if answer.said.is_some() {
            if let (true, Some(good)) = (out, good) {
                outages.push(answer.at - good.at);
            }
            (good, out) = (Some(answer), false);
        } else {
            out = true;
        }
    }
    if let (true, Some(good)) = (out, good) {
        outages.push(answers.last().unwrap().at - good.at);
    }
    assert!(
        answers.len() as f64 >= 10.0 * over.as_secs_f64(),
        "{role} was asked too seldom: {} in {over:?}",
        answers.len()
    );
    let mut different: Vec<String> = answers.iter().filter_map(|answer| answer.said.clone()).collect();
    different.dedup();
    Seen { role, outages, asked: answers.len(), over, answers: different }
}
