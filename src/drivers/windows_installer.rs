//! What the exit codes of Windows Installer mean, as far as they are public: whether trying again can help, or a person must.

/// How a failure of ours begins that is Windows Installer's.
const PREFIX: &str = "msiexec ";

/// What an exit code means, and whether the same may go better another time.
///
/// Source: the list of error codes of Windows Installer in Microsoft's reference.
pub(super) fn meaning(code: i32) -> (&'static str, bool) {
    match code {
        1601 => ("the installer service could not be reached", true),
        1602 => ("cancelled by a person", true),
        1603 => ("fatal error", true),
        1605 => ("unknown product", false),
        1612 => ("the source is absent", false),
        1618 => ("another installation is running", true),
        1619 => ("the package cannot be opened", false),
        1620 => ("the package is invalid", false),
        1625 => ("forbidden by policy", false),
        1633 => ("wrong platform", false),
        1635 => ("the patch cannot be opened", false),
        1636 => ("the patch is invalid", false),
        1637 => ("the patch is not supported", false),
        1639 => ("bad command line", false),
        1642 => ("patch target not found, or at another service pack", false),
        _ => ("failed", true),
    }
}

/// The failure's signature: the same text for the same cause everywhere.
pub(super) fn signature(code: i32) -> String {
    format!("{PREFIX}{code}: {}", meaning(code).0)
}

/// A failure as a node wrote it down, with what its exit code means, if it is an installer's: `msiexec 1603: at STEP` is
/// `msiexec 1603: fatal error (at STEP)`. And whether trying again may help.
pub(super) fn explained(failure: &str) -> (String, bool) {
    let parts = failure.strip_prefix(PREFIX).map(|rest| rest.split_once(':').unwrap_or((rest, "")));
    let Some((code, context)) = parts.and_then(|(code, context)| Some((code.trim().parse().ok()?, context.trim())))
    else {
        return (failure.to_owned(), true);
    };
    let own = signature(code);
    let whole = if context.is_empty() { own } else { format!("{own} ({context})") };
    (whole, meaning(code).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_its_code_means_and_whether_to_try_again() {
        assert_eq!(
            explained("msiexec 1603: at InstallFinalize"),
            ("msiexec 1603: fatal error (at InstallFinalize)".into(), true)
        );
        assert_eq!(
            explained("msiexec 1642"),
            ("msiexec 1642: patch target not found, or at another service pack".into(), false)
        );
        assert_eq!(explained("dpkg exit 1: oops"), ("dpkg exit 1: oops".into(), true));
        assert_eq!(explained("msiexec said nothing"), ("msiexec said nothing".into(), true));
    }
}
