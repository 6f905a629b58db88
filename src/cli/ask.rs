//! People's commands: through the daemon's door if one runs with the state folder, else done here.

use serde_json::Value;

use super::args::Global;
use super::text;
use crate::door::{self, DoorError, Request};
use crate::output::{Clusters, Commanded};

/// Asks the daemon; `None` if none is running with the state folder.
///
/// # Errors
/// It says no, or does not answer as hoped.
pub(super) fn daemon(global: &Global, request: &Request) -> anyhow::Result<Option<Value>> {
    match door::ask(&global.state()?, request) {
        Ok(answer) => Ok(Some(answer)),
        Err(DoorError::NobodyHome { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Has the daemon do something, or does it here if none is running. Says what was done, in words.
///
/// # Errors
/// It was not done.
pub(super) fn daemon_or(
    global: &Global,
    request: &Request,
    here: impl FnOnce() -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    match daemon(global, request)? {
        Some(answer) => {
            Ok(answer.get("done").and_then(Value::as_str).map_or_else(|| answer.to_string(), ToOwned::to_owned))
        }
        None => here(),
    }
}

/// Tells what was done to one cluster; `name` is `*` for all of them.
pub(super) fn done(global: &Global, name: &str, done: String, plan_hash: Option<String>) -> anyhow::Result<()> {
    let clusters = vec![Commanded { name: name.to_owned(), done, plan_hash }];
    global.emit(&Clusters { clusters }, text::commanded::text)
}
