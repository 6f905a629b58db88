//! Packages as they lie on this host.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::model::hex;

/// A package's file, if it is there and is the one that is declared.
///
/// # Errors
/// It is not: what was found, and what to do.
pub(super) async fn read(path: &Path, sha256: &str) -> Result<Vec<u8>, String> {
    let at = path.display();
    let bytes = tokio::fs::read(path)
        .await
        .map_err(|e| format!("{at} cannot be read: {e}: put it there, or mend the path in its Package document"))?;
    let found = hex(&Sha256::digest(&bytes));
    match found == sha256 {
        true => Ok(bytes),
        false => Err(format!(
            "{at} has the SHA-256 {found}, and {sha256} is declared: download it again, or declare what is there by \
             `rollward package`"
        )),
    }
}
