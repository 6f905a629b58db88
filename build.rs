//! Finds the commit for `--version`. Works without git, and from an archive: then there is none to tell.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ROLLWARD_COMMIT");
    let given = std::env::var_os("ROLLWARD_COMMIT").and_then(|c| c.into_string().ok()).filter(|c| !c.is_empty());
    let commit = given.or_else(commit);
    println!("cargo::rustc-env=ROLLWARD_VERSION={}", version(commit.as_deref()));
}

fn version(commit: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    commit.map_or_else(|| version.to_owned(), |commit| format!("{version} ({commit})"))
}

/// The commit of the checkout that this package is the root of; not of one that merely surrounds it.
fn commit() -> Option<String> {
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().ok()?;
    if Path::new(&top).canonicalize().ok()? != here {
        return None;
    }
    // HEAD changes when a branch is checked out, the branch's own file when something is committed to it, and
    // packed-refs when git tidies up. A path that does not exist would make cargo build again each time.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]).unwrap_or_default();
    for name in ["HEAD", &branch, "packed-refs"].into_iter().filter(|name| !name.is_empty()) {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
