//! A way through the states, told so that it can be read.

use std::fmt::Write as _;

use rollward::drivers::simulator::world::{Fate, World};

use super::controllers::CtlId;
use super::next::Next;
use super::search::{Finding, Label, Search};

/// What led to a finding.
pub fn told(search: &mut Search, finding: &Finding) -> String {
    let mut text = format!("{} in {}:\n", finding.what, search.setting.name);
    let way = search.way_to(finding.at);
    for pair in way.windows(2) {
        let steps = search.steps(pair[0]);
        let step = steps.into_iter().find(|s| s.to == pair[1]).expect("a step leads there");
        let _ = writeln!(text, "  {}", words(search, step.who, &step.label));
        if step.changes {
            let _ = writeln!(text, "  (from here on, a is called b, and b a)");
        }
    }
    let last = *way.last().expect("there is a state");
    if let Some((who, label)) = &finding.step {
        let _ = writeln!(text, "  {}   <-- {}", words(search, *who, label), finding.what);
    }
    text += "  the world before that:\n";
    text += &world(&search.worlds.world(last.world));
    if !finding.end.is_empty() {
        text += "  how it ends from there:\n";
        text += &finding.end;
    }
    text
}

fn words(search: &Search, who: Option<CtlId>, label: &Label) -> String {
    let us = who.map_or("nobody", |id| search.controllers.holder(id).as_str());
    let next = || who.map_or(Next::Nothing, |id| search.controllers.get(id).next.clone());
    match label {
        Label::Happens(event) => format!("{event:?}"),
        Label::MuchTime => "much time passes".into(),
        Label::Looks => match next() {
            Next::Look { then: Some(action) } => format!("{us} looks again, before {action}"),
            _ => format!("{us} looks"),
        },
        Label::LooksStale => format!("{us} looks again, and sees what it saw before"),
        Label::Claims(heard) => match next() {
            Next::Claim { wanted, .. } => {
                let wanted = wanted.map_or_else(|| "nothing any more".to_owned(), |c| c.to_string());
                let lost = if *heard { "" } else { ", and the reply is lost" };
                format!("{us} claims {wanted}{lost}")
            }
            _ => format!("{us} claims"),
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
            format!("{us}: {action}{fate}{lost}")
        }
        Label::CannotRecord => format!("{us} cannot write its journal"),
        Label::Dies => format!("{us} dies, and another begins that remembers nothing"),
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
