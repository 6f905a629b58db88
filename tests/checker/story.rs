//! A way through the states, told so that it can be read.

use std::fmt::Write as _;

use rollward::drivers::simulator::world::{Fate, World};

use super::controllers::{CtlId, Next};
use super::search::{Finding, Label, Search};

/// What led to a finding.
pub fn told(search: &mut Search, finding: &Finding) -> String {
    let mut text = format!("{} in {}:\n", finding.what, search.setting.name);
    let way = search.way_to(finding.at);
    for pair in way.windows(2) {
        let steps = search.steps(pair[0]);
        let label = steps.into_iter().find(|s| s.to == pair[1]).expect("a step leads there").label;
        let _ = writeln!(text, "  {}", words(search, pair[0].controller, &label));
    }
    let last = *way.last().expect("there is a state");
    if let Some(label) = &finding.label {
        let _ = writeln!(text, "  {}   <-- {}", words(search, last.controller, label), finding.what);
    }
    text += "  the world before that:\n";
    text += &world(&search.worlds.world(last.world));
    if !finding.end.is_empty() {
        text += "  how it ends from there:\n";
        text += &finding.end;
    }
    text
}

fn words(search: &Search, controller: CtlId, label: &Label) -> String {
    let next = || search.controllers.get(controller).next.clone();
    match label {
        Label::Happens(event) => format!("{event:?}"),
        Label::MuchTime => "much time passes".into(),
        Label::Looks => match next() {
            Next::Look { then: Some(action) } => format!("a looks again, before {action}"),
            _ => "a looks".into(),
        },
        Label::LooksStale => "a looks again, and sees what it saw before".into(),
        Label::Claims(heard) => match next() {
            Next::Claim { wanted, .. } => {
                let wanted = wanted.map_or_else(|| "nothing any more".to_owned(), |c| c.to_string());
                let lost = if *heard { "" } else { ", and the reply is lost" };
                format!("a claims {wanted}{lost}")
            }
            _ => "a claims".into(),
        },
        Label::Acts(fate, lost) => {
            let action = match next() {
                Next::Act(order) => order.action.to_string(),
                _ => "acts".into(),
            };
            let fate = if *fate == Fate::Well { String::new() } else { format!(" ({fate:?})") };
            let lost = match lost {
                None => "",
                Some(true) => ", and the reply is lost",
                Some(false) => ", but the order is lost",
            };
            format!("a: {action}{fate}{lost}")
        }
        Label::CannotRecord => "a cannot write its journal".into(),
        Label::Dies => "a dies, and another begins that remembers nothing".into(),
    }
}

/// A world in a few lines.
pub fn world(world: &World) -> String {
    let mut text = String::new();
    for (name, node) in &world.nodes {
        let owns: Vec<_> = world.owned_by(name).map(|(g, t)| format!("{g} {}", t.state.word())).collect();
        let work = node.work.as_ref().map(|w| match &w.ended {
            None => format!("{} at {:?}", w.action, node.task.map(|t| t.stage)),
            Some(end) => format!("{} ended: {:?}", w.action, end.failure),
        });
        let installed: Vec<_> = node.installed.values().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "    {name}: {:?}, {:?}, paused {:?}, {installed:?}, owns {owns:?}, work {work:?}, epoch {}, tries {:?}{}",
            node.machine,
            node.service,
            node.paused,
            node.epoch_seen,
            node.tries.iter().map(|t| t.failed).collect::<Vec<_>>(),
            if world.apart.contains(name) { ", cut off" } else { "" },
        );
    }
    let marks: Vec<_> = world.store.marks.iter().map(ToString::to_string).collect();
    let _ = writeln!(
        text,
        "    claim {}, marks {marks:?}, witness {}",
        world.store.claim.as_ref().map_or_else(|| "nobody's".to_owned(), ToString::to_string),
        if world.witness_up { "up" } else { "down" }
    );
    text
}
