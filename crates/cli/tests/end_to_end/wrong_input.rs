//! Wrong input by hand: whatever is wrong with a file, an option or a value, the message names the place, the
//! rule and the remedy, the exit code is 2, and nothing was started.

use std::net::TcpListener;

use crate::support::Stage;
use crate::support::process::Finished;

/// A configuration of a server on the stage's files, to be spoilt by replacement.
fn server_toml(stage: &Stage) -> String {
    let [certificate, key, store] = ["server.pem", "server.key", "bindery.db"].map(|name| stage.path(name));
    format!(
        r#"[listener]
address = "127.0.0.1:0"
certificate_file = "{certificate}"
key_file = "{key}"
[store]
path = "{store}"
[server]
issuer = "https://id.shop.example"
[[server.client]]
client_id = "billing"
token_endpoint_auth_method = "none"
grant_types = ["refresh_token"]
audiences = ["https://api.shop.example"]
"#
    )
}

fn gateway_toml(stage: &Stage) -> String {
    let [certificate, key, nonce] = ["server.pem", "server.key", "nonce.key"].map(|name| stage.path(name));
    stage.write("nonce.key", &"A".repeat(43));
    format!(
        r#"[listener]
address = "127.0.0.1:0"
certificate_file = "{certificate}"
key_file = "{key}"
[gateway.upstream]
url = "http://127.0.0.1:1"
[gateway.guard]
public_urls = ["https://api.shop.example"]
[[gateway.guard.issuer]]
issuer = "https://id.shop.example"
audiences = ["https://api.shop.example"]
[[gateway.guard.nonce_key]]
id = 1
file = "{nonce}"
[[gateway.guard.route]]
path = "/orders"
"#
    )
}

/// Exit code 2, nothing on stdout, and one message with all of these.
#[track_caller]
fn require_message(what: &str, finished: Finished, parts: &[&str]) {
    let finished = finished.require(2);
    assert!(finished.stdout.is_empty(), "{what}: {finished:?}");
    let message = finished.stderr.split("bindery: ").last().unwrap();
    for part in parts {
        assert!(message.contains(part), "{what}: no {part:?} in: {message}");
    }
    assert!(!message.contains("panicked"), "{what}: {message}");
}

/// Spoils one line of a configuration and requires that `command` refuses it with these words.
#[track_caller]
fn refuse_spoilt(stage: &Stage, command: &str, good: &str, spoil: (&str, &str), parts: &[&str]) {
    let (line, by) = spoil;
    assert!(good.contains(line), "{line} is not in the file");
    let path = stage.write("spoilt.toml", &good.replacen(line, by, 1));
    let parts: Vec<&str> = [&["spoilt.toml"], parts].concat();
    require_message(by, stage.run(&[command, "--config", &path, "--check"]), &parts);
}

#[test]
fn what_is_spoilt_below_was_good_before() {
    let stage = Stage::new();
    for (command, text) in [("server", server_toml(&stage)), ("gateway", gateway_toml(&stage))] {
        let path = stage.write("good.toml", &text);
        stage.run(&[command, "--config", &path, "--check"]).require(0);
    }
}

#[test]
fn a_server_refuses_a_spoilt_configuration() {
    let stage = Stage::new();
    let good = server_toml(&stage);
    let issuer = "issuer = \"https://id.shop.example\"";
    for (spoil, parts) in [
        (("[server]", "[server"), &["line 7", "]"][..]),
        ((issuer, "isuer = \"https://id.shop.example\""), &["unknown field `isuer`", "`issuer`"]),
        (("[store]", "[stor]"), &["unknown field `stor`", "`store`"]),
        ((issuer, ""), &["missing field `issuer`"]),
        ((issuer, "issuer = \"http://id.shop.example\""), &["`issuer`", "https", "RFC 8414"]),
        (
            (issuer, "issuer = \"https://id.shop.example\"\naccess_token_lifetime = 0"),
            &["`access_token_lifetime` = 0", "between 1 and 3600", "choose"],
        ),
        (
            (issuer, "issuer = \"https://id.shop.example\"\nsigning_algorithms = [\"HS256\"]"),
            &["`signing_algorithms` = HS256", "ES256"],
        ),
        (("\"none\"", "\"psk\""), &["client billing: token_endpoint_auth_method", "private_key_jwt"]),
        (("grant_types = [\"refresh_token\"]", "grant_types = [\"password\"]"), &["grant_types", "password"]),
        (("grant_types = [\"refresh_token\"]", "grant_typs = []"), &["client billing: grant_t"]),
    ] {
        refuse_spoilt(&stage, "server", &good, spoil, parts);
    }
    let address = stage.write("address.toml", &good.replace("127.0.0.1:0", "localhost"));
    require_message("address", stage.run(&["server", "--config", &address]), &["address", "line 2"]);
}

#[test]
fn a_server_refuses_a_file_that_leaves_open_which_issuer_or_where() {
    let stage = Stage::new();
    let listener = &server_toml(&stage)[..server_toml(&stage).find("[store]").unwrap()];
    let [one, two] = ["one.db", "two.db"].map(|name| stage.path(name));
    let issuer = |url: &str, store: &str| {
        format!("[[issuer]]\n[issuer.store]\npath = \"{store}\"\n[issuer.server]\nissuer = \"{url}\"\n")
    };
    let (first, second) = (issuer("https://a.example", &one), issuer("https://b.example", &two));
    let single = "[server]\nissuer = \"https://c.example\"\n";
    for (text, parts) in [
        (listener.to_owned(), ["no issuer", "`[server]`", "`[[issuer]]`"]),
        (format!("{listener}{first}{single}"), ["`[server]`", "`[[issuer]]`", "move"]),
        (format!("{first}{second}"), ["https://a.example", "served nowhere", "`[listener]`"]),
        (format!("{listener}[store]\n{first}"), ["`[store]`", "`[[issuer]]`", "`[issuer.store]`"]),
        (
            format!("{listener}{first}{}", issuer("https://b.example", &one)),
            ["https://a.example", "https://b.example", "a place of its own"],
        ),
        (
            format!("{listener}{first}{}", issuer("https://b.example", &stage.path("./one.db"))),
            ["https://a.example", "https://b.example", "a place of its own"],
        ),
        (
            format!("{listener}{first}{}", issuer("https://a.example", &two)),
            ["`issuer`", "can't be told", "another path"],
        ),
        (
            format!("{}{first}", listener.replace("[listener]", "[mtls_listener]")),
            ["mtls_listener", "alone", "[listener]"],
        ),
    ] {
        let path = stage.write("spoilt.toml", &text);
        let finished = stage.run(&["server", "--config", &path, "--check"]);
        require_message(&text, finished, &[&["spoilt.toml"][..], &parts].concat());
    }
    let path = stage.write("good.toml", &format!("{listener}{first}{second}"));
    stage.run(&["server", "--config", &path, "--check"]).require(0);
    let unnamed = stage.run(&["client", "list", "--config", &path]);
    require_message("issuer", unnamed, &["--issuer", "https://a.example", "https://b.example"]);
    stage.run(&["client", "list", "--config", &path, "--issuer", "https://b.example"]).require(0);
}

#[test]
fn a_gateway_refuses_a_spoilt_configuration() {
    let stage = Stage::new();
    let good = gateway_toml(&stage);
    let nonce = stage.path("nonce.key");
    let short = stage.write("short.key", "AAAA");
    for (spoil, parts) in [
        (("[gateway.guard]", "[gateway.gard]"), &["unknown field `gard`"][..]),
        (("path = \"/orders\"", "path = \"orders/../x\""), &["route.path", "orders/../x", "leading slash"]),
        (("path = \"/orders\"", "path = \"/orders\"\nmode = \"enforced\""), &["enforced", "`enforce`"]),
        (
            ("path = \"/orders\"", "path = \"/orders\"\nmechanisms = [\"bearer\"]"),
            &["route.mechanisms", "bearer", "dangerous_bearer"],
        ),
        (("http://127.0.0.1:1", "127.0.0.1:1"), &["upstream.url", "http"]),
        (("http://127.0.0.1:1", "https://127.0.0.1:1"), &["upstream.roots_file", "PEM"]),
        (("[\"https://api.shop.example\"]", "[\"http://api.shop.example\"]"), &["public_urls", "https"]),
        (("audiences = [\"https://api.shop.example\"]", "audiences = []"), &["issuer.audiences", "audience"]),
        (("\"https://id.shop.example\"", "\"http://id.shop.example\""), &["issuer", "https"]),
        ((nonce.as_str(), "/nowhere/nonce.key"), &["nonce_key.file", "/nowhere/nonce.key"]),
        ((nonce.as_str(), short.as_str()), &["nonce_key.file", "32 bytes", "openssl rand"]),
    ] {
        refuse_spoilt(&stage, "gateway", &good, spoil, parts);
    }
}

/// What a gateway is known by at the introspection endpoint: a secret or a certificate with its key, whole, fitting
/// and in its time.
#[test]
fn a_gateway_refuses_credentials_for_introspection_that_can_not_work() {
    let stage = Stage::new();
    let identity = stage.authority.client("api");
    let expired = stage.authority.expired_server();
    let certificate = stage.write("api.pem", &identity.certificate);
    let key = stage.write("api.key", &identity.key);
    let secret = stage.write("api.secret", "a-secret-that-only-the-gateway-knows-of");
    stage.secret("a client's secret", "a-secret-that-only-the-gateway-knows-of");
    let old = stage.write("old.pem", &expired.certificate);
    let old_key = stage.write("old.key", &expired.key);
    stage.secret("a private key", &expired.key);
    let (ca, server_key) = (stage.path("ca.pem"), stage.path("server.key"));
    let introspection = "[gateway.guard.issuer.introspection]\nendpoint = \"https://id.shop.example/introspect\"\n\
                         client_id = \"api\"\n";
    let file = |top: &str, introspection: &str| {
        let nonce = "[[gateway.guard.nonce_key]]";
        format!("{top}\n{}", gateway_toml(&stage).replacen(nonce, &format!("{introspection}{nonce}"), 1))
    };
    let roots = format!("issuer_roots_file = {ca:?}\n");
    let own = |certificate: &str, key: &str| {
        format!("{roots}issuer_certificate_file = {certificate:?}\nissuer_key_file = {key:?}\n")
    };
    let with_secret = format!("{introspection}client_secret_file = {secret:?}\n");
    for (top, introspection) in [(own(&certificate, &key).as_str(), introspection), ("", &with_secret)] {
        let path = stage.write("good.toml", &file(top, introspection));
        stage.run(&["gateway", "--check", "--config", &path]).require(0);
    }
    let certificate_alone = format!("{roots}issuer_certificate_file = {certificate:?}\n");
    let key_alone = format!("{roots}issuer_key_file = {key:?}\n");
    let without_roots = own(&certificate, &key).replace(&roots, "");
    for (top, introspection, parts) in [
        (
            certificate_alone.as_str(),
            introspection,
            &["issuer_certificate_file", &certificate, "set issuer_key_file"][..],
        ),
        (&key_alone, introspection, &["issuer_key_file", &key, "set issuer_certificate_file"]),
        ("", introspection, &["issuer.introspection.client_id api", "set client_secret_file"]),
        (
            &own(&certificate, &key),
            &with_secret,
            &[&certificate, &secret, "one method", "leave one of them out"],
        ),
        (&without_roots, introspection, &[&certificate, "set issuer_roots_file"]),
        (&own("/nowhere/api.pem", &key), introspection, &["issuer_certificate_file", "/nowhere/api.pem"]),
        (&own(&certificate, "/nowhere/api.key"), introspection, &["issuer_key_file", "/nowhere/api.key"]),
        (
            &own(&certificate, &server_key),
            introspection,
            &["issuer_key_file", &server_key, "not the key of the certificate"],
        ),
        (&own(&key, &key), introspection, &["issuer_certificate_file", &key]),
        (&own(&old, &old_key), introspection, &["issuer_certificate_file", &old, "2002-01-01", "renew it"]),
    ] {
        let path = stage.write("spoilt.toml", &file(top, introspection));
        let parts: Vec<&str> = [&["spoilt.toml"], parts].concat();
        require_message(top, stage.run(&["gateway", "--config", &path, "--check"]), &parts);
    }
}

#[test]
fn a_nonce_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::new();
    let path = stage.write("gateway.toml", &gateway_toml(&stage));
    let nonce = stage.path("nonce.key");
    std::fs::set_permissions(&nonce, std::fs::Permissions::from_mode(0o644)).unwrap();
    let finished = stage.run(&["gateway", "--config", &path, "--check"]);
    require_message("mode", finished, &["nonce_key.file", &nonce, "644", "chmod 600"]);
}

#[test]
fn files_that_are_missing_or_of_another_kind_are_named() {
    let stage = Stage::new();
    let good = server_toml(&stage);
    let other = stage.authority.server();
    let other_key = stage.write("other.key", &other.key);
    let text = stage.write("text.db", &"This is a letter and no database. ".repeat(50));
    let [certificate, key, store] = ["server.pem", "server.key", "bindery.db"].map(|name| stage.path(name));
    let count = std::cell::Cell::new(0);
    let wrong = |line: &str, by: &str| {
        count.set(count.get() + 1);
        stage.write(&format!("wrong-{}.toml", count.get()), &good.replacen(line, by, 1))
    };
    for (config, parts) in [
        (
            wrong(&certificate, "/nowhere/server.pem"),
            ["certificate_file", "/nowhere/server.pem", "check the path"],
        ),
        (wrong(&key, "/nowhere/server.key"), ["key_file", "/nowhere/server.key", "check the path"]),
        (wrong(&key, &certificate), ["key_file", "holds no private key", "PEM"]),
        (wrong(&certificate, &key), ["certificate_file", "server.key", "certificate"]),
        (wrong(&key, &other_key), ["key_file", "not the key of the certificate", "give the key"]),
        (wrong(&store, "/nowhere/bindery.db"), ["database `/nowhere/bindery.db`", "directory", "write"]),
        (wrong(&store, &text), ["text.db", "not a database", "check that"]),
        (wrong(&store, stage.directory.path().to_str().unwrap()), ["database", "directory", "check that"]),
    ] {
        // What the check promises is what the start would say.
        for arguments in [&["server", "--config", &config, "--check"][..], &["server", "--config", &config]] {
            require_message(&config, stage.run(arguments), &parts);
        }
    }
    let plaintext = good
        .replace("certificate_file", "# certificate_file")
        .replace("key_file", "dangerous_plaintext = true\n# key_file");
    let proxies =
        |text: &str, proxies: &str| format!("{text}\n[trusted_proxies]\nformat = \"nginx\"\n{proxies}\n");
    let thumbprint = format!("proxy_certificates = [\"{}\"]", "A".repeat(43));
    for (name, text, parts) in [
        (
            "no-certificate",
            good.replacen("key_file", "# key_file", 1),
            ["lacks", "key_file", "dangerous_plaintext"],
        ),
        (
            "both",
            good.replacen("key_file", "dangerous_plaintext = true\nkey_file", 1),
            ["dangerous_plaintext", "certificate", "remove"],
        ),
        ("alone", plaintext.clone(), ["dangerous_plaintext", "no proxy is listed", "[trusted_proxies]"]),
        (
            "by-certificate",
            proxies(&plaintext, &thumbprint),
            ["dangerous_plaintext", "proxy_certificates", "networks"],
        ),
        ("nobody", proxies(&good, ""), ["trusted_proxies", "no proxy is listed", "list"]),
        (
            "everybody",
            proxies(&good, "networks = [\"0.0.0.0/0\"]"),
            ["trusted_proxies", "0.0.0.0/0", "own networks"],
        ),
        ("strip", format!("strip_headers = [\"a b\"]\n{good}"), ["strip_headers", "`a b`", "header name"]),
        (
            "client-keys",
            format!("{good}\n[server.client_keys]\ndangerous_private_networks = [\"0.0.0.0/0\"]\n"),
            ["client_keys.dangerous_private_networks", "0.0.0.0/0", "10.20.0.0/16"],
        ),
    ] {
        let config = stage.write(&format!("{name}.toml"), &text);
        for arguments in [&["server", "--config", &config, "--check"][..], &["server", "--config", &config]] {
            require_message(&config, stage.run(arguments), &parts);
        }
    }
    let behind = stage.write("behind.toml", &proxies(&plaintext, "networks = [\"10.0.0.7\"]"));
    stage.run(&["server", "--config", &behind, "--check"]).require(0);
    for command in ["server", "gateway"] {
        let finished = stage.run(&[command, "--config", "/nowhere/bindery.toml"]);
        require_message(command, finished, &["/nowhere/bindery.toml", "--config", "can't be read"]);
    }
    assert_eq!(std::fs::read_to_string(&text).unwrap().len(), 34 * 50, "what is not ours is left alone");
}

#[test]
fn a_sealing_key_that_others_may_read_or_of_another_database_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::new();
    let path = stage.write("server.toml", &server_toml(&stage));
    let check = ["server", "--config", &path, "--check"];
    stage.run(&check).require(0);
    let key = stage.path("bindery.db.key");
    let mode = |file: &str| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&key), mode(&stage.path("bindery.db"))), (0o600, 0o600), "made for its owner alone");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    require_message("mode", stage.run(&check), &["key_file", &key, "640", "chmod 600"]);

    stage.write("bindery.db.key", &"B".repeat(43));
    require_message("key", stage.run(&check), &["key", "is it the key file of this database?"]);
    stage.write("bindery.db.key", "short");
    require_message("key", stage.run(&check), &["key_file", "32"]);
}

#[test]
fn a_port_in_use_is_named() {
    let stage = Stage::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (command, text) in [("server", server_toml(&stage)), ("gateway", gateway_toml(&stage))] {
        let path = stage.write("taken.toml", &text.replacen("127.0.0.1:0", &address, 1));
        let finished = stage.run(&[command, "--config", &path]);
        require_message(command, finished, &[&address, "in use"]);
    }
}

#[test]
fn client_refuses_duplicates_and_contradictions() {
    let stage = Stage::new();
    let config = stage.write("server.toml", &server_toml(&stage));
    let client = |arguments: &[&str]| stage.run(&[&["client", "--config", &config], arguments].concat());
    let shop = ["--auth", "none", "--grant-type", "refresh_token", "--audience", "https://api.shop.example"];
    let add = |client_id: &str, arguments: &[&str]| {
        client(&[&["add", client_id, "--audience", "https://api.shop.example"], arguments].concat())
    };
    client(&[&["add", "shop"], &shop[..]].concat()).require(0);
    require_message(
        "twice",
        client(&[&["add", "shop"], &shop[..]].concat()),
        &["\"shop\"", "taken", "client list"],
    );
    // The configuration's client would stand before it for ever.
    require_message(
        "configured",
        client(&[&["add", "billing"], &shop[..]].concat()),
        &["\"billing\"", "the configuration file sets this client"],
    );

    let credentials = ["--grant-type", "client_credentials"];
    let with = |arguments: &[&'static str]| [&credentials[..], arguments].concat();
    let anchors = "trust_anchors=nobody";
    for (arguments, parts) in [
        (with(&["--auth", "psk"]), &["token_endpoint_auth_method", "psk", "choose among"][..]),
        (with(&["--auth", "none"]), &["grant_types", "RFC 6749", "remove it"]),
        (with(&["--auth", "private_key_jwt"]), &["jwks", "register"]),
        (
            with(&["--auth", "private_key_jwt", "--set", "jwks_uri=http://a.example/keys"]),
            &["jwks_uri", "https"],
        ),
        (with(&["--auth", "tls_client_auth"]), &["tls_client_auth_subject_dn", "set one of"]),
        (
            with(&["--auth", "tls_client_auth", "--set", "tls_client_auth_san_dns=a.b", "--set", anchors]),
            &["trust_anchors", "names no set", "name a set"],
        ),
        (with(&["--sender-constraint", "none"]), &["sender_constraint_reason", "exception"]),
        (with(&["--sender-constraint", "maybe"]), &["sender_constraint", "maybe", "dpop"]),
        (with(&["--set", "nonsense=1"]), &["nonsense", "spelling"]),
        (with(&["--set", "nonsense"]), &["--set", "NAME=VALUE"]),
        (with(&["--scope", "a  b"]), &["scope", "single spaces"]),
        (vec!["--grant-type", "password"], &["grant_types", "password", "choose among"]),
        (with(&["--jwks", "/nowhere/jwks.json"]), &["--jwks", "/nowhere/jwks.json"]),
        (with(&["--new-key", "/nowhere/new.key"]), &["--new-key", "/nowhere/new.key", "not there yet"]),
        (with(&["--new-key", "/nowhere/new.key", "--jwks", "keys.json"]), &["--new-key", "--jwks"]),
    ] {
        require_message(&format!("{arguments:?}"), add("new", &arguments), parts);
    }
    require_message("show", client(&["show", "nobody"]), &["\"nobody\"", "client list"]);
    require_message("disable", client(&["disable", "nobody"]), &["\"nobody\"", "client list"]);
    require_message(
        "grant",
        client(&["grant", "nobody", "--subject", "alice"]),
        &["`nobody`", "client show"],
    );
    let grant = |arguments: &[&str]| client(&[&["grant", "shop"], arguments].concat());
    let thumbprint = grant(&["--subject", "alice", "--key-thumbprint", "abc"]);
    require_message("thumbprint", thumbprint, &["--key-thumbprint", "abc", "43 characters"]);
    // Base64url has a hyphen, and some thumbprints begin with one.
    let hyphen = format!("-{}", "A".repeat(42));
    for option in ["--key-thumbprint", "--certificate-thumbprint"] {
        grant(&["--subject", "alice", option, &hyphen]).require(0);
    }
    require_message("scope", grant(&["--subject", "alice", "--scope", "all"]), &["scope", "registered"]);
    require_message("subject", grant(&["--subject", "client:shop"]), &["subject", "client:"]);
    require_message("no file", stage.run(&["client", "list"]), &["--config", "BINDERY_SERVER_CONFIG"]);
    let listed = client(&["list"]).require(0).stdout;
    assert_eq!(listed.lines().count(), 1, "nothing that was refused was stored: {listed}");

    let volatile = server_toml(&stage).replace("[store]", "").replacen("path = ", "# path = ", 1);
    let volatile = stage.write("volatile.toml", &volatile);
    let finished = stage.run(&["client", "--config", &volatile, "list"]);
    require_message("in memory", finished, &["volatile.toml", "in memory", "[store] path"]);
}
