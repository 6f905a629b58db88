//! `cluster.exe`: `[/cluster:NAME] [node|group|resource [NAME]] [/OPTION…]`.
//!
//! It ends with 0 or with the Win32 error that it says.

use std::time::Duration;

use rollward::drivers::simulator::Hand;
use rollward::drivers::simulator::world::{ClusterService, Machine, NodeTruth, World};
use rollward::model::{Action, ClusterName, GroupName, HandoffStyle, NodeName};
use rollward::observed::GroupState;

use crate::estate::{self, Estate, answers, same};
use crate::faults::{self, Trouble};
use crate::words::{Language, win32};
use crate::{acting, resources, tables};

/// A Win32 error.
struct Win32(u32);

type Said = Result<String, Win32>;

/// Where a tool leaves its exit code, if anybody wants the whole of it: on Linux, one has eight bits only.
pub const EXIT_CODE: &str = "TWIN_EXIT_CODE";

/// How long `/move` waits where nobody says.
const MOVE_SECONDS: u64 = 20;

pub fn run(args: &[String]) -> Result<u8, String> {
    let machine = estate::machine()?;
    let setup = estate::setup()?;
    let troubles = faults::of(&setup.faults, "cluster.exe", &args.join(" "), &machine);
    if let Some((code, saying)) = faults::suffer(&troubles) {
        print!("{saying}\r\n");
        return Ok(code);
    }
    let german = troubles.iter().any(|t| matches!(t, Trouble::SpeaksGerman));
    let language = if german { Language::German } else { Language::English };
    let (text, code) = answer(args, &machine, language);
    let whole = !troubles.iter().any(|t| matches!(t, Trouble::IsCutShort));
    print!("{}", if whole { &text } else { faults::cut_short(&text) });
    // On Linux an exit code has eight bits; the caller finds the whole one here.
    leave_exit_code(code);
    Ok(u8::try_from(code).unwrap_or(1))
}

/// What it says, and what it ends with.
pub fn answer(args: &[String], machine: &str, language: Language) -> (String, u32) {
    match ask(args, machine, language) {
        Ok(text) => (text, 0),
        Err(Win32(code)) => (format!("System error {code} has occurred (0x{code:08x}).\r\n{}\r\n", win32(code)), code),
    }
}

/// Leaves the whole exit code where the caller looks for it.
pub fn leave_exit_code(code: u32) {
    if let Some(path) = std::env::var_os(EXIT_CODE)
        && let Err(error) = std::fs::write(path, code.to_string())
    {
        eprintln!("twin: the exit code is lost: {error}");
    }
}

fn ask(args: &[String], machine: &str, language: Language) -> Said {
    let mut args = args.iter().map(String::as_str).peekable();
    let named = args.next_if(|arg| option(arg).is_some_and(|(name, _)| name == "cluster"));
    let server = named.and_then(|arg| option(arg)).map_or(machine, |(_, value)| value);
    let estate = Estate::open().map_err(|why| {
        eprintln!("twin: {why}");
        Win32(1722)
    })?;
    let cluster = connect(&estate, server)?;
    let what = args.next_if(|arg| !arg.starts_with('/')).map(str::to_lowercase);
    let name = what.as_ref().and_then(|_| args.next_if(|arg| !arg.starts_with('/')));
    let mut connection = Connection { estate, cluster, language };
    let rest: Vec<&str> = args.collect();
    match what.as_deref() {
        None => connection.of_cluster(&rest),
        Some("node") => connection.of_node(name, &rest),
        Some("group") => connection.of_group(name, &rest),
        Some("res" | "resource") => connection.of_resource(name, &rest),
        Some(_) => Err(Win32(87)),
    }
}

/// `/name:value`, with the name in small letters.
fn option(arg: &str) -> Option<(String, &str)> {
    let (name, value) = arg.strip_prefix('/')?.split_once(':').unwrap_or((arg.strip_prefix('/')?, ""));
    Some((name.to_lowercase(), value))
}

/// Whether an option's name is this one, or a shorter form that the tool takes.
fn is(name: &str, short: &str, long: &str) -> bool {
    name.starts_with(short) && long.starts_with(name)
}

/// The cluster whose service answers there: a node by its own name, or a cluster by its network name.
fn connect(estate: &Estate, server: &str) -> Result<ClusterName, Win32> {
    if let Some((cluster, _, truth)) = estate.node(server) {
        let world = estate.world(cluster).ok_or(Win32(1722))?;
        return match truth.machine {
            Machine::Down { .. } => Err(Win32(1722)),
            Machine::Up if !answers(world, truth) || world.is_standalone() => Err(Win32(1753)),
            Machine::Up => Ok(cluster.clone()),
        };
    }
    let mut worlds = estate.worlds();
    let found = worlds.find(|(name, world)| same(&estate.network_name(name), server) && world.has_quorum());
    found.map(|(name, _)| name.clone()).ok_or(Win32(1722))
}

struct Connection {
    estate: Estate,
    cluster: ClusterName,
    language: Language,
}

impl Connection {
    fn world(&self) -> Result<&World, Win32> {
        self.estate.world(&self.cluster).ok_or(Win32(1722))
    }

    fn of_cluster(&mut self, options: &[&str]) -> Said {
        let Some(((name, _), rest)) = options.split_first().and_then(|(o, rest)| Some((option(o)?, rest))) else {
            return Err(Win32(87));
        };
        if !is(&name, "priv", "privproperties") {
            return Err(Win32(87));
        }
        let whose = self.estate.network_name(&self.cluster);
        let mut properties = self.estate.properties.get(&self.cluster).cloned().unwrap_or_default();
        if let Some((first, rest)) = rest.split_first() {
            let default = rest.first().and_then(|o| option(o)).is_some_and(|(name, _)| name == "usedefault");
            match first.split_once('=') {
                Some((name, value)) => _ = properties.insert(name.to_owned(), value.to_owned()),
                None if default => _ = properties.remove(*first),
                None => return Err(Win32(87)),
            }
            self.estate.properties.insert(self.cluster.clone(), properties);
            self.estate.keep();
            return Ok(String::new());
        }
        let heading =
            self.language.pick("Listing private properties for", "Private Eigenschaften werden aufgelistet für");
        let rows = properties.iter().map(|(name, value)| tables::property("S", &whose, name, value));
        Ok(tables::properties("Cluster", &format!("{heading} '{whose}':"), rows))
    }

    fn of_node(&mut self, name: Option<&str>, options: &[&str]) -> Said {
        let node = match name {
            None => None,
            Some(name) => {
                let found = self.world()?.nodes.keys().find(|node| same(node.as_str(), name)).cloned();
                Some(found.ok_or(Win32(5042))?)
            }
        };
        let wanted = options.first().and_then(|o| option(o)).map_or("status".into(), |(name, _)| name);
        match (&node, wanted) {
            (_, o) if is(&o, "stat", "status") => {}
            (Some(node), o) if is(&o, "pause", "pausenode") => {
                let (node, mine) = (node.clone(), acting::for_a_controller());
                // To pause a paused node is no error, and changes nothing but whose doing it is.
                if self.member(&node)?.paused.is_none() || mine {
                    acting::pause(&mut self.estate, &self.cluster, &node, true).map_err(|_| Win32(5050))?;
                }
            }
            (Some(node), o) if is(&o, "resume", "resumenode") => {
                let node = node.clone();
                if self.member(&node)?.paused.is_none() {
                    return Err(Win32(5058));
                }
                acting::pause(&mut self.estate, &self.cluster, &node, false).map_err(|_| Win32(5050))?;
            }
            _ => return Err(Win32(87)),
        }
        let world = self.world()?;
        let mut names: Vec<(usize, &NodeName)> = world.nodes.keys().enumerate().collect();
        // Not by number: the order is the one in which they joined.
        names.chunks_mut(2).for_each(|pair| pair.reverse());
        let rows = names.into_iter().filter(|(_, name)| node.as_ref().is_none_or(|node| node == *name));
        let rows = rows.filter_map(|(i, name)| {
            let truth = world.nodes.get(name)?;
            let status = self.language.node(truth, answers(world, truth));
            Some(tables::node(name.as_str(), &(i + 1).to_string(), status))
        });
        let heading = match &node {
            None => self.language.pick(
                "Listing status for all available nodes:",
                "Der Status aller verfügbaren Knoten wird aufgelistet:",
            ),
            Some(_) => self.language.pick("Listing status for node:", "Der Status des Knotens wird aufgelistet:"),
        };
        Ok(tables::nodes(self.language, heading, rows))
    }

    fn member(&self, node: &NodeName) -> Result<&NodeTruth, Win32> {
        let truth = self.world()?.nodes.get(node).filter(|n| n.service == ClusterService::Member);
        truth.map(|truth| &**truth).ok_or(Win32(5050))
    }

    fn of_group(&mut self, name: Option<&str>, options: &[&str]) -> Said {
        let group = match name {
            None => None,
            Some(name) => {
                let mut names = self.world()?.groups.keys();
                let found = names.find(|group| group.as_str().to_lowercase() == name.to_lowercase());
                Some(found.ok_or(Win32(5013))?.clone())
            }
        };
        let Some((wanted, value)) = options.first().and_then(|o| option(o)) else { return self.groups(group.as_ref()) };
        let wait = options.get(1).and_then(|o| option(o)).filter(|(name, _)| name == "wait");
        match (&group, wanted) {
            (_, o) if is(&o, "stat", "status") => self.groups(group.as_ref()),
            (Some(group), o) if is(&o, "prop", "properties") => self.group_properties(group),
            (Some(group), o) if o == "listowners" => {
                let heading =
                    self.language.pick("Listing preferred owners for resource group", "Bevorzugte Besitzer der Gruppe");
                let owners = self.world()?.groups.get(group).and_then(|g| g.failback_to.clone());
                let owners = owners.into_iter().map(|node| node.to_string());
                Ok(tables::names(&format!("{heading} '{group}':"), "Preferred Owner Nodes", owners))
            }
            (Some(group), o) if is(&o, "move", "moveto") => {
                let (group, to) = (group.clone(), value.to_owned());
                let seconds = match wait {
                    None => Some(MOVE_SECONDS),
                    Some((_, "")) => None,
                    Some((_, text)) => Some(text.parse().map_err(|_| Win32(87))?),
                };
                self.move_group(&group, &to)?;
                self.wait_for(&group, seconds)
            }
            _ => Err(Win32(87)),
        }
    }

    fn groups(&self, only: Option<&GroupName>) -> Said {
        let groups = self.world()?.groups.iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
        let rows = groups
            .map(|(name, group)| tables::group(name.as_str(), group.owner.as_str(), self.language.group(group.state)));
        let heading = match only {
            None => self.language.pick(
                "Listing status for all available resource groups:",
                "Der Status aller verfügbaren Ressourcengruppen wird aufgelistet:",
            ),
            Some(_) => {
                self.language.pick("Listing status for resource group:", "Der Status der Gruppe wird aufgelistet:")
            }
        };
        Ok(tables::groups(self.language, heading, rows))
    }

    fn group_properties(&self, name: &GroupName) -> Said {
        let truth = self.world()?.groups.get(name).ok_or(Win32(5013))?;
        let failback = if truth.failback_to.is_some() { "1 (0x1)" } else { "0 (0x0)" };
        let row = |kind, property, value| tables::property(kind, name.as_str(), property, value);
        let rows = [
            row("SR", "Name", name.as_str()),
            row("D", "PersistentState", if truth.wanted { "1 (0x1)" } else { "0 (0x0)" }),
            row("D", "AutoFailbackType", failback),
            row("D", "FailbackWindowStart", "4294967295 (0xffffffff)"),
            row("D", "FailbackWindowEnd", "4294967295 (0xffffffff)"),
        ];
        let heading = self.language.pick("Listing properties for", "Eigenschaften werden aufgelistet für");
        Ok(tables::properties("Resource Group", &format!("{heading} '{name}':"), rows))
    }

    /// Begins a move, to the best node where none is named.
    fn move_group(&mut self, group: &GroupName, to: &str) -> Result<(), Win32> {
        let world = self.world()?;
        let truth = world.groups.get(group).ok_or(Win32(5013))?;
        let (from, role) = (truth.owner.clone(), resources::is_mailbox_server(truth));
        let node = match to {
            "" => truth.possible_owners.iter().find(|node| **node != from && world.can_take(group, node).is_ok()),
            _ => Some(world.nodes.keys().find(|node| same(node.as_str(), to)).ok_or(Win32(5042))?),
        };
        let to = node.cloned().ok_or(Win32(5071))?;
        if from == to {
            return Ok(());
        }
        if self.member(&to)?.paused.is_some() {
            return Err(Win32(5070));
        }
        world.can_take(group, &to).map_err(|_| Win32(5071))?;
        if !acting::for_a_controller() {
            let moves = self.estate.poke(&self.cluster, Hand::Move { group: group.clone(), to });
            self.estate.keep();
            return moves.map(|_| ()).map_err(|_| Win32(5071));
        }
        let group = group.clone();
        let action = match role {
            true => Action::Handoff { group, from, to, style: HandoffStyle::Online },
            false => Action::MoveGroup { group, from, to },
        };
        acting::begin(&mut self.estate, &self.cluster, &action).map_err(|_| Win32(5012))
    }

    /// Waits until the group is on its way no more, with the estate in others' hands. The seconds are the estate's.
    fn wait_for(&mut self, group: &GroupName, seconds: Option<u64>) -> Said {
        let began = estate::instant();
        let seconds = seconds.map(|seconds| Duration::from_secs(seconds) / self.estate.setup.time_scale);
        while self.world()?.groups.get(group).is_some_and(|g| g.state == GroupState::Pending) {
            if seconds.is_some_and(|seconds| began.elapsed() >= seconds) {
                return Err(Win32(997));
            }
            self.estate.let_others_in(acting::OFTEN).map_err(|_| Win32(1722))?;
        }
        self.groups(Some(group))
    }

    fn of_resource(&self, name: Option<&str>, options: &[&str]) -> Said {
        let mut all = resources::all(self.world()?, &self.estate.setup.witness);
        if let Some(name) = name {
            all.retain(|resource| resource.name.to_lowercase() == name.to_lowercase());
            if all.is_empty() {
                return Err(Win32(5002));
            }
        }
        let wanted = options.first().and_then(|o| option(o)).map_or("status".into(), |(name, _)| name);
        let one = all.first().filter(|_| name.is_some());
        match one {
            _ if is(&wanted, "stat", "status") => {
                let heading = self.language.pick(
                    "Listing status for all available resources:",
                    "Der Status aller verfügbaren Ressourcen wird aufgelistet:",
                );
                let rows = all.iter().map(|r| {
                    let status = self.language.resource(r.state);
                    tables::resource(&r.name, r.group.as_str(), r.owner.as_str(), status)
                });
                Ok(tables::resources(self.language, heading, rows))
            }
            Some(resource) if is(&wanted, "priv", "privproperties") => {
                let heading = self.language.pick("Listing private properties for", "Private Eigenschaften von");
                let rows = resource.private.iter().map(|(n, v)| tables::property("S", &resource.name, n, v));
                Ok(tables::properties("Resource", &format!("{heading} '{}':", resource.name), rows))
            }
            Some(resource) if wanted == "listowners" => {
                let heading =
                    self.language.pick("Listing possible owners for resource", "Mögliche Besitzer der Ressource");
                let owners = resource.possible_owners.iter().map(ToString::to_string);
                Ok(tables::names(&format!("{heading} '{}':", resource.name), "Possible Owner Nodes", owners))
            }
            _ => Err(Win32(87)),
        }
    }
}
