//! Small estates with names, for tests that go through every moment of a roll.

use std::sync::Arc;

use rollward::desired::render::{Style, render};
use rollward::desired::{self, Desired, SourceFile};
use rollward::drivers::Drivers;

/// The manifests, if nothing is wrong with them.
pub fn read(text: &str) -> Result<Arc<Desired>, String> {
    let files = [SourceFile::from_bytes("estate.yaml", text.as_bytes())];
    let reading = desired::read(&files, &Drivers);
    if reading.has_errors() {
        return Err(render(&reading.diagnostics, &files, Style::Plain));
    }
    Ok(Arc::new(reading.desired))
}

/// The estate of that shape, under a policy with this way of handing over.
pub fn estate(shape: &str, handoff: &str) -> Arc<Desired> {
    let text = format!("{COMMON}{}{}", POLICY.replace("HANDOFF", handoff), shape);
    read(&text).unwrap_or_else(|e| panic!("the estate is unsound:\n{e}"))
}

const COMMON: &str = r#"
apiVersion: rollward/v1
kind: Package
metadata: {name: ru8-v3}
spec:
  rollup: exchange-2007-sp3-ru8-v3
  path: Exchange2007-KB2756497-v3-x64-EN.msp
  sha256: "8888888888888888888888888888888888888888888888888888888888888888"
"#;

const POLICY: &str = r#"---
apiVersion: rollward/v1
kind: Policy
metadata: {name: policy}
spec:
  handoff: {HANDOFF}
  limits: {soak: 2m, retries: 1}
"#;

/// Two nodes, each with a copy of the data; the active one also owns the group that nobody misses.
pub const CCR: &str = r#"---
apiVersion: rollward/v1
kind: Cluster
metadata: {name: ccr}
spec:
  mode: act
  topology: ccr
  rollup: exchange-2007-sp3-ru8-v3
  policy: policy
  nodes: {A: {}, B: {}}
  groups: {MBX: {kind: role}, Cluster Group: {kind: auxiliary}}
  driver:
    simulator:
      seed: 1
      timeScale: max
      quorum: {model: fileShare}
      nodes:
        A: {version: 8.3.264.0, owns: [MBX]}
        B: {version: 8.3.264.0, owns: [Cluster Group]}
      groups: {MBX: {possibleOwners: [A, B], copyQueueLength: 0}}
"#;

/// Two active nodes and a passive one that stands by for both.
pub const SCC: &str = r#"---
apiVersion: rollward/v1
kind: Cluster
metadata: {name: scc}
spec:
  mode: act
  topology: scc
  rollup: exchange-2007-sp3-ru8-v3
  policy: policy
  nodes: {A: {}, B: {}, P: {}}
  groups: {MBX1: {kind: role}, MBX2: {kind: role}, Cluster Group: {kind: auxiliary}}
  driver:
    simulator:
      seed: 2
      timeScale: max
      quorum: {model: disk}
      nodes:
        A: {version: 8.3.264.0, owns: [MBX1, Cluster Group]}
        B: {version: 8.3.264.0, owns: [MBX2]}
        P: {version: 8.3.264.0}
"#;

/// A host with a standby copy, and its source.
pub fn scr() -> String {
    let source = CCR
        .replace("name: ccr", "name: source")
        .replace("seed: 1", "seed: 4")
        .replace("MBX: {kind: role}", "MBX: {kind: role, standbyTargets: [{cluster: standby, node: S}]}");
    format!("{}{source}", host("standby", "S", 3))
}

/// A host that is no cluster. What is appended belongs to its world.
pub fn host(cluster: &str, node: &str, seed: u64) -> String {
    format!(
        r#"---
apiVersion: rollward/v1
kind: Cluster
metadata: {{name: {cluster}}}
spec:
  mode: act
  topology: standby
  rollup: exchange-2007-sp3-ru8-v3
  policy: policy
  nodes: {{{node}: {{}}}}
  driver:
    simulator:
      seed: {seed}
      timeScale: max
      quorum: {{model: none}}
      nodes: {{{node}: {{version: 8.3.264.0}}}}
"#
    )
}
