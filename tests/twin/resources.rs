//! What groups are made of: setup of Exchange 2007 makes one group of each clustered mailbox server, named after it.

use rollward::drivers::simulator::world::{GroupTruth, QuorumModel, World};
use rollward::model::{GroupName, NodeName};
use rollward::observed::{GroupKind, GroupState};

/// One resource.
pub struct Resource {
    pub name: String,
    pub group: GroupName,
    pub owner: NodeName,
    pub state: GroupState,
    /// Its private properties.
    pub private: Vec<(&'static str, String)>,
    /// The nodes that may own it.
    pub possible_owners: Vec<NodeName>,
}

/// The storage group and the database of every mailbox server: one of each is enough for what is tested.
pub const STORAGE_GROUP: &str = "First Storage Group";
/// The database in it.
pub const DATABASE: &str = "Mailbox Database";
/// The group that holds the quorum.
const QUORUM_GROUP: &str = "Cluster Group";

/// Whether a group is a clustered mailbox server.
pub fn is_mailbox_server(group: &GroupTruth) -> bool {
    group.kind == GroupKind::Role
}

/// The resources of all groups, as the tables list them.
pub fn all(world: &World, witness: &str) -> Vec<Resource> {
    world.groups.iter().flat_map(|(name, group)| of(world, name, group, witness)).collect()
}

fn of(world: &World, name: &GroupName, group: &GroupTruth, witness: &str) -> Vec<Resource> {
    let make = |resource: String, private| Resource {
        name: resource,
        group: name.clone(),
        owner: group.owner.clone(),
        state: match group.state {
            GroupState::PartiallyOnline => GroupState::Online,
            other => other,
        },
        private,
        possible_owners: group.possible_owners.clone(),
    };
    if is_mailbox_server(group) {
        let names = [
            format!("Network Name ({name})"),
            format!("IP Address ({name})"),
            format!("Exchange System Attendant Instance ({name})"),
            format!("Exchange Information Store Instance ({name})"),
        ];
        let mut made: Vec<_> = names.into_iter().map(|resource| make(resource, Vec::new())).collect();
        let database = make(format!("{STORAGE_GROUP}/{DATABASE} ({name})"), Vec::new());
        let down = group.dismounted || group.state == GroupState::PartiallyOnline;
        made.push(Resource { state: if down { GroupState::Offline } else { database.state }, ..database });
        return made;
    }
    if name.as_str() != QUORUM_GROUP {
        return vec![make(format!("{name} Disk"), Vec::new())];
    }
    let mut made = vec![make("Cluster IP Address".into(), Vec::new()), make("Cluster Name".into(), Vec::new())];
    match world.quorum {
        QuorumModel::FileShare => {
            made.push(make("Majority Node Set".into(), vec![("MNSFileShare", witness.to_owned())]));
        }
        QuorumModel::Majority => made.push(make("Majority Node Set".into(), vec![("MNSFileShare", String::new())])),
        QuorumModel::Disk => {
            let disk = make("Disk Q:".into(), vec![("Signature", "1296258866 (0x4d434f32)".into())]);
            made.push(Resource { state: if world.witness_up { disk.state } else { GroupState::Failed }, ..disk });
        }
        QuorumModel::TwoNode | QuorumModel::None => {}
    }
    made
}
