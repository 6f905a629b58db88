//! The product and the patch as the registry and Windows Installer call them.

/// Exchange Server 2007.
pub const PRODUCT: &str = "{24B2C164-DE66-44FE-B468-A46D9D5E6B31}";
/// The rollup that is installed, whichever it is.
pub const PATCH: &str = "{76543210-BA98-FEDC-0123-456789ABCDEF}";

/// A code as the registry packs it: its first three parts backwards, and each pair of digits of the rest.
pub fn packed(code: &str) -> String {
    let parts: Vec<&str> = code.trim_matches(['{', '}']).split('-').collect();
    let whole = parts.iter().take(3).map(|part| part.chars().rev().collect::<String>());
    let pairs = parts.iter().skip(3).map(|part| {
        let digits: Vec<char> = part.chars().collect();
        digits.chunks(2).flat_map(|pair| pair.iter().rev()).collect::<String>()
    });
    whole.chain(pairs).collect()
}
