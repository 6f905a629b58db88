//! What the package managers say. A package that is half configured is not installed, whatever version is in place.

use std::collections::BTreeMap;

use super::probe::Answer;
use crate::model::rollup::Installed;
use crate::model::{InstallKind, Known, PackageName, Time, Version};

/// The names by which installers and updaters run.
const INSTALLERS: &[&str] =
    &["dpkg", "apt", "apt-get", "aptitude", "unattended-upgr", "rpm", "dnf", "dnf5", "yum", "zypper", "packagekitd"];

/// The package manager that installs such rollups; nothing if none of the nodes' does.
pub(super) fn manager(kind: InstallKind) -> Option<&'static str> {
    match kind {
        InstallKind::Deb => Some("dpkg"),
        InstallKind::Rpm => Some("rpm"),
        InstallKind::Msp | InstallKind::Command => None,
    }
}

/// What is installed of the packages asked for.
pub(super) fn installed(kind: InstallKind, names: &[PackageName], answer: &Answer<'_>, at: Time) -> Installed {
    let unknown = |why: String| names.iter().map(|name| (name.clone(), Known::unknown(why.clone()))).collect();
    // Exit status 1 is how both say that one of the packages is not there.
    if answer.code > 1 {
        return unknown(format!("the package manager: {}", answer.words()));
    }
    let said: BTreeMap<&str, (&str, &str)> = answer
        .out
        .lines()
        .filter_map(|line| {
            let mut columns = line.split('\t');
            Some((columns.next()?, (columns.next()?, columns.next()?.trim())))
        })
        .collect();
    let one = |name: &PackageName| match said.get(name.as_str()) {
        None => Known::seen(None, at),
        Some((version, "ii" | "hi")) => match Version::parse(kind, version.trim_start_matches("0:")) {
            Ok(version) => Known::seen(Some(version), at),
            Err(error) => Known::unknown(error.to_string()),
        },
        // Removed, or never there but known.
        Some((_, state)) if state.chars().nth(1).is_some_and(|c| matches!(c, 'n' | 'c')) => Known::seen(None, at),
        Some((version, state)) => Known::unknown(format!(
            "{name} {version} is half installed (dpkg says {state}); repair it: `dpkg --configure -a`, or install a good version"
        )),
    };
    names.iter().map(|name| (name.clone(), one(name))).collect()
}

/// Installers at work, as `ps -eo pid=,comm=` lists them.
pub(super) fn installers(processes: &str) -> Vec<String> {
    let one = |line: &str| {
        let (pid, name) = line.trim().split_once(' ')?;
        let name = name.trim();
        INSTALLERS.contains(&name).then(|| format!("{name} (pid {pid})"))
    };
    // One that only waits for requests is not at work.
    processes.lines().filter_map(one).filter(|found| !found.starts_with("packagekitd")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Time {
        "2026-11-22T06:20:24Z".parse().unwrap()
    }

    fn told(out: &str, code: i32) -> Installed {
        installed(InstallKind::Deb, &["mailstore".into()], &Answer { code, out, err: "" }, at())
    }

    #[test]
    fn a_half_configured_package_is_unknown_and_says_what_to_do() {
        let version = Version::parse(InstallKind::Deb, "1.2").unwrap();
        assert_eq!(told("mailstore\t1.2\tii \n", 0)[&PackageName::new("mailstore")], Known::seen(Some(version), at()));
        assert_eq!(told("", 1)[&PackageName::new("mailstore")], Known::seen(None, at()));
        assert_eq!(told("mailstore\t1.2\tun \n", 0)[&PackageName::new("mailstore")], Known::seen(None, at()));
        let half = &told("mailstore\t1.2\tiF \n", 0)[&PackageName::new("mailstore")];
        assert!(matches!(half, Known::Unknown { why } if why.contains("half installed")), "{half:?}");
        assert!(told("", 2)[&PackageName::new("mailstore")].is_unknown(), "the lock is held");
    }

    #[test]
    fn only_installers_count_as_such() {
        assert_eq!(installers("  12 bash\n 99 dpkg\n7 packagekitd\n"), ["dpkg (pid 99)"]);
    }
}
