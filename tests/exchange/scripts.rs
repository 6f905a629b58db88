//! The driver's PowerShell scripts, as far as that is possible without PowerShell: they parse, they use what Exchange
//! 2007 and PowerShell 1.0 have and nothing newer, and no input becomes code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tree_sitter::{Node, Parser};

/// What may be used, from `cmdlets.txt`.
#[derive(Default)]
struct Table {
    cmdlets: BTreeMap<&'static str, BTreeSet<&'static str>>,
    operators: BTreeSet<&'static str>,
    types: BTreeSet<&'static str>,
    newer: BTreeSet<&'static str>,
}

impl Table {
    fn read() -> Self {
        let mut table = Self::default();
        for line in include_str!("cmdlets.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.split(' ');
            match words.next() {
                Some("cmdlet") => _ = table.cmdlets.insert(words.next().unwrap(), words.collect()),
                Some("operator") => table.operators.extend(words),
                Some("type") => table.types.extend(words),
                Some("newer") => table.newer.extend(words),
                other => panic!("{other:?} in cmdlets.txt"),
            }
        }
        table
    }
}

/// Constructs that PowerShell 1.0 lacks, that make code of text, or that are no PowerShell.
const REFUSED: &[(&str, &str)] = &[
    ("ERROR", "it does not parse"),
    ("attribute_arguments", "parameters have attributes since PowerShell 2.0"),
    ("background_operator", "a job in the background"),
    ("class_statement", "classes came with PowerShell 5"),
    ("data_statement", "data sections came with PowerShell 2.0"),
    ("enum_statement", "enumerations came with PowerShell 5"),
    ("inlinescript_statement", "workflows came with PowerShell 3"),
    ("invokation_foreach_expression", "ForEach as a method came with PowerShell 4"),
    ("parallel_statement", "workflows came with PowerShell 3"),
    ("pipeline_chain_tail", "&& and || came with PowerShell 7"),
    ("sequence_statement", "workflows came with PowerShell 3"),
    ("stop_parsing", "--% came with PowerShell 3"),
    ("try_statement", "try came with PowerShell 2.0"),
];

struct Script<'a> {
    name: &'a str,
    text: &'a str,
    functions: &'a BTreeSet<String>,
    table: &'a Table,
    wrong: Vec<String>,
}

impl Script<'_> {
    fn text(&self, node: Node<'_>) -> &str {
        &self.text[node.byte_range()]
    }

    fn say(&mut self, node: Node<'_>, what: &str) {
        let line = node.start_position().row + 1;
        let shown = self.text(node).lines().next().unwrap_or_default().to_owned();
        self.wrong.push(format!("{}:{line}: `{shown}`: {what}", self.name));
    }

    fn look(&mut self, node: Node<'_>) {
        if let Some((_, why)) = REFUSED.iter().find(|(kind, _)| *kind == node.kind()) {
            self.say(node, why);
        }
        if node.is_missing() {
            self.say(node, "it does not parse");
        }
        match node.kind() {
            "command" => self.command(node),
            "comparison_operator" if !self.table.operators.contains(&*self.text(node).to_lowercase()) => {
                self.say(node, "no operator of PowerShell 1.0");
            }
            // The parts of a longer name are names, too.
            "type_name" if node.parent().is_none_or(|p| p.kind() != "type_name") => self.type_name(node),
            "member_name" if self.table.newer.contains(self.text(node)) => {
                self.say(node, "newer than PowerShell 1.0 on .NET 2.0, or code out of text");
            }
            "variable" if self.text(node).starts_with('@') => self.say(node, "splatting came with PowerShell 2.0"),
            // It goes on with the next statement, as if the one that failed had done what it should.
            "trap_statement" if self.text(node).contains("continue") && statements_beside(node) > 1 => {
                self.say(node, "what follows the statement that failed is done, too");
            }
            "comment" if self.text(node).to_lowercase().starts_with("#requires") => self.say(node, "not a comment"),
            _ => {}
        }
        let mut cursor = node.walk();
        let children: Vec<_> = node.children(&mut cursor).collect();
        children.into_iter().for_each(|child| self.look(child));
    }

    fn type_name(&mut self, node: Node<'_>) {
        let name = self.text(node);
        if !self.table.types.contains(name) {
            self.say(node, "a type that the table does not have");
        }
    }

    fn command(&mut self, node: Node<'_>) {
        let mut cursor = node.walk();
        let parts: Vec<_> = node.children(&mut cursor).collect();
        if let Some(called) = parts.iter().find(|p| p.kind() == "command_name_expr") {
            let called = self.text(*called).to_owned();
            // Blocks are written where they are used; the one in a variable is checked where it is given.
            let block = called.starts_with('{') || (called == "$do" && self.name == "common.ps1");
            if !block || self.text(node).starts_with('.') {
                self.say(node, "it runs what is in a variable or a text");
            }
            return;
        }
        let Some(name) = parts.iter().find(|p| p.kind() == "command_name") else {
            return self.say(node, "a command without a name");
        };
        let name = self.text(*name).to_owned();
        let mut cursor = node.walk();
        let elements = node.children(&mut cursor).find(|p| p.kind() == "command_elements");
        let mut cursor = node.walk();
        let elements: Vec<_> = elements.iter().flat_map(|e| e.children(&mut cursor).collect::<Vec<_>>()).collect();
        let arguments: Vec<_> = elements.iter().filter(|e| e.kind() == "array_literal_expression").collect();
        let parameters = elements.iter().filter(|e| e.kind() == "command_parameter");
        if name == "Attempt" && !arguments.last().is_some_and(|last| self.text(**last).starts_with('{')) {
            self.say(node, "what is attempted is no block");
        }
        if name == "New-Object" {
            let made = elements.iter().find(|e| !matches!(e.kind(), "command_argument_sep" | "command_parameter"));
            let made = made.map(|e| self.text(*e)).unwrap_or_default();
            if !self.table.types.contains(made) {
                self.say(node, "a type that the table does not have");
            }
        }
        if self.functions.contains(&name) {
            return;
        }
        let Some(known) = self.table.cmdlets.get(&*name) else {
            let bootstrap =
                self.name == "bootstrap.ps1" && name == "Invoke-Expression" && self.text(node) == BOOTSTRAPS;
            if !bootstrap {
                self.say(node, "no cmdlet that the table has");
            }
            return;
        };
        for parameter in parameters {
            // A value may stand behind a colon.
            let shown = self.text(*parameter).split(':').next().unwrap_or_default().to_owned();
            if !known.contains(&*shown) {
                self.say(*parameter, &format!("no parameter of {name} that the table has"));
            }
        }
    }
}

/// How many statements a trap stands beside.
fn statements_beside(trap: Node<'_>) -> usize {
    let Some(block) = trap.parent() else { return 0 };
    let mut cursor = block.walk();
    block.named_children(&mut cursor).filter(|child| !matches!(child.kind(), "trap_statement" | "comment")).count()
}

/// The one place where text becomes code: that of the script that was sent.
const BOOTSTRAPS: &str = "Invoke-Expression $text";

/// What is wrong with some scripts, each with its name.
fn wrong(scripts: &BTreeMap<String, String>) -> Vec<String> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    let trees: Vec<_> = scripts.iter().map(|(name, text)| (name, text, parser.parse(text, None).unwrap())).collect();
    let mut functions = BTreeSet::new();
    for (_, text, tree) in &trees {
        named(tree.root_node(), text, &mut functions);
    }
    let table = Table::read();
    let mut all = Vec::new();
    for (name, text, tree) in &trees {
        let mut script = Script { name, text, functions: &functions, table: &table, wrong: Vec::new() };
        script.look(tree.root_node());
        all.append(&mut script.wrong);
        if !text.is_ascii() {
            // Read as the system's own code page, it would be something else.
            let code = |line: &&str| !line.trim_start().starts_with('#') && !line.is_ascii();
            all.extend(text.lines().find(code).map(|line| format!("{name}: `{line}`: not ASCII")));
        }
    }
    all
}

fn named(node: Node<'_>, text: &str, functions: &mut BTreeSet<String>) {
    if node.kind() == "function_name" {
        functions.insert(text[node.byte_range()].to_owned());
    }
    let mut cursor = node.walk();
    node.children(&mut cursor).for_each(|child| named(child, text, functions));
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/drivers/exchange2007/scripts")
}

#[test]
fn the_drivers_scripts_use_nothing_that_is_not_there() {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let scripts: BTreeMap<String, String> = files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    assert!(scripts.contains_key("bootstrap.ps1") && scripts.contains_key("node.ps1"), "{:?}", scripts.keys());
    let wrong = wrong(&scripts);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A script with this in it, among functions that the others have, is refused, and so says it.
#[track_caller]
fn refused(code: &str, why: &str) {
    let common = "function Attempt([string]$what, $do) { & $do }\nfunction Say { }\n";
    let scripts = [("common.ps1".to_owned(), common.to_owned()), ("bad.ps1".to_owned(), code.to_owned())];
    let wrong = wrong(&scripts.into());
    assert!(wrong.iter().any(|wrong| wrong.contains(why)), "{code}: {wrong:?}");
}

#[test]
fn what_is_newer_or_an_alias_is_refused() {
    for (code, why) in [
        ("Get-Item 'x' | % { $_ }", "no cmdlet"),
        ("gci 'x'", "no cmdlet"),
        ("Get-CimInstance Win32_Service", "no cmdlet"),
        ("Get-WmiObject Win32_Service", "no cmdlet"),
        ("$x | ConvertTo-Json", "no cmdlet"),
        ("Get-Item -Pa 'x'", "no parameter of Get-Item"),
        ("Get-ChildItem 'x' -Directory", "no parameter of Get-ChildItem"),
        ("Move-ClusteredMailboxServer -Identity $a -Target $b", "no parameter of Move-ClusteredMailboxServer"),
        ("$x | Where-Object Name -eq 'a'", "no parameter of Where-Object"),
        ("try { Say 'a' } catch { Say 'b' }", "try came"),
        ("class A { }", "classes came"),
        ("Say 'a' && Say 'b'", "&& and || came"),
        ("Say @fields", "splatting came"),
        ("$x = $a ?? 3", "does not parse"),
        ("$x = 1 -in $list", "no operator"),
        ("$x = $list -join ','", "no operator"),
        ("$x = [ordered]@{}", "a type that the table does not have"),
        ("$x = New-Object Collections.Generic.List[string]", "a type that the table does not have"),
        ("$x = [Text.StringBuilder]::new()", "newer than"),
        ("$x = $list.Where({ $_ })", "newer than"),
        ("$x = [string]::IsNullOrWhiteSpace($y)", "newer than"),
        ("if ($x { }", "does not parse"),
        ("Say 'größe'", "not ASCII"),
        ("#requires -version 3", "not a comment"),
    ] {
        refused(code, why);
    }
}

#[test]
fn a_trap_that_goes_on_stands_beside_one_statement() {
    refused("& {\n  trap { continue }\n  [IO.File]::Move($a, $b)\n  $script:moved = $true\n}", "is done, too");
}

#[test]
fn code_out_of_text_is_refused() {
    for (code, why) in [
        ("Invoke-Expression $text", "no cmdlet"),
        ("Invoke-Expression \"Get-Item $name\"", "no cmdlet"),
        ("& $name", "it runs what is in a variable"),
        ("& \"$tool $arguments\"", "it runs what is in a variable"),
        (". $path", "it runs what is in a variable"),
        ("& $do", "it runs what is in a variable"),
        ("Attempt 'x' $text", "what is attempted is no block"),
        ("& ([scriptblock]::Create($text))", "a type that the table does not have"),
        ("$x = $ExecutionContext.InvokeCommand.NewScriptBlock($text)", "newer than"),
        ("cmd.exe /c $line", "no cmdlet"),
        ("powershell.exe -Command $line", "no cmdlet"),
    ] {
        refused(code, why);
    }
}
