//! What people ask of a cluster outside the loop: the stop cord, forgetting tries, and giving everything back.

use super::look::{Asked, Said};
use super::wire::words;
use super::{Exchange2007, Input, PATIENCE, TIDY, claim, marks, spec};
use crate::drivers::command::{GivenBack, give_back, stop};
use crate::guard::Command;
use crate::model::{Mark, NodeName, Time};
use crate::observed::Observation;

/// Carries out a command.
///
/// # Errors
/// It was not done, and why.
pub(super) async fn carry_out(
    driver: &Exchange2007,
    asked: &Asked,
    seen: &Observation,
    command: Command,
    now: Time,
) -> Result<String, String> {
    match command {
        Command::Stop { node, why, by } => {
            // One that is there is written over.
            write(driver, asked, &[put(&stop(node, &why, &by, now))]).await?;
            Ok("the stop cord is pulled".into())
        }
        Command::Go { node } => {
            let name = marks::name(&stop(node, "", "", now));
            let there = seen.known_marks().any(|mark| marks::name(mark) == name);
            write(driver, asked, &[("drop", name)]).await?;
            Ok(if there { "the stop cord is lifted" } else { "no stop cord was pulled there" }.into())
        }
        Command::Retry { node } => {
            let nodes: Vec<NodeName> = node.map_or_else(|| asked.nodes.keys().cloned().collect(), |node| vec![node]);
            for node in &nodes {
                tidy(driver, asked, node, "forget").await?;
            }
            Ok("failed tries are forgotten".into())
        }
        Command::Release => release(driver, asked, seen).await,
    }
}

/// Gives back what controllers have paused, and removes their marks, the claim, and what is kept on the nodes.
async fn release(driver: &Exchange2007, asked: &Asked, seen: &Observation) -> Result<String, String> {
    let GivenBack { paused, marks: ours } = give_back(seen)?;
    let resume =
        paused.iter().filter(|_| asked.spec.is_cluster()).map(|node| ("resume", spec::machine(node).to_owned()));
    let drop = ours.iter().map(|mark| ("drop", marks::name(mark)));
    let inputs: Vec<Input> = resume.chain(drop).chain([("drop", marks::CLAIM.to_owned())]).collect();
    write(driver, asked, &inputs).await?;
    let mut done = format!("removed {} marks and the claim", ours.len());
    for node in paused {
        done += &format!("; {node} is resumed");
    }
    for node in asked.nodes.keys() {
        if let Err(why) = tidy(driver, asked, node, "clear").await {
            done += &format!("; what is kept on {node} stays: {why}");
        }
    }
    Ok(done)
}

/// What the script is given to write a mark.
fn put(mark: &Mark) -> Input {
    ("put", words([marks::name(mark).as_str(), &marks::write(mark)]))
}

/// Writes what of ours is in the cluster's database.
///
/// # Errors
/// Something of it was not done.
pub(super) async fn write(driver: &Exchange2007, asked: &Asked, inputs: &[Input]) -> Result<(), String> {
    written(&driver.store(asked, inputs).await)
}

fn written(said: &Said) -> Result<(), String> {
    let (answer, _) = said.heard()?;
    answer.done("store")?;
    let mut failures = ["resume:", "drop:", "put:"].into_iter().flat_map(|kind| answer.failures(kind));
    if let Some(why) = failures.next() {
        return Err(why);
    }
    claim::ours(answer).map(|_| ())
}

async fn tidy(driver: &Exchange2007, asked: &Asked, node: &NodeName, what: &'static str) -> Result<(), String> {
    let inputs = [("folder", asked.spec.folder.clone()), (what, "yes".to_owned())];
    let said = driver.ask_node(asked, node, TIDY, &inputs, PATIENCE).await;
    let (answer, _) = said.heard()?;
    match answer.all::<2>("refused")?.first() {
        Some([check, saw]) => Err(format!("{node}: {check}: {saw}")),
        None => answer.done("tidy").map_err(|why| format!("{node}: {why}")),
    }
}
