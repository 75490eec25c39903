//! The play: act one, in which everything legitimate works; act two, in which every theft fails; and an
//! epilogue, in which the victims are none the worse for it. It succeeds only when all are so.

use std::io::{self, Write};

use anyhow::Context as _;
use bindery_client::TokenBinding;
use bindery_crypto::Signer as _;
use serde_json::{Value, json};

use super::actors::{self, Honest, Thief};
use super::report::{self, Call, Theft};
use super::stage::{NONCE_PATH, PATH, Stage};
use super::thefts::{self, Loot};

/// What happened.
pub(crate) struct Play {
    scene: Vec<String>,
    calls: Vec<Call>,
    thefts: Vec<Theft>,
    epilogue: Vec<Call>,
}

impl Play {
    /// Plays both acts on `stage`.
    pub(crate) async fn perform(stage: &mut Stage) -> anyhow::Result<Self> {
        let scene = stage.describe();
        let backend = actors::backend(stage)?;
        let billing = actors::billing(stage)?;
        let browser = actors::browser(stage).await?;

        let mut calls = vec![Call {
            who: "shop",
            what: "alice signs in and allows it (code, PKCE, PAR)".into(),
            came_back: "a refresh token bound to the shop's DPoP key".into(),
            worked: true,
        }];
        for (who, client) in
            [("inventory", &backend), ("billing", &billing.client), ("shop", &browser.client)]
        {
            act_one(stage, who, client, &mut calls).await;
        }

        let token = async |client: &Honest| -> anyhow::Result<String> {
            Ok(client.source.token().await.context("no token to steal")?.expose().to_owned())
        };
        let loot = Loot {
            thief: Thief::new(stage)?,
            dpop_token: token(&browser.client).await?,
            other_token: token(&billing.client).await?,
            mtls_token: token(&backend).await?,
            bearer_token: stage.bearer_token().await?,
            backend: &backend,
            billing: &billing,
            browser: &browser,
        };
        let thefts = thefts::all(stage, &loot).await?;
        let mut epilogue = Vec::new();
        for (who, client) in
            [("inventory", loot.backend), ("billing", &loot.billing.client), ("shop", &loot.browser.client)]
        {
            for door in &stage.doors {
                let url = format!("{}{PATH}", door.url);
                epilogue.push(call(who, client, "goes on as before", &url, door.name).await);
            }
        }
        Ok(Self { scene, calls, thefts, epilogue })
    }

    /// Whether every legitimate call worked and every theft failed.
    pub(crate) fn succeeded(&self) -> bool {
        self.legitimate().all(|call| call.worked) && self.thefts.iter().all(Theft::failed)
    }

    /// The report for people.
    pub(crate) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "The stage (all on this machine, over TLS, with a throw-away certification authority)\n"
        )?;
        for line in &self.scene {
            writeln!(out, "  {line}")?;
        }
        writeln!(out, "\nAct one: who holds the key gets in\n")?;
        report::print_calls(&self.calls, out)?;
        writeln!(
            out,
            "\nAct two: a thief has stolen tokens, proofs, assertions, codes and a refresh token, but no key"
        )?;
        report::print_thefts(&self.thefts, out)?;
        writeln!(out, "\nEpilogue: the victims are none the worse\n")?;
        report::print_calls(&self.epilogue, out)?;
        let (worked, failed) = self.counts();
        writeln!(
            out,
            "\n{worked} of {} legitimate calls worked; {failed} of {} thefts were refused.",
            self.legitimate().count(),
            self.thefts.len()
        )
    }

    /// The report for machines.
    pub(crate) fn to_json(&self) -> Value {
        let (worked, failed) = self.counts();
        json!({
            "succeeded": self.succeeded(),
            "legitimate": { "count": self.legitimate().count(), "worked": worked, "calls": self.legitimate().map(report::call_json).collect::<Vec<_>>() },
            "thefts": { "count": self.thefts.len(), "refused": failed, "attempts": self.thefts.iter().map(report::theft_json).collect::<Vec<_>>() },
        })
    }

    fn legitimate(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().chain(&self.epilogue)
    }

    fn counts(&self) -> (usize, usize) {
        let worked = self.legitimate().filter(|call| call.worked).count();
        (worked, self.thefts.iter().filter(|theft| theft.failed()).count())
    }
}

/// One client gets a token and uses it at both doors, with and without a nonce demanded.
async fn act_one(stage: &Stage, who: &'static str, client: &Honest, calls: &mut Vec<Call>) {
    let (came_back, worked) = match client.source.token().await {
        Ok(token) => (bound_to(token.binding()), true),
        Err(error) => (error.to_string(), false),
    };
    calls.push(Call { who, what: "asks for an access token".into(), came_back, worked });
    for door in &stage.doors {
        for (path, what) in [(PATH, "calls an API route"), (NONCE_PATH, "calls a route that demands a nonce")]
        {
            calls.push(call(who, client, what, &format!("{}{path}", door.url), door.name).await);
        }
    }
}

fn bound_to(binding: &TokenBinding) -> String {
    match binding {
        TokenBinding::Dpop { signer } => format!("a token bound to the DPoP key {}", signer.thumbprint()),
        _ => "a token bound to its certificate".into(),
    }
}

async fn call(who: &'static str, client: &Honest, what: &str, url: &str, door: &str) -> Call {
    let what = format!("{what} ({door})");
    let (came_back, worked) = match client.http.get(url).send().await {
        Ok(response) => {
            let status = response.status();
            let body = response.text().await.unwrap_or_default();
            (format!("{} {}", status.as_u16(), body.trim()), status.is_success())
        }
        Err(error) => (format!("{error:#}"), false),
    };
    Call { who, what, came_back, worked }
}
