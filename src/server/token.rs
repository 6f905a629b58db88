//! The token that whoever changes something shows: made at the first start, for the owner's eyes only.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::model::hex;

/// Its file in the state folder.
const NAME: &str = "http-token";

/// Shorter ones could be guessed.
const SHORTEST: usize = 32;

/// The token cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Its file cannot be made or read: mend the rights of the state folder.
    #[error("cannot use the token in {}: {source}; check the rights of its folder", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read it: whoever has may have copied it. Delete it, and a new one is made.
    #[error("the token in {} may be read by others; delete the file, and the next start makes another", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
    },
    /// It could be guessed. Delete it, and a new one is made.
    #[error("the token in {} is shorter than {SHORTEST} characters; delete the file, and the next start makes another", path.display())]
    Short {
        /// Which file.
        path: PathBuf,
    },
    /// The host gives no random numbers.
    #[error("this host gives no random numbers: {0}")]
    Random(String),
}

/// What is kept of the token: enough to tell it.
pub(super) struct Token([u8; 32]);

impl Token {
    /// The token of a state folder, made if it is not there; and its file.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn of(state: &Path) -> Result<(Self, PathBuf), TokenError> {
        let path = state.join(NAME);
        let failed = |source| TokenError::File { path: path.clone(), source };
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => writeln!(file, "{}", random()?).and_then(|()| file.sync_all()).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        if fs::metadata(&path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(TokenError::Open { path });
        }
        let text = fs::read_to_string(&path).map_err(failed)?;
        let text = text.trim();
        if text.len() < SHORTEST {
            return Err(TokenError::Short { path });
        }
        Ok((Self(digest(text)), path))
    }

    /// Whether this is it, in a time that tells nothing of it.
    pub fn is(&self, shown: &str) -> bool {
        self.0.ct_eq(&digest(shown)).into()
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// 256 random bits, in hexadecimal.
///
/// # Errors
/// [`TokenError::Random`].
pub(super) fn random() -> Result<String, TokenError> {
    let mut bytes = [0; 32];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| TokenError::Random(error.to_string()))?;
    Ok(hex(&bytes))
}
