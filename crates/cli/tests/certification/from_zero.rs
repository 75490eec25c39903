//! Follows docs/from-zero-to-fapi-2.md like a newcomer: runs every block of the page in one shell, goes through the
//! browser where the page says so, and compares what is printed with what the page shows.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use url::Url;

use super::browser::{Browser, Landing};
use super::support::{DEADLINE, free_port};

const END: &str = "::the end of a block::";
const PASSWORD: &str = "correct horse battery staple";

/// One fenced block: its language line and its text.
struct Block {
    language: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
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
struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<std::process::ChildStdout>,
}

impl Shell {
    fn start(directory: &Path) -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_bindery")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let mut child = Command::new("bash")
            .current_dir(directory)
            .env_clear()
            .env("PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        // Whatever the page starts ends with the shell.
        writeln!(input, "set -eo pipefail; trap 'kill $(jobs -p) 2>/dev/null' EXIT").unwrap();
        Self { child, input, output }
    }

    /// Runs a block and returns what it printed.
    fn run(&mut self, block: &str) -> String {
        writeln!(self.input, "{block}\nprintf '\\n%s\\n' '{END}'").unwrap();
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "the shell ended in:\n{block}\nafter printing:\n{printed}");
            if line.trim_end() == END {
                // The newline before the mark is ours.
                printed.pop();
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
    }
}

/// Whether a printed line is what the page shows, where `…` stands for anything.
fn fits(printed: &str, shown: &str) -> bool {
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

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_page_does_what_the_page_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/from-zero-to-fapi-2.md");
    let port = free_port().to_string();
    let page = std::fs::read_to_string(path).unwrap().replace("9443", &port);
    let directory = tempfile::tempdir().unwrap();
    let mut shell = Shell::start(directory.path());
    let mut printed = String::new();
    for block in blocks(&page) {
        match block.language.as_str() {
            "sh" => printed = shell.run(&block.text),
            "sh browser" => {
                let landed = go_through_the_browser(&port, printed.trim()).await;
                shell.run(&format!("callback='{landed}'"));
            }
            "text" => {
                let (shown, lines): (Vec<&str>, Vec<&str>) =
                    (block.text.lines().collect(), printed.lines().collect());
                assert_eq!(shown.len(), lines.len(), "shown:\n{}\nprinted:\n{printed}", block.text);
                for (shown, line) in shown.iter().zip(&lines) {
                    assert!(fits(line, shown), "shown:   {shown}\nprinted: {line}");
                }
            }
            other => panic!("a block of {other:?}"),
        }
    }
}

/// A browser whose user clicks the warning away.
async fn go_through_the_browser(port: &str, url: &str) -> Url {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = reqwest::Client::builder().danger_accept_invalid_certs(true).http1_only().no_proxy();
    let client = builder.redirect(reqwest::redirect::Policy::none()).timeout(DEADLINE).build().unwrap();
    let mut browser = Browser::new(&client, &format!("https://localhost:{port}"), ("alice", PASSWORD));
    let landing = browser.visit(&url.parse().unwrap(), "https://shop.example/callback").await;
    let Landing::Callback { url, posted: None } = landing else { panic!("{landing:?}") };
    url
}

#[test]
fn an_ellipsis_fits_anything_and_nothing_else_does() {
    assert!(fits("a12b34c", "a…b…c") && fits("same", "same") && fits("{\"a\":1}", "{…}"));
    assert!(!fits("a12b34", "a…b…c") && !fits("same!", "same") && !fits("b", "a…"));
}
