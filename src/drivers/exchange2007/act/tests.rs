//! What a worker is given, and what is made of the answers.

use super::super::look::tests::{asked_of, said};
use super::super::steps::Counts;
use super::*;

fn order<'a>(action: &'a Action, claim: Option<&'a Claim>, node: &'a NodeName) -> Order<'a> {
    let at = "2017-04-01T20:00:00Z".parse().unwrap();
    Order { action, claim, checks: &[], at, node, id: "00ff".into() }
}

fn all<'a>(inputs: &'a [Input], key: &str) -> Vec<&'a str> {
    inputs.iter().filter(|(name, _)| *name == key).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn a_worker_is_told_whose_order_it_is_whom_to_ask_and_what_to_announce() {
    let node = NodeName::from("EXNODE2");
    let action = Action::Pause { node: node.clone() };
    let claim = Claim { epoch: 7, holder: Holder::new("my vm"), heartbeat: 3 };
    let counts = Counts { file: "tries", subject: "ru 8".into(), forgets: false };
    let plan = Plan { steps: vec!["30 verified".into()], counts: Some(counts), unannounced: true };
    let inputs = order(&action, Some(&claim), &node).inputs(&asked_of(), plan);
    assert_eq!(all(&inputs, "server"), ["EXNODE2", "EXNODE1"], "itself first");
    assert_eq!((all(&inputs, "epoch"), all(&inputs, "holder")), (vec!["7"], vec!["my%20vm"]));
    assert_eq!(all(&inputs, "counts"), ["tries ru%208 False"]);
    assert_eq!((all(&inputs, "unannounced"), all(&inputs, "step")), (vec!["yes"], vec!["30 verified"]));
    let work: crate::observed::Work = serde_json::from_str(all(&inputs, "work")[0]).unwrap();
    assert_eq!((work.action, work.epoch, work.holder, work.ended), (action.clone(), 7, claim.holder, None));
    let announced = percent_encoding::percent_decode_str(all(&inputs, "value")[0]).decode_utf8().unwrap();
    let mark: Mark = serde_json::from_str(&announced).unwrap();
    assert_eq!(mark.kind, MarkKind::InProgress { action: Box::new(action.clone()) });
    assert_eq!(all(&inputs, "name"), [marks::name(&mark)]);
    let unclaimed = order(&action, None, &node).inputs(&asked_of(), Plan::default());
    assert_eq!((all(&unclaimed, "epoch"), all(&unclaimed, "holder")), (vec!["0"], vec!["nobody"]));
    assert!(all(&unclaimed, "unannounced").is_empty() && all(&unclaimed, "counts").is_empty());
}

#[test]
fn no_two_orders_are_called_alike() {
    let action = Action::Reboot { node: "N1".into() };
    let at = "2017-04-01T20:00:00Z".parse().unwrap();
    let (one, other) = (new_id(&action, at), new_id(&action, at));
    assert!(one != other && one.len() == 16, "{one} {other}");
}

#[test]
fn what_was_not_said_in_so_many_words_is_unsure() {
    let word = |lines: &str| answered(&said(lines), "order");
    assert_eq!(word("time|x\nannounced"), Ok(()));
    assert_eq!(word("begun"), Ok(()));
    assert_eq!(word("refused|epoch|it has obeyed 9"), Err(refused("epoch", "it has obeyed 9")));
    for lines in ["time|x", "unknown|order|access denied", "announced\nannounced", "announced|x"] {
        assert!(matches!(word(lines), Err(model::Answer::Unsure { .. })), "{lines}");
    }
    let silent = super::super::look::tests::silent("no route");
    assert_eq!(answered(&silent, "order"), Err(model::Answer::Unsure { why: "no route".into() }));
}

#[test]
fn a_package_goes_on_from_where_the_node_stands() {
    let stands = |lines: &str| said(lines).heard().and_then(|(answer, _)| arrived(answer, 100));
    assert_eq!(stands("at|a.msp|40"), Ok(40));
    assert_eq!(stands("refused|order|it has ended"), Ok(100), "nobody waits for the rest");
    assert!(stands("refused|disk|full").unwrap_err().contains("full"));
    assert!(stands("unknown|stage|denied").unwrap_err().contains("denied"));
    assert!(stands("at|a.msp|many").is_err());
}

/// A look at the cluster with these marks in it.
fn with(marks: Vec<Mark>) -> Observation {
    let at = "2017-04-01T20:00:00Z".parse().unwrap();
    let mut seen = look(&asked_of(), &super::super::look::tests::raw(), at);
    seen.marks = Known::seen(marks, at);
    seen
}

#[test]
fn an_order_goes_on_only_where_its_announcement_is_seen() {
    let node = NodeName::from("EXNODE2");
    let action = Action::Install { node: node.clone(), rollup: "ru8".into() };
    let claim = Claim { epoch: 7, holder: Holder::new("vm"), heartbeat: 3 };
    let checks = [Check::ClaimIsOurs];
    let order = Order { checks: &checks, ..order(&action, Some(&claim), &node) };
    assert_eq!(stands(&order, &with(vec![order.announcement()])), Ok(()));
    assert_eq!(stands(&order, &with(Vec::new())).unwrap_err().0, "store");
    let mut blind = with(Vec::new());
    blind.marks = Known::unknown("no node answers");
    assert!(stands(&order, &blind).is_err());
    assert_eq!(stands(&Order { checks: &[], ..order }, &blind), Ok(()), "the cluster is down everywhere");
}

#[test]
fn a_duty_is_done_when_the_role_is_online_and_nobody_is_about_to_stop_it() {
    let node = NodeName::from("EXNODE1");
    let mark = |kind| Mark { kind, epoch: 7, holder: Holder::new("vm"), at: "2017-04-01T20:00:00Z".parse().unwrap() };
    let duty =
        || mark(MarkKind::StoppedRole { group: "MBX1".into(), to: "EXNODE2".into(), deadline: model::Time::MAX });
    assert_eq!(is_over(&duty(), &with(vec![duty()])), Ok(()));
    let at_most = Duration::from_secs(1);
    let stop = Action::StopRole { group: "MBX1".into(), node: node.clone(), to: "EXNODE2".into(), at_most };
    let stops = mark(MarkKind::InProgress { action: Box::new(stop.clone()) });
    assert!(is_over(&duty(), &with(vec![duty(), stops.clone()])).is_err());
    let mut working = with(vec![duty()]);
    let work =
        crate::observed::Work { action: stop, epoch: 7, holder: Holder::new("vm"), since: working.at, ended: None };
    working.nodes.get_mut(&node).unwrap().work = Known::seen(Some(work), working.at);
    assert!(is_over(&duty(), &working).is_err() && is_over(&stops, &working).is_err());
    let mut down = with(vec![duty()]);
    down.groups.get_mut("MBX1").unwrap().state = Known::seen(GroupState::Offline, down.at);
    assert!(is_over(&duty(), &down).is_err());
    assert_eq!(is_over(&stops, &down), Ok(()));
}
