//! `msiexec.exe /p FILE …` and `msiexec.exe /package {PRODUCT} MSIPATCHREMOVE={PATCH} …`: a process that works as long as
//! the world's installer does, writes the log, and ends with Windows Installer's code. Killed, it installs no more.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use rollward::model::{Action, ClusterName, InstallKind, NodeName, RollupName, hex};
use rollward::observed::WorkEnd;
use sha2::{Digest as _, Sha256};

use crate::cluster::leave_exit_code;
use crate::estate::{self, Estate};
use crate::{acting, faults, patches};

/// Another installation is running.
const ANOTHER: i32 = 1618;
/// The package cannot be opened.
const NO_PACKAGE: i32 = 1619;
/// The patch is for another product, or for another state of it.
const NO_TARGET: i32 = 1642;
const UNKNOWN_PATCH: i32 = 1647;
const UNKNOWN_PRODUCT: i32 = 1605;
const BAD_COMMAND_LINE: i32 = 1639;
const FATAL: i32 = 1603;

pub fn run(args: &[String]) -> Result<u8, String> {
    let machine = estate::machine()?;
    let setup = estate::setup()?;
    let troubles = faults::of(&setup.faults, "msiexec.exe", &args.join(" "), &machine);
    let code = match faults::suffer(&troubles) {
        Some((code, _)) => i32::from(code),
        None => install(args, &machine)?,
    };
    leave_exit_code(u32::try_from(code).unwrap_or(u32::MAX));
    Ok(code as u8)
}

/// What a command line asks for.
#[derive(Default)]
struct Asked<'a> {
    patch: Option<&'a str>,
    product: Option<&'a str>,
    removes: Option<&'a str>,
    log: Option<&'a str>,
    quiet: bool,
    restarts: bool,
}

impl<'a> Asked<'a> {
    fn read(args: &'a [String]) -> Option<Self> {
        let mut asked = Self { restarts: true, ..Self::default() };
        let mut args = args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            match arg.to_ascii_lowercase().as_str() {
                "/p" | "/update" => asked.patch = Some(args.next()?),
                "/package" | "/i" => asked.product = Some(args.next()?),
                "/qn" | "/quiet" => asked.quiet = true,
                "/norestart" => asked.restarts = false,
                "/l*v" => asked.log = Some(args.next()?),
                _ => asked.removes = Some(arg.strip_prefix("MSIPATCHREMOVE=")?),
            }
        }
        Some(asked)
    }
}

fn install(args: &[String], machine: &str) -> Result<i32, String> {
    let Some(asked) = Asked::read(args) else { return Ok(BAD_COMMAND_LINE) };
    if !asked.quiet || asked.restarts {
        return Err(format!("msiexec.exe would ask somebody, or restart the machine: {args:?}"));
    }
    let estate = Estate::open()?;
    let (cluster, node, _) = estate.node(machine).ok_or_else(|| format!("{machine} is no node"))?;
    let (cluster, node) = (cluster.clone(), node.clone());
    let mutex = estate::installer_lock(&estate::folder()?, &node);
    fs::create_dir_all(mutex.parent().unwrap_or(&mutex)).map_err(|e| e.to_string())?;
    let mut mutex = File::options().create(true).append(true).open(mutex).map_err(|e| e.to_string())?;
    let installs = match mutex.try_lock() {
        Ok(()) => {
            let pid = std::process::id().to_string();
            mutex.set_len(0).and_then(|()| mutex.write_all(pid.as_bytes())).map_err(|e| e.to_string())?;
            work(estate, &cluster, &node, &asked)
        }
        Err(_) => Err(Ended { code: ANOTHER, why: "another installation is running".into() }),
    };
    let (code, why) = match installs {
        Ok(code) => (code, None),
        Err(Ended { code, why }) => (code, Some(why)),
    };
    if let Some(log) = asked.log {
        write_log(&estate::disk(&node, log)?, code, why.as_deref()).map_err(|e| format!("{log}: {e}"))?;
    }
    Ok(code)
}

struct Ended {
    code: i32,
    why: String,
}

impl Ended {
    fn new(code: i32, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}

/// Of the twin's own trouble the log tells, too.
impl From<String> for Ended {
    fn from(why: String) -> Self {
        Self { code: FATAL, why }
    }
}

fn work(mut estate: Estate, cluster: &ClusterName, node: &NodeName, asked: &Asked<'_>) -> Result<i32, Ended> {
    let action = match (asked.patch, asked.product, asked.removes) {
        (Some(patch), None, None) => {
            let rollup = package(&mut estate, cluster, node, patch)?;
            Action::Install { node: node.clone(), rollup }
        }
        (None, Some(patches::PRODUCT), Some(patch)) => {
            if !patch.eq_ignore_ascii_case(patches::PATCH) {
                return Err(Ended::new(UNKNOWN_PATCH, format!("{patch} is not applied")));
            }
            let target = estate.declared(cluster).and_then(|cluster| cluster.nodes.get(node));
            let rollup = target.map(|node| node.rollup.name.clone());
            let rollup = rollup.ok_or_else(|| Ended::new(UNKNOWN_PRODUCT, "nobody says what was before"))?;
            Action::Uninstall { node: node.clone(), rollup }
        }
        _ => return Err(Ended::new(UNKNOWN_PRODUCT, "this action is only valid for installed products")),
    };
    acting::begin(&mut estate, cluster, &action)?;
    loop {
        match acting::end(&estate, cluster, node) {
            None => estate.let_others_in(acting::OFTEN)?,
            Some(WorkEnd { exit_code, failure: Some(why), .. }) => {
                return Err(Ended { code: exit_code.unwrap_or(FATAL), why });
            }
            Some(WorkEnd { exit_code, .. }) => return Ok(exit_code.unwrap_or(0)),
        }
    }
}

/// The rollup of a package that lies on the machine.
fn package(estate: &mut Estate, cluster: &ClusterName, node: &NodeName, path: &str) -> Result<RollupName, Ended> {
    let bytes = fs::read(estate::disk(node, path)?).map_err(|e| Ended::new(NO_PACKAGE, e.to_string()))?;
    let file = path.rsplit('\\').next().unwrap_or(path).to_owned();
    let rollups = estate.desired().rollups.values();
    let mut rollups = rollups.filter(|rollup| rollup.install == InstallKind::Msp);
    let found = rollups.find(|rollup| rollup.packages.iter().any(|package| package.file == file));
    let found = found.map(|rollup| rollup.name.clone());
    let rollup = found.ok_or_else(|| Ended::new(NO_TARGET, "the patch is for nothing that is installed"))?;
    estate.put_file(cluster, node, &file, &hex(&Sha256::digest(&bytes)));
    Ok(rollup)
}

/// The log: UTF-16, as Windows Installer writes it, with the context of a failure.
fn write_log(path: &Path, code: i32, why: Option<&str>) -> std::io::Result<()> {
    let mut lines = vec!["=== Verbose logging started ===".to_owned(), "Action start: INSTALL.".into()];
    if let Some(why) = why {
        lines.push(format!("Error 1722. There is a problem with this package. {why}"));
        lines.push("Action ended: CA_RunSetup. Return value 3.".into());
    }
    lines.push(format!("MainEngineThread is returning {code}"));
    lines.push("=== Verbose logging stopped ===".into());
    let text = lines.join("\r\n") + "\r\n";
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    fs::write(path, units.flat_map(u16::to_le_bytes).collect::<Vec<_>>())
}
