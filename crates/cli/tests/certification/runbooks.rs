//! Follows the runbooks of docs/operations.md like an operator at night: every block of that chapter runs in one shell
//! beside a running server, and must succeed as it stands. A block marked `stopped` runs while the server is down.

use std::path::Path;

use super::followed_page::{Shell, blocks};
use super::support::{Stage, free_port};

/// The estate that the chapter speaks of: a client of the file with a grant, one of the store, and a person.
fn server_toml(port: u16) -> String {
    let key = super::key::Key::ec(None);
    format!(
        r#"
[listener]
address = "127.0.0.1:{port}"
certificate_file = "server.pem"
key_file = "server.key"
[store]
path = "bindery.sqlite"
[server]
issuer = "https://localhost:{port}"
[[server.client]]
client_id = "shop"
token_endpoint_auth_method = "private_key_jwt"
grant_types = ["refresh_token"]
scope = "orders.read"
audiences = ["https://api.shop.example"]
jwks = {}
"#,
        toml::Value::try_from(serde_json::json!({"keys": [key.registered()]})).unwrap()
    )
}

#[test]
fn every_command_of_the_runbooks_succeeds_as_it_stands() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, chapter) = page.split_once("\n## Runbooks\n").unwrap();
    let (stage, port) = (Stage::new(), free_port());
    stage.write("server.toml", &server_toml(port));
    let mut shell = Shell::start(stage.directory.path());
    let start = format!(
        "bindery server --config server.toml 2>> server.log & server=$!\n\
         until curl -sf --cacert ca.pem https://localhost:{port}/readyz; do sleep 0.1; done"
    );
    shell.run(
        "echo 'correct horse battery staple' | bindery account --config server.toml add alice\n\
         bindery client add partner --auth client_secret_basic --grant-type client_credentials \
           --audience https://api.shop.example --config server.toml > first.secret\n\
         bindery client grant shop --subject alice --config server.toml > refresh.secret",
    );
    shell.run(&start);
    let (mut printed, mut run) = (String::new(), 0);
    for block in blocks(chapter) {
        match block.language.as_str() {
            "sh" => printed += &shell.run(&block.text),
            "sh stopped" => {
                shell.run("kill $server; wait $server 2>/dev/null || true");
                printed += &shell.run(&block.text);
                shell.run(&start);
            }
            other => panic!("a block of {other:?}"),
        }
        run += 1;
    }
    assert!(run > 12, "{run} blocks");
    for said in [
        "copy.sqlite",
        "activated ",
        "removed ",
        "nothing of partner works any more",
        "nothing of shop works any more",
    ] {
        assert!(printed.contains(said), "{said} is not said:\n{printed}");
    }
    assert!(!printed.contains("STILL WORKS"), "{printed}");
}
