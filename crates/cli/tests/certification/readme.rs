//! Follows the README's section on the authorization server word by word: its files are written as they are printed,
//! its commands run in one shell, in an empty directory.

use std::path::Path;

use super::followed_page::{Shell, blocks};
use super::support::free_port;

#[test]
fn the_authorization_server_runs_as_the_readme_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let page = std::fs::read_to_string(path).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("Run the authorization server"));
    let ports = [free_port().to_string(), free_port().to_string()];
    let section = section.unwrap().replace("9443", &ports[0]).replace("9444", &ports[1]);
    let directory = tempfile::tempdir().unwrap();
    let mut shell = Shell::start(directory.path());
    let mut printed = String::new();
    for block in blocks(&section) {
        match block.language.as_str() {
            "toml" => {
                let name = block.text.lines().next().unwrap().trim_start_matches("# ");
                std::fs::write(directory.path().join(name), &block.text).unwrap();
            }
            // What a person would type at the prompt.
            "sh" => printed += &shell.run(&block.text.replace("account add", "account < password add")),
            other => panic!("a block of {other:?}"),
        }
        std::fs::write(directory.path().join("password"), "correct horse battery staple\n").unwrap();
    }
    let token = printed.lines().find(|line| line.starts_with("eyJ")).unwrap();
    assert_eq!(token.split('.').count(), 3, "the token is printed");
    for said in [
        "\"token_endpoint_auth_method\": \"private_key_jwt\"",
        "proofs_without_nonces",
        "\"oauth2.1\" -> \"fapi2-security\"",
        "\"username\": \"alice\"",
        " active ",
        "nothing of billing works any more",
    ] {
        assert!(printed.contains(said), "{said} is not said:\n{printed}");
    }
}
