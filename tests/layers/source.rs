//! Just enough of Rust to see which paths a file mentions: comments, texts and tests apart.

/// A file, read.
pub struct Source {
    /// Without comments, texts and tests; each of their characters is a blank, so that lines stay where they were.
    code: String,
    /// With texts.
    code_and_texts: String,
}

/// The module that a file below `src/` holds.
pub fn module_of(inside: &str) -> Vec<String> {
    let mut path: Vec<String> = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

impl Source {
    pub fn read(text: &str) -> Self {
        let (mut code, mut texts) = strip(text);
        for (from, to) in tests_in(&code) {
            for kept in [&mut code, &mut texts] {
                for c in kept.iter_mut().take(to).skip(from).filter(|c| **c != '\n') {
                    *c = ' ';
                }
            }
        }
        Self { code: code.into_iter().collect(), code_and_texts: texts.into_iter().collect() }
    }

    pub fn code(&self) -> &str {
        &self.code
    }

    pub fn code_and_texts(&self) -> &str {
        &self.code_and_texts
    }

    /// Every path that is mentioned, with its line: groups are taken apart, and `self` and `super` resolved from the
    /// file's module.
    pub fn paths(&self, module: &[String]) -> Vec<(usize, Vec<String>)> {
        let chars: Vec<char> = self.code.chars().collect();
        let mut found = Vec::new();
        let (mut at, mut line, mut counted) = (0, 1, 0);
        while at < chars.len() {
            if is_word(chars[at]) {
                line += chars[counted..at].iter().filter(|c| **c == '\n').count();
                counted = at;
                let mut paths = Vec::new();
                at = path(&chars, at, &mut Vec::new(), &mut paths);
                found.extend(paths.into_iter().map(|path| (line, resolve(path, module))));
            } else {
                at += 1;
            }
        }
        found
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Reads a path at `at`, after `prefix`, and every path of a group at its end. Returns where it ended.
fn path(chars: &[char], mut at: usize, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let depth = prefix.len();
    loop {
        let end = at + chars[at..].iter().take_while(|c| is_word(**c)).count();
        let word: String = chars[at..end].iter().collect();
        // `{self, …}` in a group is what stands before the group.
        if depth == 0 || word != "self" {
            prefix.push(word);
        }
        let colons = blanks(chars, end);
        let next = blanks(chars, colons + 2);
        let after = chars.get(next).copied().unwrap_or(' ');
        let goes_on = chars.get(colons..colons + 2) == Some(&[':', ':']);
        if goes_on && after == '*' {
            prefix.push("*".to_owned());
        }
        if !goes_on || !(is_word(after) || after == '{') {
            found.push(prefix.clone());
            prefix.truncate(depth);
            return end;
        }
        if after == '{' {
            let end = group(chars, next + 1, prefix, found);
            prefix.truncate(depth);
            return end;
        }
        at = next;
    }
}

/// Reads the paths of a group that was just opened. Returns where it was closed.
fn group(chars: &[char], mut at: usize, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    while let Some(c) = chars.get(at) {
        match c {
            '}' => return at + 1,
            c if is_word(*c) => {
                at = path(chars, at, prefix, found);
                // `as another` names nothing new.
                while chars.get(at).is_some_and(|c| *c != ',' && *c != '}') {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn blanks(chars: &[char], at: usize) -> usize {
    at + chars.iter().skip(at).take_while(|c| c.is_whitespace()).count()
}

fn resolve(path: Vec<String>, module: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|word| *word == "super").count();
    let own = path.first().is_some_and(|word| word == "self") && path.len() > 1;
    if ups == 0 && !own {
        return path;
    }
    let base = module.iter().take(module.len().saturating_sub(ups));
    let rest = path.iter().skip(if own { 1 } else { ups });
    std::iter::once(&"crate".to_owned()).chain(base).chain(rest).cloned().collect()
}

/// The text without comments and texts, and the text without comments.
fn strip(text: &str) -> (Vec<char>, Vec<char>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut texts) = (chars.clone(), chars.clone());
    let mut at = 0;
    while at < chars.len() {
        let (end, is_comment) = match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => (at + chars[at..].iter().take_while(|c| **c != '\n').count(), true),
            ('/', Some('*')) => (block_comment(&chars, at), true),
            ('"', _) => (quoted(&chars, at, '"'), false),
            ('r', Some('"' | '#')) if at == 0 || !is_word(chars[at - 1]) || chars[at - 1] == 'b' => {
                (raw(&chars, at), false)
            }
            ('\'', Some('\\')) => (quoted(&chars, at, '\''), false),
            ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => (at + 3, false),
            _ => (at, false),
        };
        for i in at..end {
            if chars[i] != '\n' {
                code[i] = ' ';
                if is_comment {
                    texts[i] = ' ';
                }
            }
        }
        at = end.max(at + 1);
    }
    (code, texts)
}

fn block_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

fn quoted(chars: &[char], mut at: usize, quote: char) -> usize {
    at += 1;
    while let Some(c) = chars.get(at) {
        match c {
            '\\' => at += 2,
            c if *c == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// A raw text, or where it began if it is a raw name such as `r#type`.
fn raw(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    let mut i = at + 1 + hashes;
    if chars.get(i) != Some(&'"') {
        return at;
    }
    i += 1;
    while i < chars.len() {
        if chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    chars.len()
}

/// Where items for tests begin and end.
fn tests_in(code: &[char]) -> Vec<(usize, usize)> {
    let mark: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at + mark.len() <= code.len() {
        if code[at..at + mark.len()] == mark[..] {
            let end = item_end(code, at + mark.len());
            found.push((at, end));
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

fn item_end(code: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(c) = code.get(at) {
        at += 1;
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at,
            '}' => depth -= 1,
            ';' if depth == 0 => return at,
            _ => {}
        }
    }
    at
}
