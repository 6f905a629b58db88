//! Stories of looks: what was said, and what is known of it.

mod groups;
mod standalone;

use super::*;
use crate::model::{Claim, Holder, Mark, MarkKind, PackageName, Version};
use crate::observed::{Copy, CopyStatus, PauseOf, StandbyCopy};

pub const CLUSTER: &str = r"time|x
raw|node:EXNODE1|0|Node           Node ID Status
raw|node:EXNODE1|0|-------------- ------- ---------------------
raw|node:EXNODE1|0|exnode1              1 Up
raw|node:EXNODE1|0|EXNODE2              2 Up
asked|EXNODE1
raw|group|0|Group                Node            Status
raw|group|0|-------------------- --------------- ------
raw|group|0|Cluster Group        EXNODE2         Online
raw|group|0|mbx1                 exnode1         Online
raw|resource|0|Resource             Group                Node            Status
raw|resource|0|-------------------- -------------------- --------------- ------
raw|resource|0|Cluster IP Address   Cluster Group        EXNODE2         Online
raw|resource|0|Majority Node Set    Cluster Group        EXNODE2         Online
raw|resource|0|Network Name (MBX1)  mbx1                 exnode1         Online
raw|private|0|T  Cluster              Name                           Value
raw|private|0|-- -------------------- ------------------------------ -----------------------
raw|private|0|B  MBXCLUS1             SecurityDescriptor             hunter2";

const GROUPS: &str = r"raw|group-properties:Cluster Group|0|-- -------------------- ------------ -----
raw|group-properties:Cluster Group|0|D  Cluster Group        AutoFailbackType               0 (0x0)
raw|group-owners:Cluster Group|0|---------
raw|group-properties:mbx1|0|-- -------------------- ------------ -----
raw|group-properties:mbx1|0|D  mbx1                 AutoFailbackType               0 (0x0)
raw|group-owners:mbx1|0|---------
raw|group-owners:mbx1|0|EXNODE1
raw|resource-owners:Cluster IP Address|0|-----
raw|resource-owners:Cluster IP Address|0|EXNODE1
raw|resource-owners:Cluster IP Address|0|EXNODE2
raw|resource-private:Cluster IP Address|0|-- --- --- ---
raw|resource-private:Cluster IP Address|0|S  Cluster IP Address   Address                        10.0.0.9
raw|resource-owners:Majority Node Set|0|-----
raw|resource-owners:Majority Node Set|0|EXNODE1
raw|resource-owners:Majority Node Set|0|EXNODE2
raw|resource-private:Majority Node Set|0|-- --- --- ---
raw|resource-private:Majority Node Set|0|S  Majority Node Set    MNSFileShare                   \\HUB1\MNS_FSW";

pub const EXCHANGE: &str = r"done|snapin
cms|MBX1|Online|MBX1.example.com
machine|MBX1|EXNODE1 <Active>
machine|MBX1|EXNODE2 <Quorum Owner>
done|cms:MBX1
server|MBX1|NonShared
redundant|MBX1|EXNODE1
redundant|MBX1|EXNODE2
done|server:MBX1
storage-group|MBX1|MBX1\SG1|False
storage-group|MBX1|MBX1\SG2|False
storage-group|MBX1|MBX1\Recovery|True
standby|MBX1|MBX1\SG1|scr1.example.com
done|storage-groups:MBX1
copy|MBX1||MBX1\SG1|Healthy|0|2|False|False
copy|MBX1||MBX1\SG2|Healthy|3|0|False|False
copy|MBX1||MBX1\Recovery|NotSupported|0|0|False|False
done|copies:MBX1:
copy|MBX1|scr1.example.com|MBX1\SG1|Healthy|1|50|False|False
done|copies:MBX1:scr1.example.com
database|MBX1|MBX1\SG1\DB1|True|False|False
database|MBX1|MBX1\SG2\DB2|True|False|False
database|MBX1|MBX1\Recovery\R|False||True
done|databases:MBX1";

pub const NODE: &str = r"time|2017-04-01T20:00:05.0000000Z
machine|NAME
raw|node|0|-------------- ------- ---------------------
raw|node|0|EXNODE1              1 Up
raw|node|0|EXNODE2              2 Up
exsetup|8.3.279.6
done|exsetup
product|8.3.83.6
patch|A1|Update Rollup 9 for Exchange Server 2007 Service Pack 3 (KB1) 8.3.264.0|20120416
patch|A2|Update Rollup 10-v3 for Exchange Server 2007 Service Pack 3 (KB2) 8.3.279.6|20121113
done|patches
program|Update Rollup 10-v3 for Exchange Server 2007
done|programs
pending|cbs|False
pending|windows-update|False
pending|file-rename|False
pending|update-exe|False
service|ClusSvc|2|Running
service|MSExchangeIS|3|Stopped
service|MSExchangeRepl|2|Running
done|services
installer|77|msiexec
done|installers
msi|False
disk|C:\|9000
disk|D:\|5000
done|disk
staged|a.msp|00ff
done|staged
witness|True
lock|False||
done|kept
done|stored
boot|2017-03-01T00:00:00.0000000Z";

const PART: &str = r"
managementHost: mgmt1
cluster: MBXCLUS1
quorum: {model: fileShare, witness: '\\hub1\MNS_FSW'}
services: {MSExchangeRepl: {start: automatic, running: true}}
";

fn at() -> Time {
    "2017-04-01T20:00:00Z".parse().unwrap()
}

pub fn asked(part: &str) -> Asked {
    let rollup = Arc::new(crate::guard::testing::rollup());
    let targets = vec![NodeRef { cluster: "scr-01".into(), node: "SCR1".into() }];
    let part: serde_json::Value = serde_yaml::from_str(part).unwrap();
    Asked {
        cluster: "ccr".into(),
        nodes: [("EXNODE1".into(), Arc::clone(&rollup)), ("EXNODE2".into(), rollup)].into(),
        groups: [
            ("MBX1".into(), GroupAsked { kind: GroupKind::Role, standby_targets: targets }),
            ("Cluster Group".into(), GroupAsked { kind: GroupKind::Auxiliary, standby_targets: Vec::new() }),
        ]
        .into(),
        packages: BTreeMap::new(),
        acts: true,
        spec: spec::read(&part).unwrap(),
    }
}

/// The manifest that the stories are about.
pub fn asked_of() -> Asked {
    asked(PART)
}

/// What a machine said, its fields parted by bars.
pub fn said(facts: &str) -> Said {
    let lines: Vec<String> = facts.lines().map(|line| line.replace('%', "%25").replace('|', "\t")).collect();
    let text = format!("rollward-answer\t1\tx\n{}\nend\t{}\n", lines.join("\n"), lines.len() + 1);
    Said { at: at(), answer: Reply::Answer(Answer::read("x", &text).unwrap()) }
}

pub fn silent(why: &str) -> Said {
    Said { at: at(), answer: Reply::Failed(why.into()) }
}

pub fn raw() -> Raw {
    let node = |name: &str| (NodeName::from(name), said(&NODE.replace("NAME", name)));
    Raw {
        cluster: Some(said(CLUSTER)),
        groups: Some(said(GROUPS)),
        exchange: said(EXCHANGE),
        nodes: [node("EXNODE1"), node("EXNODE2")].into(),
    }
}

fn seen(raw: &Raw) -> Observation {
    look(&asked(PART), raw, at())
}

/// A look where Exchange says something else.
fn exchange(from: &str, to: &str) -> Observation {
    assert!(EXCHANGE.contains(from), "{from}");
    seen(&Raw { exchange: said(&EXCHANGE.replace(from, to)), ..raw() })
}

/// A look where EXNODE2 says something else.
fn second(from: &str, to: &str) -> Node {
    assert!(NODE.contains(from), "{from}");
    let mut raw = raw();
    raw.nodes.insert("EXNODE2".into(), said(&NODE.replace(from, to).replace("NAME", "EXNODE2")));
    seen(&raw).nodes.remove("EXNODE2").unwrap()
}

fn why<T: std::fmt::Debug>(known: &Known<T>) -> String {
    match known {
        Known::Unknown { why } => why.to_string(),
        Known::Known { value, .. } => panic!("known: {value:?}"),
    }
}

fn value<T: Clone>(known: &Known<T>) -> T {
    match known {
        Known::Known { value, .. } => value.clone(),
        Known::Unknown { why } => panic!("unknown: {why}"),
    }
}

#[test]
fn a_healthy_pair_is_seen_whole_in_the_manifests_spelling() {
    let seen = seen(&raw());
    assert_eq!(seen.views.len(), 2);
    assert!(seen.views.iter().all(|view| view.quorate && view.members.len() == 2));
    let quorum = value(&seen.quorum);
    assert_eq!((quorum.node_votes, quorum.needed), (2, 2));
    assert_eq!(value(quorum.witness.as_ref().unwrap()).len(), 2);
    assert_eq!(value(&seen.claim), None);
    let role = &seen.groups["MBX1"];
    assert_eq!(value(&role.owner), Some("EXNODE1".into()));
    assert_eq!(value(&role.state), GroupState::Online);
    assert_eq!(value(&role.kind), GroupKind::Role);
    assert_eq!(value(&role.possible_owners).len(), 2);
    assert_eq!(value(&role.copies["EXNODE2"]), Copy { status: CopyStatus::Healthy, queue: 3 });
    assert_eq!(role.copies.len(), 1, "the active node has no copy");
    let target = NodeRef { cluster: "scr-01".into(), node: "SCR1".into() };
    let copy = Known::seen(Copy { status: CopyStatus::Healthy, queue: 1 }, at());
    assert_eq!(value(&role.standby_copies), [StandbyCopy { target, copy }]);
    assert!(!value(&role.backup));
    let group = &seen.groups["Cluster Group"];
    assert_eq!(value(&group.owner), Some("EXNODE2".into()), "the quorum's owner is another node than the role's");
    assert!(group.kind.is_unknown());
    assert_eq!(value(&group.possible_owners).len(), 2);
    assert_eq!(seen.nodes.len(), 2);
    for node in seen.nodes.values() {
        assert_eq!(value(&node.membership), Membership::Up);
        assert!(!value(&node.paused) && value(&node.cluster_service));
        assert_eq!(value(&node.installed[PackageName::PRODUCT]), Some(Version::Quad([8, 3, 279, 6])));
        assert_eq!(value(&node.baseline), Some(Version::Quad([8, 3, 83, 6])));
        assert!(value(&node.interim_updates).is_empty() && !value(&node.pending_reboot));
        assert_eq!(value(&node.disk).free_mib, 5000);
        assert!(value(&node.services).differing.is_empty());
        assert_eq!(value(&node.rival), None, "an idle msiexec is nobody's rival");
        assert_eq!(value(&node.staged)["a.msp"], "00ff");
        assert!(!value(&node.replication_suspended));
    }
}

#[test]
fn where_the_cluster_and_exchange_disagree_nobody_knows() {
    let seen = exchange("EXNODE1 <Active>", "EXNODE1");
    assert!(why(&seen.groups["MBX1"].owner).contains("on no machine"));
    let seen = exchange("EXNODE2 <Quorum Owner>", "EXNODE2 <Active, Quorum Owner>");
    assert!(why(&seen.groups["MBX1"].state).contains("2 machines"));
    let moved = EXCHANGE.replace("EXNODE1 <Active>", "EXNODE1").replace("<Quorum Owner>", "<Active, Quorum Owner>");
    let seen = self::seen(&Raw { exchange: said(&moved), ..raw() });
    assert!(why(&seen.groups["MBX1"].owner).contains("Exchange that EXNODE2 does"));
    assert!(value(&seen.groups["Cluster Group"].owner).is_some());
    assert!(seen.groups["MBX1"].copies.values().all(Known::is_unknown), "nobody knows whose copy it is");
    let seen = exchange("|Online|", "|PartiallyOnline|");
    assert!(why(&seen.groups["MBX1"].state).contains("partially online"));
    let seen = exchange("|Online|", "|Enligne|");
    assert!(why(&seen.groups["MBX1"].state).contains("not known"));
}

#[test]
fn a_role_that_moved_with_its_databases_left_dismounted_is_not_online() {
    let seen = exchange(r"MBX1\SG2\DB2|True", r"MBX1\SG2\DB2|False");
    assert_eq!(value(&seen.groups["MBX1"].state), GroupState::PartiallyOnline);
    let seen = exchange(r"MBX1\SG2\DB2|True", r"MBX1\SG2\DB2|");
    assert!(seen.groups["MBX1"].state.is_unknown());
}

#[test]
fn copies_are_as_the_worst_of_them() {
    let copy = |from: &str, to: &str| exchange(from, to).groups["MBX1"].copies["EXNODE2"].clone();
    assert_eq!(
        value(&copy(r"SG1|Healthy|0|2|False", r"SG1|Failed|40|2|False")),
        Copy { status: CopyStatus::Failed, queue: 40 }
    );
    let seen = exchange(r"SG1|Healthy|0|2|False", r"SG1|Healthy|0|2|True");
    assert_eq!(value(&seen.groups["MBX1"].copies["EXNODE2"]).status, CopyStatus::Suspended);
    assert!(value(&seen.nodes["EXNODE2"].replication_suspended));
    assert!(!value(&seen.nodes["EXNODE1"].replication_suspended));
    let held = exchange(r"SG1|Healthy|0|2|False|False", "SG1|Healthy|0|2|True|False\nheld|MBX1||MBX1\\SG1");
    assert!(!value(&held.nodes["EXNODE2"].replication_suspended), "by a person, who said why");
    assert_eq!(value(&held.groups["MBX1"].copies["EXNODE2"]).status, CopyStatus::Suspended);
    assert_eq!(value(&copy(r"SG1|Healthy|0|", r"SG1|Service Down|0|")).status, CopyStatus::ServiceDown);
    assert!(why(&copy(r"SG1|Healthy|0|", r"SG1|Gesund|0|")).contains("Gesund"));
    assert!(why(&copy(r"SG1|Healthy|0|", r"SG1|Healthy|-1|")).contains("-1"));
    let lost = "copy|MBX1||MBX1\\SG2|Healthy|3|0|False|False\n";
    assert!(why(&copy(lost, "")).contains(r"MBX1\SG2"), "one of which nothing is said");
    let seen = exchange("done|copies:MBX1:\n", "unknown|copies:MBX1:|the service is down\n");
    assert!(why(&seen.groups["MBX1"].copies["EXNODE2"]).contains("the service is down"));
    assert!(seen.nodes["EXNODE2"].replication_suspended.is_unknown());
    let shared = exchange("|NonShared", "|Shared");
    assert!(shared.groups["MBX1"].copies.is_empty(), "there is one store, and no copy");
}

#[test]
fn standby_copies_are_read_from_the_storage_groups() {
    let undeclared = exchange("done|storage-groups:MBX1", "standby|MBX1|MBX1\\SG2|SCR9\ndone|storage-groups:MBX1");
    let copies = value(&undeclared.groups["MBX1"].standby_copies);
    let of: Vec<_> = copies.iter().map(|copy| copy.target.to_string()).collect();
    assert_eq!(of, ["?/SCR9", "scr-01/SCR1"]);
    assert!(copies[0].copy.is_unknown());
    let unseen = exchange("done|storage-groups:MBX1\n", "");
    assert!(unseen.groups["MBX1"].standby_copies.is_unknown(), "cut short is not none");
}

#[test]
fn a_flag_that_is_neither_true_nor_false_is_not_taken_for_no() {
    let seen = exchange(r"SG1|Healthy|0|2|False|False", r"SG1|Healthy|0|2||False");
    assert!(seen.groups["MBX1"].copies["EXNODE2"].is_unknown());
    assert!(seen.nodes["EXNODE2"].replication_suspended.is_unknown());
    assert!(!value(&seen.nodes["EXNODE1"].replication_suspended), "it has no copy");
    let seen = exchange(r"SG1|Healthy|0|2|False|False", r"SG1|Healthy|0|2|False|Nein");
    assert!(why(&seen.groups["MBX1"].copies["EXNODE2"]).contains("Nein"));
    let seen = exchange(r"storage-group|MBX1|MBX1\SG2|False", r"storage-group|MBX1|MBX1\SG2|");
    assert!(seen.groups["MBX1"].copies["EXNODE2"].is_unknown() && seen.groups["MBX1"].standby_copies.is_unknown());
    assert!(exchange(r"DB2|True|False|False", r"DB2|True|False|Nein").groups["MBX1"].backup.is_unknown());
    let public = exchange(r"DB2|True|False|False", r"DB2|True|False|");
    assert!(!value(&public.groups["MBX1"].backup), "a public folder database has no such flag");
}

#[test]
fn a_running_backup_is_seen_and_one_that_cannot_be_told_is_unknown() {
    assert!(value(&exchange(r"SG1\DB1|True|False", r"SG1\DB1|True|True").groups["MBX1"].backup));
    assert!(exchange(r"SG1\DB1|True|False", r"SG1\DB1|True|").groups["MBX1"].backup.is_unknown());
}

#[test]
fn without_exchange_the_cluster_still_says_who_owns_what() {
    for exchange in [silent("mgmt1: no answer"), said("unknown|snapin|no snap-ins have been registered")] {
        let seen = self::seen(&Raw { exchange, ..raw() });
        let role = &seen.groups["MBX1"];
        assert_eq!(value(&role.owner), Some("EXNODE1".into()));
        assert!(role.possible_owners.is_unknown() && role.backup.is_unknown() && role.standby_copies.is_unknown());
        assert_eq!(role.copies.keys().map(NodeName::as_str).collect::<Vec<_>>(), ["EXNODE2"], "nobody saw whether");
        assert!(role.copies.values().all(Known::is_unknown));
        assert!(seen.nodes.values().all(|node| node.replication_suspended.is_unknown()));
    }
    let unseen = exchange("done|server:MBX1", "unknown|server:MBX1|access denied");
    assert!(why(&unseen.groups["MBX1"].copies["EXNODE2"]).contains("access denied"));
    assert!(unseen.nodes.values().all(|node| why(&node.replication_suspended).contains("access denied")));
}

#[test]
fn without_the_cluster_nothing_of_it_is_known_and_machines_are() {
    for cluster in [
        silent("mgmt1: no answer"),
        said("raw|node:EXNODE1|1722|System error 1722 has occurred (0x000006ba)."),
        said(&CLUSTER.replace(" Up", " Aktiv")),
        said(&CLUSTER.replace("         Online", "         En ligne")),
    ] {
        let seen = self::seen(&Raw { cluster: Some(cluster), groups: None, ..raw() });
        assert!(seen.quorum.is_unknown());
        assert!(seen.groups.values().all(|group| group.owner.is_unknown()));
        let copies = &seen.groups["MBX1"].copies;
        assert!(copies.len() == 2 && copies.values().all(Known::is_unknown), "either node may have one");
        assert!(seen.groups["Cluster Group"].copies.is_empty());
        assert!(seen.nodes.values().all(|node| node.membership.is_unknown() && node.paused.is_unknown()));
        assert!(seen.nodes.values().all(|node| !node.disk.is_unknown()));
    }
    let refused = said("raw|node:EXNODE1|1722|System error 1722 has occurred (0x000006ba).");
    let seen = self::seen(&Raw { cluster: Some(refused), groups: None, ..raw() });
    assert!(why(&seen.quorum).contains("System error 1722"));
    let unread = CLUSTER.replace("raw|private|0|", "raw|private|5|");
    let seen = self::seen(&Raw { cluster: Some(said(&unread)), ..raw() });
    assert!(seen.marks.is_unknown() && seen.claim.is_unknown());
}

#[test]
fn the_claim_and_the_marks_are_the_clusters_own_properties() {
    let mark = Mark { kind: MarkKind::Pause { node: "EXNODE2".into() }, epoch: 3, holder: Holder::new("vm"), at: at() };
    let json: String = serde_json::to_string(&mark).unwrap().bytes().map(|b| format!("%{b:02X}")).collect();
    let with = |name: &str, value: &str| {
        let row = format!("raw|private|0|S  MBXCLUS1             {name}                  {value}");
        let text = format!("{}\n{row}", CLUSTER.replace("EXNODE2              2 Up", "EXNODE2              2 Paused"));
        self::seen(&Raw { cluster: Some(said(&text)), ..raw() })
    };
    let seen = with("RollwardMark0123456789abcdef", &json);
    assert_eq!(value(&seen.marks), [mark]);
    assert!(matches!(seen.pause_of(&"EXNODE2".into()), PauseOf::Rollward(_)));
    let seen = with("RollwardClaim", "7@vm#12");
    assert_eq!(value(&seen.claim), Some(Claim { epoch: 7, holder: Holder::new("vm"), heartbeat: 12 }));
    assert!(matches!(seen.pause_of(&"EXNODE2".into()), PauseOf::Person));
    for (name, value) in [("RollwardClaim", "7"), ("RollwardMark01", "{"), ("RollwardNovelty", "x")] {
        assert!(why(&with(name, value).marks).contains(name));
    }
    for spelling in ["7@my vm#12", "7@my%20vm#12"] {
        let claim = value(&with("RollwardClaim", spelling).claim).unwrap();
        assert_eq!(claim.holder, Holder::new("my vm"));
    }
    assert_eq!(value(&with("Comment", "RollwardClaim").claim), None, "it is somebody else's property");
}

#[test]
fn builds_that_disagree_and_names_that_mean_nothing_are_unknown() {
    let installed = |from: &str, to: &str| second(from, to).installed[PackageName::PRODUCT].clone();
    assert!(why(&installed("exsetup|8.3.279.6", "exsetup|8.3.264.0")).contains("half-way"));
    assert!(why(&installed("exsetup|8.3.279.6", "exsetup|8.3.279")).contains("8.3.279"));
    assert!(why(&installed("done|patches\n", "")).contains("patches"));
    assert!(why(&installed("(KB2) 8.3.279.6", "(KB2)")).contains("does not end with its build"));
    // Builds are compared as numbers: 9 is below 10, whatever texts say.
    assert_eq!(value(&installed("(KB1) 8.3.264.0", "(KB1) 8.3.99.9")), Some(Version::Quad([8, 3, 279, 6])));
    assert_eq!(value(&installed("exsetup|8.3.279.6", "exsetup|08.03.0279.006")), Some(Version::Quad([8, 3, 279, 6])));
    let interim = second("patch|A1|", "patch|A3|Interim Update for Exchange 2007 (KB9)|20120417\npatch|A1|");
    assert_eq!(value(&interim.interim_updates), ["Interim Update for Exchange 2007 (KB9)"]);
    let unseen = second("product|8.3.83.6", "product|").interim_updates;
    assert!(why(&unseen).contains("is Exchange 2007 installed there?"));
    let torn = second("8.3.264.0|20120416", "8.3.264.0|20120416|x");
    assert!(torn.interim_updates.is_unknown(), "a line with a field too many is no line");
    let interim = second("program|Update", "program|Interim Update for Exchange 2007 (KB123)\nprogram|Update");
    assert_eq!(value(&interim.interim_updates), ["Interim Update for Exchange 2007 (KB123)"]);
    let translated = second("patch|A1|Update Rollup 9", "patch|A1|Updaterollup 9");
    assert_eq!(value(&translated.interim_updates).len(), 1, "what is not known as a rollup is taken for none");
}

#[test]
fn services_are_compared_with_what_is_meant() {
    let differing = |from: &str, to: &str| value(&second(from, to).services).differing;
    let one = |all: BTreeMap<String, String>| all.into_values().next().unwrap_or_default();
    assert_eq!(
        one(differing("MSExchangeRepl|2|Running", "MSExchangeRepl|4|Stopped")),
        "disabled, meant to be automatic"
    );
    assert_eq!(one(differing("MSExchangeRepl|2|Running", "MSExchangeRepl|2|Stopped")), "stopped, meant to be running");
    assert!(one(differing("MSExchangeIS|3", "MSExchangeIS|4")).contains("does not say so"));
    assert!(one(differing("service|MSExchangeRepl|2|Running\n", "")).contains("not there"));
    assert!(second("done|services\n", "").services.is_unknown());
    for service in ["MSExchangeRepl", "msexchangerepl", "MSExchangeSA"] {
        let unseen = second("done|services", &format!("unknown|service:{service}|access denied\ndone|services"));
        assert!(why(&unseen.services).contains("access denied"), "{service}");
    }
    assert!(second("MSExchangeRepl|2", "MSExchangeRepl|9").services.is_unknown());
    assert!(!value(&second("ClusSvc|2|Running", "ClusSvc|2|Stopped").cluster_service));
    assert!(second("ClusSvc|2|Running", "ClusSvc|2|StopPending").cluster_service.is_unknown());
}

#[test]
fn installers_at_work_are_rivals_and_what_cannot_be_told_is_unknown() {
    assert!(value(&second("msi|False", "msi|True").rival).unwrap().contains("Windows Installer"));
    assert_eq!(value(&second("77|msiexec", "77|ExSetup").rival).unwrap(), "ExSetup (pid 77)");
    assert!(second("msi|False", "unknown|msi|access denied").rival.is_unknown());
    assert!(value(&second("pending|cbs|False", "pending|cbs|True").pending_reboot));
    assert!(second("pending|cbs|False\n", "").pending_reboot.is_unknown());
    assert!(second("done|disk\n", "").disk.is_unknown());
    assert!(second("done|kept", "kept|work|{}\ndone|kept").work.is_unknown());
}

#[test]
fn a_machine_that_is_another_or_silent_is_unknown_about_itself() {
    for said in [said(&NODE.replace("NAME", "MBX1")), silent("EXNODE2: no route")] {
        let mut raw = raw();
        raw.nodes.insert("EXNODE2".into(), said);
        let seen = seen(&raw);
        let node = &seen.nodes["EXNODE2"];
        assert_eq!(value(&node.membership), Membership::Up, "the cluster says so");
        assert!(node.installed[PackageName::PRODUCT].is_unknown() && node.services.is_unknown());
        assert_eq!(seen.views.len(), 1);
    }
    let alone = second("raw|node|0|", "raw|node|1753|");
    assert!(why(&alone.membership).contains("does not itself"));
}

#[test]
fn a_look_comes_back_from_what_was_kept_of_it_without_what_is_nobodys_business() {
    let kept = super::super::without_secrets(raw());
    let text = serde_json::to_string(&kept).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("10.0.0.9"), "{text}");
    let back: Raw = serde_json::from_str(&text).unwrap();
    assert_eq!(seen(&back), seen(&raw()));
}
