//! What people ask of a cluster outside the loop: the stop cord, forgetting tries, and giving everything back.

use std::time::Duration;

use super::look::Asked;
use super::marks;
use super::probe;
use super::ssh::Way;
use crate::drivers::command::{GivenBack, give_back, stop};
use crate::guard::Command;
use crate::model::{Mark, NodeName, Time};
use crate::observed::Observation;

const SCRIPT: &str = concat!(include_str!("frame.sh"), include_str!("drain.sh"), include_str!("command.sh"));

const PATIENCE: Duration = Duration::from_secs(60);

/// What the script is given.
#[derive(Default)]
struct Steps {
    resume: Vec<String>,
    drop: Vec<String>,
    put: Option<Mark>,
    claim: bool,
    forget: bool,
    clear: bool,
}

/// Announces an action on a node where the cluster is down, through another node's store.
///
/// # Errors
/// It is not announced there, or may not be: one is already, or the store cannot be written.
pub(super) async fn announce(way: &Way, asked: &Asked, through: &NodeName, mark: Mark) -> Result<(), String> {
    run(way, asked, through, Steps { put: Some(mark), ..Steps::default() }).await
}

/// Takes an announcement back. Where that fails, it is taken back like that of any work that has ended.
pub(super) async fn withdraw(way: &Way, asked: &Asked, through: &NodeName, mark: &Mark) {
    let _ = run(way, asked, through, Steps { drop: vec![marks::id(mark)], ..Steps::default() }).await;
}

/// Carries out a command.
///
/// # Errors
/// It was not done, and why.
pub(super) async fn carry_out(
    way: &Way,
    asked: &Asked,
    seen: &Observation,
    command: Command,
    now: Time,
) -> Result<String, String> {
    match command {
        Command::Stop { node, why, by } => {
            let mark = stop(node, &why, &by, now);
            run(way, asked, &on(seen)?, Steps { drop: vec![marks::id(&mark)], put: Some(mark), ..Steps::default() })
                .await?;
            Ok("the stop cord is pulled".into())
        }
        Command::Go { node } => {
            let id = marks::id(&stop(node, "", "", now));
            let there = seen.known_marks().any(|mark| marks::id(mark) == id);
            run(way, asked, &on(seen)?, Steps { drop: vec![id], ..Steps::default() }).await?;
            Ok(if there { "the stop cord is lifted" } else { "no stop cord was pulled there" }.into())
        }
        Command::Retry { node } => {
            let nodes: Vec<NodeName> = node.map_or_else(|| asked.nodes.keys().cloned().collect(), |node| vec![node]);
            for node in &nodes {
                run(way, asked, node, Steps { forget: true, ..Steps::default() }).await?;
            }
            Ok("failed tries are forgotten".into())
        }
        Command::Release => release(way, asked, seen).await,
    }
}

/// Gives back what controllers have put in standby, and removes their marks and the claim.
async fn release(way: &Way, asked: &Asked, seen: &Observation) -> Result<String, String> {
    let GivenBack { paused, marks: ours } = give_back(seen)?;
    let steps = Steps {
        resume: paused.into_iter().map(NodeName::to_string).collect(),
        drop: ours.into_iter().map(marks::id).collect(),
        claim: true,
        ..Steps::default()
    };
    let (count, resumed) = (steps.drop.len(), steps.resume.clone());
    run(way, asked, &on(seen)?, steps).await?;
    let mut done = format!("removed {count} marks and the claim");
    for node in resumed {
        done += &format!("; {node} is resumed");
    }
    for node in asked.nodes.keys() {
        if let Err(why) = run(way, asked, node, Steps { clear: true, ..Steps::default() }).await {
            done += &format!("; what is kept on {node} stays: {why}");
        }
    }
    Ok(done)
}

/// A node that answers with quorum.
fn on(seen: &Observation) -> Result<NodeName, String> {
    let view = seen.views.iter().find(|view| view.quorate);
    view.map(|view| view.from.clone()).ok_or_else(|| "no node with quorum answers; try again when one does".into())
}

async fn run(way: &Way, asked: &Asked, node: &NodeName, steps: Steps) -> Result<(), String> {
    let yes = |yes| if yes { "yes" } else { "no" };
    let (resume, drop) = (steps.resume.join(" "), steps.drop.join(" "));
    let put = steps.put.as_ref().map(marks::id).unwrap_or_default();
    let value = steps.put.as_ref().map(marks::write).unwrap_or_default();
    let variables = [
        ("resume", resume.as_str()),
        ("drop", drop.as_str()),
        ("put", put.as_str()),
        ("value", value.as_str()),
        ("claim", yes(steps.claim)),
        ("forget", yes(steps.forget)),
        ("clear", yes(steps.clear)),
        ("state", asked.spec.folder.as_str()),
    ];
    let said = way.run(node, SCRIPT, &variables, PATIENCE).await?;
    let answers = probe::read(&said).map_err(|why| format!("{node}: {why}"))?;
    match answers.get("done").map(|done| done.err.trim()) {
        Some("") => {}
        Some(why) => return Err(format!("{node}: {why}")),
        None => return Err(format!("{node}: it does not say how it went")),
    }
    // After the writes: a store without quorum takes them as well.
    match answers.get("quorum") {
        Some(quorum) if quorum.code != 0 => Err(format!("{node}: it has lost quorum ({}); look again", quorum.words())),
        _ => Ok(()),
    }
}
