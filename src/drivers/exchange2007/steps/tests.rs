//! Which steps each action becomes.

use super::*;
use crate::drivers::exchange2007::look::tests::{asked_of, raw};
use crate::drivers::exchange2007::look::{Asked, look};
use crate::model::{Holder, Known};

const FILE: &str = "Exchange2007-KB2756497-v3-x64-EN.msp";

fn at() -> crate::model::Time {
    "2017-04-01T20:00:00Z".parse().unwrap()
}

fn mark(kind: MarkKind) -> Mark {
    Mark { kind, epoch: 3, holder: Holder::new("vm"), at: at() }
}

fn planned_of(asked: &Asked, seen: &Observation, action: &Action, patches: &[String]) -> Result<Plan, String> {
    let packages = [(FILE.to_owned(), 7, "00ff".to_owned())];
    let rollup = asked.nodes.values().next().unwrap();
    plan(
        action,
        &Given { asked, seen, rollup: Some(rollup), packages: &packages, patches, mark: &mark, comment: "why: this" },
    )
}

fn seen() -> Observation {
    look(&asked_of(), &raw(), at())
}

/// The steps without their limits; of marks, only what they are about.
fn steps(action: &Action) -> Vec<String> {
    let plan = planned_of(&asked_of(), &seen(), action, &["{P2}".into(), "{P1}".into()]).unwrap();
    short(&plan)
}

fn short(plan: &Plan) -> Vec<String> {
    let name = |step: &String| {
        let words: Vec<&str> = step.split(' ').skip(1).collect();
        let words: Vec<&str> = if words[0] == "mark" { words[..2].to_vec() } else { words };
        words.join(" ")
    };
    plan.steps.iter().map(name).collect()
}

fn node() -> NodeName {
    "EXNODE2".into()
}

fn property(kind: MarkKind) -> String {
    marks::name(&mark(kind))
}

#[test]
fn a_pause_is_marked_before_it_is_made_and_until_it_is_gone() {
    let pause = property(MarkKind::Pause { node: node() });
    assert_eq!(
        steps(&Action::Pause { node: node() }),
        [format!("mark {pause}"), "cluster node EXNODE2 /pause".into(), "await-node EXNODE2 Paused".into()]
    );
    let given_back = ["cluster node EXNODE2 /resume", "await-node EXNODE2 Up", "verified", &format!("unmark {pause}")];
    assert_eq!(steps(&Action::Resume { node: node(), quarantine: None }), given_back);
    let quarantine = property(MarkKind::Quarantine { node: node(), why: String::new() });
    let quarantined = steps(&Action::Resume { node: node(), quarantine: Some("it failed".into()) });
    assert_eq!(
        (&quarantined[0], &quarantined[1..]),
        (&format!("mark {quarantine}"), &given_back.map(str::to_owned)[..])
    );
}

#[test]
fn a_host_that_is_no_cluster_has_nothing_to_pause_but_the_mark() {
    let mut asked = asked_of();
    asked.spec = spec::read(&serde_json::json!({"managementHost": "mgmt1", "quorum": {"model": "none"}})).unwrap();
    let plan = planned_of(&asked, &seen(), &Action::Pause { node: node() }, &[]).unwrap();
    assert_eq!(short(&plan).len(), 1);
    let plan = planned_of(&asked, &seen(), &Action::Resume { node: node(), quarantine: None }, &[]).unwrap();
    assert_eq!(short(&plan)[0], "verified");
}

#[test]
fn a_group_arrives_no_worse_than_it_was() {
    let action = Action::MoveGroup { group: "Cluster Group".into(), from: node(), to: "exnode1.example.com".into() };
    assert_eq!(steps(&action), ["move-group Cluster%20Group exnode1 Online"]);
    let mut seen = seen();
    let mut with = |state| {
        seen.groups.get_mut("Cluster Group").unwrap().state = state;
        planned_of(&asked_of(), &seen, &action, &[]).map(|plan| short(&plan).join(""))
    };
    let offline = with(Known::seen(GroupState::Offline, at())).unwrap();
    assert!(offline.ends_with("Online Partially%20Online Offline"), "{offline}");
    assert!(with(Known::unknown("not seen")).is_err() && with(Known::seen(GroupState::Pending, at())).is_err());
}

#[test]
fn a_role_that_is_stopped_has_a_duty_first_and_keeps_it_until_it_runs() {
    let role = || GroupName::new("MBX1");
    let duty = property(MarkKind::StoppedRole { group: role(), to: node(), deadline: at() });
    let at_most = Duration::from_secs(600);
    let stop = Action::StopRole { group: role(), node: "EXNODE1".into(), to: node(), at_most };
    assert_eq!(steps(&stop), [format!("mark {duty}"), "stop MBX1 EXNODE1 why:%20this".into(), format!("mark {duty}")]);
    let plan = planned_of(&asked_of(), &seen(), &stop, &[]).unwrap();
    let value = plan.steps[0].rsplit(' ').next().unwrap();
    let once = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
    let json = percent_encoding::percent_decode_str(&once).decode_utf8().unwrap();
    let deadline = later(at(), at_most);
    let kind = MarkKind::StoppedRole { group: role(), to: node(), deadline };
    assert_eq!(serde_json::from_str::<Mark>(&json).unwrap(), mark(kind));
    let start = Action::StartRole { group: role(), node: node() };
    assert_eq!(steps(&start), ["start MBX1 EXNODE2".to_owned(), format!("unmark {duty}")]);
    for (style, state) in [(HandoffStyle::Online, "Online"), (HandoffStyle::Offline, "Offline")] {
        let action = Action::Handoff { group: role(), from: "EXNODE1".into(), to: node(), style };
        assert_eq!(steps(&action), [format!("handoff MBX1 EXNODE2 {state} why:%20this")]);
        let counts = planned_of(&asked_of(), &seen(), &action, &[]).unwrap().counts;
        assert_eq!(counts, Some(Counts { file: "handoffs", subject: "MBX1".into(), forgets: true }));
    }
}

#[test]
fn the_services_are_written_down_before_an_installer_begins() {
    let install = Action::Install { node: node(), rollup: "ru8".into() };
    let watched = "ClusSvc WinMgmt RemoteRegistry W3SVC IISADMIN MSExchangeRepl";
    assert_eq!(steps(&install), [format!("baseline {watched}"), format!("install {}", asked_file())]);
    let uninstall = Action::Uninstall { node: node(), rollup: "ru8".into() };
    assert_eq!(steps(&uninstall), [format!("baseline {watched}"), "remove {P2}".into(), "remove {P1}".into()]);
    assert!(planned_of(&asked_of(), &seen(), &uninstall, &[]).is_err(), "nothing to remove");
    let counts = planned_of(&asked_of(), &seen(), &install, &[]).unwrap().counts.unwrap();
    assert_eq!((counts.file, &*counts.subject, counts.forgets), ("tries", "ru8", true));
    let stage = planned_of(&asked_of(), &seen(), &Action::Stage { node: node(), rollup: "ru8".into() }, &[]).unwrap();
    assert_eq!(short(&stage), [format!("receive {FILE} 7 00ff")]);
    assert!(!stage.counts.unwrap().forgets, "what is staged is not installed");
    assert_eq!(steps(&Action::RestoreServices { node: node() }), ["services MSExchangeRepl 2 True"]);
}

fn asked_file() -> String {
    asked_of().nodes.values().next().unwrap().packages[0].file.clone()
}

#[test]
fn only_what_may_find_no_cluster_goes_on_without_announcement() {
    let unannounced = |action: Action| planned_of(&asked_of(), &seen(), &action, &["{P}".into()]).unwrap().unannounced;
    assert!(unannounced(Action::StartCluster { node: node() }) && unannounced(Action::Reboot { node: node() }));
    assert!(!unannounced(Action::Pause { node: node() }));
    assert_eq!(
        steps(&Action::StartCluster { node: node() }),
        ["start-service ClusSvc", "await-node EXNODE2 Up Paused"]
    );
    assert_eq!(steps(&Action::ResumeReplication { node: node() }), ["resume-copies MBX1"]);
    assert!(planned_of(&asked_of(), &seen(), &Action::StopCluster { node: node() }, &[]).is_err());
}
