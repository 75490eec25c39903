//! A page of the documentation as a newcomer follows it: its fenced blocks, one shell that runs them in their order,
//! and whether what was printed is what the page shows.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::support::watch::record::{self, message};

const END: &str = "::the end of a block::";

/// One fenced block: its language line and its text.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

/// The fenced blocks, in their order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some(Block { language: language.into(), text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// A shell that reads blocks.
pub(crate) struct Shell {
    directory: PathBuf,
    child: Child,
    input: ChildStdin,
    output: BufReader<std::process::ChildStdout>,
}

impl Shell {
    pub(crate) fn start(directory: &Path) -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_bindery")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let mut child = Command::new("bash")
            .current_dir(directory)
            .env_clear()
            .env("PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(directory.join("shell.log")).unwrap())
            .spawn()
            .unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        // Whatever the page starts ends with the shell.
        writeln!(input, "set -eo pipefail; trap 'kill $(jobs -p) 2>/dev/null' EXIT").unwrap();
        Self { directory: directory.to_owned(), child, input, output }
    }

    /// Runs a block and returns what it printed.
    pub(crate) fn run(&mut self, block: &str) -> String {
        writeln!(self.input, "{block}\nprintf '\\n%s\\n' '{END}'").unwrap();
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "the shell ended in:\n{block}\nafter printing:\n{printed}");
            if line.trim_end() == END {
                // The newline before the mark is ours.
                printed.pop();
                message::payload(printed.as_bytes());
                let tokens = printed.split_whitespace().filter(|word| word.starts_with("eyJ"));
                tokens.for_each(|token| record::secret("a printed token", token));
                return printed;
            }
            printed.push_str(&line);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = writeln!(self.input, "exit");
        let _ = self.child.wait();
        self.write_down();
    }
}

impl Shell {
    /// What the shell and its server logged, and the keys and answers that they left.
    fn write_down(&self) {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten();
        for path in entries.flatten().map(|entry| entry.path()) {
            let kind = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            match (kind.as_str(), std::fs::read(&path)) {
                ("log", Ok(log)) => record::process(&log),
                ("key", Ok(key)) => record::secret("a private key", &String::from_utf8_lossy(&key)),
                ("json", Ok(answer)) => message::payload(&answer),
                ("secret", Ok(printed)) => {
                    let printed = String::from_utf8_lossy(&printed);
                    record::secret("a printed secret", printed.split_whitespace().last().unwrap_or_default());
                }
                _ => {}
            }
        }
    }
}

/// Whether a printed line is what the page shows, where `…` stands for anything.
pub(crate) fn fits(printed: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = printed.strip_prefix(parts.next().unwrap()) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (at, part) in parts.iter().enumerate() {
        if at + 1 == parts.len() {
            return rest.ends_with(part);
        }
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.is_empty()
}

#[test]
fn an_ellipsis_fits_anything_and_nothing_else_does() {
    assert!(fits("a12b34c", "a…b…c") && fits("same", "same") && fits("{\"a\":1}", "{…}"));
    assert!(!fits("a12b34", "a…b…c") && !fits("same!", "same") && !fits("b", "a…"));
}
