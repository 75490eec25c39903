//! The thief's attempts at the token endpoint: codes, refresh tokens and assertions that were stolen, and clients
//! that must be bound. As everywhere, what is stolen is real, and what came back is reported as it came.

use bindery_crypto::SigningKey;
use reqwest::RequestBuilder;

use super::actors::Thief;
use super::forgery::Forgery;
use super::person::{self, redemption};
use super::report::{Answer, Theft};
use super::stage::{SCOPE, Stage};
use super::thefts::{Loot, push, read};

const DOOR: &str = "token endpoint";

/// The token endpoint with everything that an attempt at it needs.
struct At<'a> {
    stage: &'a Stage,
    thief: &'a Thief,
    url: String,
    /// The nonce that the server demands, if it does.
    nonce: Option<String>,
}

impl At<'_> {
    fn proof(&self, key: &SigningKey) -> anyhow::Result<String> {
        Forgery::at_token_endpoint(key, &self.url, self.nonce.as_deref(), self.stage.now())?.sign()
    }

    fn post<F: serde::Serialize + ?Sized>(&self, form: &F) -> RequestBuilder {
        self.thief.http.post(&self.url).form(form)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        read(request.send().await?).await
    }
}

/// Every attempt.
pub(crate) async fn all(stage: &Stage, loot: &Loot<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let nonce = stage.authorization_server_nonce(&loot.thief.http).await?;
    let at = At { stage, thief: &loot.thief, url: stage.token_endpoint(), nonce };
    codes(&at, loot, thefts).await?;
    refresh_tokens(&at, loot, thefts).await?;
    assertions(&at, loot, thefts).await?;
    certificate(&at, thefts).await
}

/// Alice signs in again at the shop; the thief reads her address bar.
async fn codes(at: &At<'_>, loot: &Loot<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let mut alice = loot.browser.person.lock().await;
    let (victim, thief) = (&*loot.browser.key, &loot.thief.key);

    let stolen = alice.allow(at.stage, victim).await?;
    let own_verifier = "a-verifier-of-the-thief-that-is-long-enough-to-be-one";
    let request = at.post(&redemption(&stolen.code, own_verifier)).header("dpop", at.proof(thief)?);
    push(
        thefts,
        "stolen_code",
        "an authorization code from the address bar, redeemed with the thief's own key and verifier",
        DOOR,
        at.send(request).await?,
    );

    let stolen = alice.allow(at.stage, victim).await?;
    let request = at.post(&redemption(&stolen.code, &stolen.verifier)).header("dpop", at.proof(thief)?);
    push(
        thefts,
        "stolen_code_and_verifier",
        "an authorization code together with its PKCE verifier, redeemed with the thief's own key",
        DOOR,
        at.send(request).await?,
    );

    let used = alice.allow(at.stage, victim).await?;
    person::redeem(at.stage, &loot.thief.http, &used, victim).await?;
    let request = at.post(&redemption(&used.code, &used.verifier)).header("dpop", at.proof(victim)?);
    push(
        thefts,
        "code_replayed",
        "a code that the shop has redeemed, replayed with a proof that was made for the shop",
        DOOR,
        at.send(request).await?,
    );
    Ok(())
}

async fn refresh_tokens(at: &At<'_>, loot: &Loot<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "shop"),
        ("refresh_token", &loot.browser.refresh_token),
    ];
    let answer = at.send(at.post(&form).header("dpop", at.proof(&loot.thief.key)?)).await?;
    push(
        thefts,
        "stolen_refresh_token",
        "the stolen refresh token of the public client, with the thief's own key",
        DOOR,
        answer,
    );
    let answer = at.send(at.post(&form)).await?;
    push(thefts, "stolen_refresh_token_as_bearer", "the same refresh token, without any proof", DOOR, answer);
    Ok(())
}

async fn assertions(at: &At<'_>, loot: &Loot<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let captured = at.stage.assertion(&loot.billing.assertion_key)?;
    let victims = at.post(&client_credentials(&captured)).header("dpop", at.proof(&loot.billing.proof_key)?);
    let victims_own = at.send(victims).await?;
    anyhow::ensure!(
        victims_own.got_through,
        "the victim's own token request must work before its assertion can be replayed: {victims_own:?}"
    );
    let request = at.post(&client_credentials(&captured)).header("dpop", at.proof(&loot.thief.key)?);
    push(
        thefts,
        "assertion_replayed",
        "a captured client assertion, replayed with the thief's own key",
        DOOR,
        at.send(request).await?,
    );

    let intercepted = at.stage.assertion(&loot.billing.assertion_key)?;
    push(
        thefts,
        "bound_client_without_proof",
        "an intercepted assertion of a client that must be bound, asking for a bearer token",
        DOOR,
        at.send(at.post(&client_credentials(&intercepted))).await?,
    );
    Ok(())
}

fn client_credentials(assertion: &str) -> [(&'static str, &str); 4] {
    [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", SCOPE),
    ]
}

async fn certificate(at: &At<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let form = [("grant_type", "client_credentials"), ("client_id", "inventory")];
    let request = at.thief.http_with_certificate.post(at.stage.mtls_token_endpoint()).form(&form);
    push(
        thefts,
        "client_with_other_certificate",
        "the backend's client_id with the thief's certificate",
        DOOR,
        at.send(request).await?,
    );
    Ok(())
}
