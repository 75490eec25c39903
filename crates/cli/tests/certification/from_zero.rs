//! Follows docs/from-zero-to-fapi-2.md like a newcomer: runs every block of the page in one shell, goes through the
//! browser where the page says so, and compares what is printed with what the page shows.

use std::path::Path;

use url::Url;

use super::browser::{Browser, Landing};
use super::followed_page::{Shell, blocks, fits};
use super::support::{DEADLINE, free_port};

const PASSWORD: &str = "correct horse battery staple";

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
