//! `--keep-running`: leaves everything up and prints commands that work as they stand, for trying by hand
//! what the play has shown.

use std::io::Write;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::stage::{NONCE_PATH, PATH, SCOPE, Stage};

/// Prints the commands and waits for Ctrl-C.
pub(crate) async fn hand_over(stage: &Stage, out: &mut dyn Write) -> anyhow::Result<()> {
    // Heard from here on; whoever reads the commands may press it at once.
    let mut interrupt = signal(SignalKind::interrupt()).context("can't wait for Ctrl-C")?;
    let file = |name: &str| stage.path(name).display().to_string();
    let program =
        std::env::current_exe().map_or_else(|_| "bindery".into(), |path| path.display().to_string());
    let (api, gateway) = (&stage.doors[0].url, &stage.doors[1].url);
    let (ca, key) = (file("ca.pem"), file("billing.key"));
    let common = format!("--issuer {} --ca {ca} --scope {SCOPE}", stage.issuer);
    writeln!(
        out,
        r#"
Everything is still up. Try it by hand; Ctrl-C ends it.

  # a DPoP-bound token and a fresh proof, in one command
  {program} request GET {api}{PATH} {common} \
    --client-id billing --assertion-key {key}

  # the same through the gateway, on the route that demands a nonce
  {program} request GET {gateway}{NONCE_PATH} {common} \
    --client-id billing --assertion-key {key}

  # a certificate-bound token
  {program} request GET {api}{PATH} {common} \
    --client-id inventory --certificate {inventory} --certificate-key {inventory_key}

  # be the thief: print a token, then send it without the key
  TOKEN=$({program} request --print-token {common} \
    --client-id billing --assertion-key {key})
  curl -i --cacert {ca} -H "Authorization: Bearer $TOKEN" {api}{PATH}
  curl -i --cacert {ca} -H "Authorization: DPoP $TOKEN" {gateway}{PATH}

  # what is wrong with it, check by check
  {program} explain --method GET --url {api}{PATH} -H "Authorization: Bearer $TOKEN"

  # what the authorization server says of itself
  curl --cacert {ca} {issuer}/.well-known/oauth-authorization-server
"#,
        inventory = file("inventory.pem"),
        inventory_key = file("inventory.key"),
        issuer = stage.issuer,
    )?;
    out.flush()?;
    interrupt.recv().await;
    Ok(())
}
