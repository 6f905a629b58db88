//! The properties that a worker reads and writes: the cluster's own, or files where there is no cluster.

use std::collections::BTreeMap;
use std::fs;

use super::Place;
use crate::shell;

/// How long `cluster.exe` is waited for, in seconds.
const SECONDS: u64 = 15;

/// Where properties are.
pub enum Store {
    /// In the cluster's database, as any of these servers shows it.
    Cluster(Vec<String>),
    /// In a folder of a host that is no cluster.
    Folder(Place),
}

impl Store {
    /// The store of an order: of the cluster, if there are servers to ask.
    pub fn of(place: &Place, servers: &[String]) -> Self {
        if servers.is_empty() { Store::Folder(place.clone()) } else { Store::Cluster(servers.to_vec()) }
    }

    /// The first server that answers, as an option of `cluster.exe`.
    pub fn server(&self) -> Result<Option<String>, String> {
        let Store::Cluster(servers) = self else { return Ok(None) };
        for server in servers {
            let at = format!("/cluster:{server}");
            if shell::tool("cluster.exe", &[&at, "node"], SECONDS)?.is_some_and(|(_, code)| code == 0) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Asks `cluster.exe` of whoever answers: what it said, and what it ended with; `None` if nobody does.
    pub fn ask(&self, words: &[&str]) -> Result<Option<(String, u32)>, String> {
        match self.server()? {
            Some(at) => shell::tool("cluster.exe", &[&[at.as_str()], words].concat(), SECONDS),
            None => Ok(None),
        }
    }

    /// All properties; `None` if nobody answers.
    pub fn list(&self) -> Result<Option<BTreeMap<String, String>>, String> {
        if let Store::Folder(place) = self {
            let files = fs::read_dir(place.path("store")?).into_iter().flatten().flatten();
            let all = files.map(|file| {
                let text = fs::read_to_string(file.path()).map_err(|e| e.to_string())?;
                Ok((file.file_name().to_string_lossy().into_owned(), text.trim_end().to_owned()))
            });
            return all.collect::<Result<_, String>>().map(Some);
        }
        Ok(self.ask(&["/priv"])?.filter(|(_, code)| *code == 0).map(|(text, _)| table(&text)))
    }

    /// Sets a property; false if it does not stand there afterwards.
    pub fn put(&self, name: &str, value: &str) -> Result<bool, String> {
        match self {
            Store::Folder(place) => place.write(&format!(r"store\{name}"), &format!("{value}\n"))?,
            Store::Cluster(_) => _ = self.ask(&["/priv", &format!("{name}={value}")])?,
        }
        Ok(self.list()?.is_some_and(|all| all.get(name).is_some_and(|there| there == value)))
    }

    /// Removes a property; false if it stands there afterwards.
    pub fn drop(&self, name: &str) -> Result<bool, String> {
        match self {
            Store::Folder(place) => place.remove(&format!(r"store\{name}"))?,
            Store::Cluster(_) => _ = self.ask(&["/priv", name, "/usedefault"])?,
        }
        Ok(self.list()?.is_some_and(|all| !all.contains_key(name)))
    }
}

/// The rows of a list of properties: kind, whose, name, value.
fn table(text: &str) -> BTreeMap<String, String> {
    let rows = text.lines().skip_while(|line| !line.starts_with("--")).skip(1);
    rows.filter_map(|row| {
        let mut words = row.splitn(2, ' ');
        let (_, rest) = (words.next()?, words.next()?.trim_start());
        let (_, rest) = rest.split_once(' ')?;
        let (name, value) = rest.trim_start().split_once(' ')?;
        Some((name.to_owned(), value.trim().to_owned()))
    })
    .collect()
}
