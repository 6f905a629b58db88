//! Input that is built to hurt, and good input that was bent at random: nothing panics, nothing takes long.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rollward::desired::read;
use rollward::desired::render::{Style, render};
use rollward::desired::source::SourceFile;

use super::driver::AnyPart;

/// Reads and draws; how long that took.
fn took(bytes: &[u8]) -> Duration {
    #[allow(clippy::disallowed_methods)] // The test measures.
    let begin = Instant::now();
    let files = [SourceFile::from_bytes("nasty.yaml", bytes)];
    let reading = read(&files, &AnyPart);
    let _ = render(&reading.diagnostics, &files, Style::Coloured);
    begin.elapsed()
}

#[test]
fn built_to_hurt() {
    let head = "apiVersion: rollward/v1\nkind: Policy\nmetadata: {name: a}\nspec: ";
    let mib = 1024 * 1024;
    let size = 8 * mib - head.len() - 16;
    let fill = |piece: &str| format!("{head}{}", piece.repeat(size / piece.len()));
    let many_keys: String = (0..400_000).map(|i| format!("k{i}: {i}\n")).collect();
    let many_documents = "---\nkind: X\n".repeat(8 * mib / 12);
    let bomb: String = (1..30).map(|i| format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1)).collect();
    let cases: Vec<(&str, String)> = vec![
        ("open lists", fill("[")),
        ("open mappings", fill("{a: ")),
        ("dashes", fill("- ")),
        ("dashes on lines", fill("\n- a")),
        ("questions", fill("? ")),
        ("colons", fill(": ")),
        ("quotes", fill("\"")),
        ("one long text", fill("a")),
        ("one long quoted text", format!("{head}\"{}\"", "a ".repeat(size / 2))),
        ("folded lines", fill(">\n a\n")),
        ("spaces", fill(" ")),
        ("lines", fill("\n")),
        ("comments", fill("\n#")),
        ("anchors", fill("&a ")),
        ("tags", fill("!")),
        ("commas", format!("{head}[{}]", "a,".repeat(size / 2))),
        ("not ASCII", fill("é")),
        ("carriage returns", fill("\r")),
        ("documents", many_documents),
        ("markers", "---\n".repeat(2 * mib)),
        ("markers with values", "--- a\n".repeat(8 * mib / 6)),
        (
            "many keys",
            format!(
                "apiVersion: rollward/v1\nkind: Policy\nmetadata: {{name: a}}\nspec:\n{}",
                many_keys.replace('k', "  k")
            ),
        ),
        ("many duplicate keys", format!("{head}\n{}", "  k: 1\n".repeat(500_000))),
        ("many nodes without end", format!("{head}{{nodes: [{}", "{a: 1}, ".repeat(500_000))),
        ("aliases", format!("a0: &a0 [x]\n{bomb}")),
    ];
    // The promise is 2 s. What a wall clock shows depends on the machine and on what else it does, so the measure is a
    // harmless file of the same size: whatever grows faster than the text is far beyond a few times as long.
    let harmless = took(fill("\n# nothing").as_bytes());
    let patience = Duration::from_secs(2) + 8 * harmless;
    for (name, text) in cases {
        let took = took(text.as_bytes());
        assert!(took < patience, "{name} took {took:?}");
    }
}

const GOOD: &str = include_str!("../../manifests/demo/scr.yaml");

/// A way to bend a text.
#[derive(Clone, Debug)]
enum Bend {
    Cut(usize),
    Put(usize, String),
    Swap(usize, usize),
    Twice(usize, usize),
    Byte(usize, u8),
}

fn bend() -> impl Strategy<Value = Bend> {
    let at = || 0..GOOD.len();
    let pieces = vec![
        "\t",
        "\0",
        "---\n",
        "...\n",
        "&a ",
        "*a",
        "{",
        "}",
        "[",
        "]",
        ":",
        "- ",
        "!!str ",
        "\"",
        "'",
        "|\n",
        "<<: ",
        "é",
        "\r\n",
        "\u{feff}",
        "%YAML 1.2\n",
        "null",
        "~",
        "-1",
        "1e999",
        ".nan",
        "standbyTargets: ",
        "0x7f",
        "? ",
    ];
    prop_oneof![
        at().prop_map(Bend::Cut),
        (at(), prop::sample::select(pieces)).prop_map(|(i, p)| Bend::Put(i, p.to_owned())),
        (at(), at()).prop_map(|(i, j)| Bend::Swap(i, j)),
        (at(), 1usize..400).prop_map(|(i, n)| Bend::Twice(i, n)),
        (at(), any::<u8>()).prop_map(|(i, b)| Bend::Byte(i, b)),
    ]
}

fn bent(bends: &[Bend]) -> Vec<u8> {
    let mut bytes = GOOD.as_bytes().to_vec();
    for bend in bends {
        let len = bytes.len();
        match bend {
            Bend::Cut(i) => bytes.truncate((*i).max(len / 2)),
            Bend::Put(i, piece) => drop(bytes.splice(i % len..i % len, piece.bytes())),
            Bend::Swap(i, j) => bytes.swap(i % len, j % len),
            Bend::Twice(i, n) => {
                let begin = i % len;
                let piece = bytes[begin..(begin + n).min(len)].to_vec();
                drop(bytes.splice(begin..begin, piece));
            }
            Bend::Byte(i, b) => bytes[i % len] = *b,
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// No bent manifest panics or takes long, every cluster that is not sound says why, and every place that a message
    /// names is in the file.
    #[test]
    fn bent_at_random(bends in prop::collection::vec(bend(), 1..6)) {
        let files = [SourceFile::from_bytes("bent.yaml", &bent(&bends))];
        let reading = read(&files, &AnyPart);
        let drawn = render(&reading.diagnostics, &files, Style::Plain);
        let lines = u32::try_from(files[0].shown().split('\n').count()).unwrap();
        for diagnostic in &reading.diagnostics {
            let at = diagnostic.at.as_ref().expect("all is about this file");
            prop_assert!(at.line >= 1 && at.line <= lines, "{diagnostic:?}");
            prop_assert!(at.start <= at.end && at.end <= files[0].shown().len(), "{diagnostic:?}");
            prop_assert!(!diagnostic.message.is_empty());
        }
        prop_assert!(!reading.broken.is_empty() <= reading.has_errors(), "broken without an error:\n{drawn}");
        prop_assert!(reading.has_errors() || reading.desired.clusters.len() >= 3 || drawn.is_empty());
    }
}
