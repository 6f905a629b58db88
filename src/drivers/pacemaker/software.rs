//! What the package managers say. A package that is half configured is not installed, whatever version is in place.

use std::collections::BTreeMap;

use super::probe::Answer;
use crate::model::rollup::Installed;
use crate::model::{InstallKind, Known, Rollup, RollupPackage, Time, Version};

/// The names by which installers and updaters run.
pub(super) const INSTALLERS: &[&str] =
    &["dpkg", "apt", "apt-get", "aptitude", "unattended-upgr", "rpm", "dnf", "dnf5", "yum", "zypper", "packagekitd"];

/// The package manager that installs such rollups; nothing if none of the nodes' does.
pub(super) fn manager(kind: InstallKind) -> Option<&'static str> {
    match kind {
        InstallKind::Deb => Some("dpkg"),
        InstallKind::Rpm => Some("rpm"),
        InstallKind::Msp | InstallKind::Command => None,
    }
}

/// What is installed of a rollup's packages.
pub(super) fn installed(rollup: &Rollup, answer: &Answer<'_>, at: Time) -> Installed {
    let kind = rollup.install;
    // One that is not there makes dpkg's status 1; rpm's is how many are not there.
    let missing = if kind == InstallKind::Rpm { i32::try_from(rollup.packages.len()).unwrap_or(i32::MAX) } else { 1 };
    if !(0..=missing).contains(&answer.code) {
        return unknown(rollup, &format!("the package manager: {}", answer.words()));
    }
    let said: BTreeMap<&str, (&str, &str)> = answer
        .out
        .lines()
        .filter_map(|line| {
            let mut columns = line.split('\t');
            Some((columns.next()?, (columns.next()?, columns.next()?.trim())))
        })
        .collect();
    let one = |package: &RollupPackage| {
        let Some((version, state)) = said.get(package.name.as_str()) else { return Known::seen(None, at) };
        let there = match Version::parse(kind, version.trim_start_matches("0:")) {
            Ok(there) => there,
            Err(_) if *state == "un" => return Known::seen(None, at),
            Err(error) => return Known::unknown(error.to_string()),
        };
        match *state {
            "ii" | "hi" => Known::seen(Some(there), at),
            // Removed, or never there but known.
            state if state.chars().nth(1).is_some_and(|c| matches!(c, 'n' | 'c')) => Known::seen(None, at),
            // Half installed, or not configured, is not installed, and to install the target is the repair. What
            // half a newer version has done already, nobody can tell.
            _ if there <= package.version => Known::seen(None, at),
            state => Known::unknown(format!(
                "{} {version}, newer than the target, is half installed (dpkg says {state}); repair it: \
                 `dpkg --configure -a`, or install the target by hand",
                package.name
            )),
        }
    };
    rollup.packages.iter().map(|package| (package.name.clone(), one(package))).collect()
}

/// Why nothing can be told of a rollup's packages.
pub(super) fn unknown(rollup: &Rollup, why: &str) -> Installed {
    rollup.packages.iter().map(|package| (package.name.clone(), Known::unknown(why))).collect()
}

/// Installers at work, as `ps -o pid=,comm=,args=` lists them.
pub(super) fn installers(processes: &str) -> Vec<String> {
    let one = |line: &str| {
        let mut words = line.split_whitespace();
        let (pid, name) = (words.next()?, words.next()?);
        // Those that only wait, for a request or for the machine's shutdown, are not at work.
        let waits = name == "packagekitd" || words.any(|word| word == "--wait-for-signal");
        (INSTALLERS.contains(&name) && !waits).then(|| format!("{name} (pid {pid})"))
    };
    processes.lines().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Time {
        "2026-11-22T06:20:24Z".parse().unwrap()
    }

    fn rollup(install: InstallKind, names: &[&str]) -> Rollup {
        let package = |name: &&str| RollupPackage {
            name: (*name).into(),
            version: Version::parse(install, "1.2").unwrap(),
            file: format!("{name}.deb"),
            revision: 1,
        };
        Rollup { install, packages: names.iter().map(package).collect(), ..crate::guard::testing::rollup() }
    }

    fn told(out: &str, code: i32) -> Known<Option<Version>> {
        let rollup = rollup(InstallKind::Deb, &["mailstore"]);
        installed(&rollup, &Answer { code, out, err: "" }, at())["mailstore"].clone()
    }

    #[test]
    fn a_half_configured_package_is_not_installed() {
        let version = Version::parse(InstallKind::Deb, "1.2").unwrap();
        assert_eq!(told("mailstore\t1.2\tii \n", 0), Known::seen(Some(version), at()));
        assert_eq!(told("", 1), Known::seen(None, at()));
        assert_eq!(told("mailstore\t\tun \n", 0), Known::seen(None, at()));
        assert_eq!(told("mailstore\t1.0\trc \n", 0), Known::seen(None, at()));
        assert_eq!(told("mailstore\t1.2\tiF \n", 0), Known::seen(None, at()));
        let newer = told("mailstore\t1.3\tiF \n", 0);
        assert!(matches!(&newer, Known::Unknown { why } if why.contains("half installed")), "{newer:?}");
        assert!(told("", 2).is_unknown(), "the lock is held");
    }

    #[test]
    fn rpm_counts_what_is_missing_in_its_exit_status() {
        let rollup = rollup(InstallKind::Rpm, &["a", "b", "c"]);
        let out = "package a is not installed\npackage b is not installed\nc\t0:1.2-3\tii\n";
        let told = |code| installed(&rollup, &Answer { code, out, err: "" }, at());
        assert_eq!(told(2)["b"], Known::seen(None, at()));
        assert_eq!(told(2)["c"], Known::seen(Version::parse(InstallKind::Rpm, "1.2-3").ok(), at()));
        assert!(told(127)["c"].is_unknown(), "there is no rpm");
    }

    #[test]
    fn only_installers_count_as_such() {
        let waits = "8 unattended-upgr /usr/bin/python3 unattended-upgrade-shutdown --wait-for-signal";
        let listed = format!("  12 bash bash\n 99 dpkg            dpkg -i x.deb\n7 packagekitd\n{waits}\n");
        assert_eq!(installers(&listed), ["dpkg (pid 99)"]);
    }
}
