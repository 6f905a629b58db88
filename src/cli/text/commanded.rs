//! What a person's command did, laid out: a line a cluster.

use crate::output::{Clusters, Commanded};

/// All that was done. What is not about one cluster has `*` for its name.
pub fn text(document: &Clusters<Commanded>) -> String {
    let line =
        |c: &Commanded| if c.name == "*" { format!("{}\n", c.done) } else { format!("{}: {}\n", c.name, c.done) };
    document.clusters.iter().map(line).collect()
}
