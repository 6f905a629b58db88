//! Which build is installed: what ExSetup.exe says of itself, and what the patch registry says of the product. Where the two
//! disagree, something ended half-way, and nobody knows what is installed.

use super::wire::Answer;
use crate::model::{InstallKind, Known, Rollup, Time, Version};

/// How the names of rollups begin among the product's patches.
const ROLLUP: &str = "Update Rollup ";

/// The installed build, if both sources say the same.
pub(super) fn installed(answer: &Answer, at: Time) -> Known<Option<Version>> {
    both(answer).map_or_else(Known::unknown, |version| Known::seen(Some(version), at))
}

fn both(answer: &Answer) -> Result<Version, String> {
    answer.done("exsetup")?;
    answer.done("patches")?;
    let [file] = answer.one::<1>("exsetup")?;
    let file = four(file)?;
    let mut rollups = Vec::new();
    for [_, name, _] in answer.all::<3>("patch")? {
        if let Some(build) = rollup_build(name)? {
            rollups.push(build);
        }
    }
    match rollups.into_iter().max_by(|one, other| numbers(one).cmp(&numbers(other))) {
        Some(patch) if patch == file => Ok(file),
        Some(patch) => Err(format!(
            "ExSetup.exe is {file}, and the newest rollup in the patch registry is {patch}: an installation ended half-way, \
             or an interim update lies on top"
        )),
        // Components of one service pack differ in their last number.
        None => {
            let product = product(answer)?;
            match numbers(&product).get(..3) == numbers(&file).get(..3) {
                true => Ok(file),
                false => Err(format!("ExSetup.exe is {file}, and the patch registry has no rollup above {product}")),
            }
        }
    }
}

/// The service pack, as the product's own version.
pub(super) fn baseline(answer: &Answer, at: Time) -> Known<Option<Version>> {
    let product = answer.done("patches").and_then(|()| product(answer));
    product.map_or_else(Known::unknown, |version| Known::seen(Some(version), at))
}

fn product(answer: &Answer) -> Result<Version, String> {
    let [product] = answer.one::<1>("product")?;
    if product.is_empty() {
        return Err("the patch registry has no version of the product: is Exchange 2007 installed there?".into());
    }
    four(product)
}

fn four(text: &str) -> Result<Version, String> {
    Version::parse(InstallKind::Msp, text).map_err(|error| error.to_string())
}

fn numbers(version: &Version) -> [u32; 4] {
    match version {
        Version::Quad(numbers) => *numbers,
        Version::Deb(_) | Version::Rpm(_) => [0; 4],
    }
}

/// The build that a patch's name ends with, if it is a rollup: `Update Rollup 8-v3 for Exchange Server 2007 … 8.3.279.6`.
///
/// # Errors
/// It is a rollup, and its build cannot be read.
fn rollup_build(name: &str) -> Result<Option<Version>, String> {
    let Some(rest) = name.trim().strip_prefix(ROLLUP) else { return Ok(None) };
    let build = rest.split_whitespace().last().unwrap_or_default();
    let numbered = rest.starts_with(|c: char| c.is_ascii_digit());
    let build = four(build).map_err(|_| format!("the patch {name:?} does not end with its build"))?;
    if numbered { Ok(Some(build)) } else { Err(format!("the patch {name:?} has no number")) }
}

/// Whatever is on the product and is no rollup: it must go before a rollup is installed. Where the product itself is not
/// seen, nothing on it is.
pub(super) fn interim_updates(answer: &Answer, at: Time) -> Known<Vec<String>> {
    let read = || -> Result<Vec<String>, String> {
        answer.done("patches")?;
        answer.done("programs")?;
        product(answer)?;
        let patches = answer.all::<3>("patch")?;
        let patches = patches.iter().map(|[id, name, _]| if name.is_empty() { *id } else { *name });
        let programs = answer.all::<1>("program")?;
        let programs = programs.iter().map(|[name]| *name).filter(|name| name.contains("Interim Update"));
        let others = patches.filter(|name| !name.trim().starts_with(ROLLUP)).chain(programs);
        let mut found: Vec<String> = others.map(str::to_owned).collect();
        found.sort();
        found.dedup();
        Ok(found)
    };
    read().map_or_else(Known::unknown, |found| Known::seen(found, at))
}

/// The rollups above one, newest first, as Windows Installer calls patches.
///
/// # Errors
/// They were not seen, or cannot be told apart.
pub(super) fn above(answer: &Answer, rollup: &Rollup) -> Result<Vec<String>, String> {
    answer.done("patches")?;
    let target = rollup.packages.first().map(|package| numbers(&package.version)).unwrap_or_default();
    let mut found = Vec::new();
    for [id, name, _] in answer.all::<3>("patch")? {
        if let Some(build) = rollup_build(name)?.map(|build| numbers(&build)).filter(|build| *build > target) {
            found.push((build, unpacked(id).ok_or_else(|| format!("the patch registry's key {id:?} is no patch's"))?));
        }
    }
    found.sort_by(|one, other| other.cmp(one));
    Ok(found.into_iter().map(|(_, patch)| patch).collect())
}

/// A GUID from the form in which the registry's keys have it: each part is written backwards, of the last two each byte.
fn unpacked(key: &str) -> Option<String> {
    let plain = key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit());
    let backwards = |from: usize, to: usize| Some(key.get(from..to)?.chars().rev().collect::<String>());
    let bytes =
        |from: usize, to: usize| (from..to).step_by(2).map(|at| backwards(at, at + 2)).collect::<Option<String>>();
    let parts = [backwards(0, 8)?, backwards(8, 12)?, backwards(12, 16)?, bytes(16, 20)?, bytes(20, 32)?];
    plain.then(|| format!("{{{}}}", parts.join("-").to_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_called_as_windows_installer_calls_it() {
        let product = unpacked("461C2B4266EDEF444B864AD6D9E5B613");
        assert_eq!(product.as_deref(), Some("{24B2C164-DE66-44FE-B468-A46D9D5E6B31}"));
        for nonsense in ["", "461C", "461C2B4266EDEF444B864AD6D9E5B61X", "461C2B4266EDEF444B864AD6D9E5B6133"] {
            assert_eq!(unpacked(nonsense), None);
        }
    }

    #[test]
    fn what_goes_is_what_is_above_the_target() {
        let key = |digit: char| digit.to_string().repeat(32);
        let patch =
            |digit, build: &str| format!("patch\t{}\tUpdate Rollup 1 for Exchange 8.3.{build}\t20120416", key(digit));
        let lines = [patch('1', "264.0"), patch('2', "999.1"), patch('3', "300.0"), "done\tpatches".into()];
        let text = format!("rollward-answer\t1\tnode\n{}\nend\t5\n", lines.join("\n"));
        let answer = Answer::read("node", &text).unwrap();
        // Its build is 8.3.279.6.
        let gone = above(&answer, &crate::guard::testing::rollup()).unwrap();
        assert_eq!(gone.iter().map(|id| id.chars().nth(1)).collect::<Vec<_>>(), [Some('2'), Some('3')]);
        let odd = Answer::read("node", &text.replace(&key('3'), "KB1")).unwrap();
        assert!(above(&odd, &crate::guard::testing::rollup()).is_err());
    }
}
