//! The thief's attempts. Each takes what was stolen, spoils or replays it in one way, sends it to both doors
//! (the layer and the gateway) or to the token endpoint, and reports what came back. What a thief steals is
//! always real: tokens from the authorization server, proofs that a victim signed for a real request.

use anyhow::Context as _;
use bindery_core::encoding::base64url;
use bindery_crypto::{SigningKey, random_identifier};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::actors::{Billing, Browser, Honest, Thief};
use super::forgery::{Forgery, access_token};
use super::report::{Answer, Theft};
use super::stage::{API_AUDIENCE, Door, NONCE_PATH, PATH, SCOPE, Stage};
use super::thefts_of_grants;

/// What the thief has got hold of.
pub(crate) struct Loot<'a> {
    pub(crate) thief: Thief,
    pub(crate) backend: &'a Honest,
    pub(crate) billing: &'a Billing,
    pub(crate) browser: &'a Browser,
    /// The browser's access token.
    pub(crate) dpop_token: String,
    /// Another access token of another client, for proofs that are for "another token".
    pub(crate) other_token: String,
    /// The backend's certificate-bound token.
    pub(crate) mtls_token: String,
    /// A bearer token of the one client that has an exception.
    pub(crate) bearer_token: String,
}

/// One door with everything that an attempt at it needs.
struct At<'a> {
    stage: &'a Stage,
    loot: &'a Loot<'a>,
    door: &'a Door,
    /// A nonce that this door gave, as a victim would have it.
    nonce: String,
}

impl At<'_> {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.door.url)
    }

    /// A faultless proof by `key` for GET on the demo's path, with a good nonce.
    fn proof<'k>(&self, key: &'k SigningKey) -> anyhow::Result<Forgery<'k>> {
        self.proof_for(key, "GET", &self.url(PATH), &self.loot.dpop_token)
    }

    fn proof_for<'k>(
        &self,
        key: &'k SigningKey,
        method: &str,
        url: &str,
        token: &str,
    ) -> anyhow::Result<Forgery<'k>> {
        let mut proof = Forgery::of(key, method, url, token, self.stage.now())?;
        proof.claims["nonce"] = self.nonce.as_str().into();
        Ok(proof)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.loot.thief.http.request(Method::GET, self.url(path))
    }

    /// The stolen DPoP token with this proof.
    fn with_proof(&self, proof: &str) -> RequestBuilder {
        self.get(PATH).header("authorization", format!("DPoP {}", self.loot.dpop_token)).header("dpop", proof)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        read(request.send().await.with_context(|| format!("the {} can't be reached", self.door.name))?).await
    }
}

/// Reads an answer as the report wants it.
pub(crate) async fn read(response: Response) -> anyhow::Result<Answer> {
    let status = response.status();
    let reached = response.headers().contains_key(super::stage::REACHED);
    let challenge = response
        .headers()
        .get_all("www-authenticate")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(|value| Some(value.split("error=\"").nth(1)?.split('"').next()?.to_owned()));
    let body: Value =
        response.bytes().await.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Answer {
        status: status.as_u16(),
        error: challenge.or_else(|| text("error")),
        reason: text("reason"),
        description: text("error_description"),
        got_through: reached || status.is_success() || body.get("access_token").is_some(),
    })
}

/// Every attempt, at both doors and at the token endpoint.
pub(crate) async fn all(stage: &mut Stage, loot: &Loot<'_>) -> anyhow::Result<Vec<Theft>> {
    let mut thefts = Vec::new();
    for index in 0..stage.doors.len() {
        let door = &stage.doors[index];
        let nonce = stage.nonce_of(door, &loot.thief.http).await?;
        let at = At { stage, loot, door, nonce };
        stolen_tokens(&at, &mut thefts).await?;
        stolen_proofs(&at, &mut thefts).await?;
        forged_proofs(&at, &mut thefts).await?;
        certificates(&at, &mut thefts).await?;
        odd_tokens(&at, &mut thefts).await?;
    }
    after_restart(stage, loot, &mut thefts).await?;
    thefts_of_grants::all(stage, loot, &mut thefts).await?;
    // The same theft at both doors stands together, in the order of the first door.
    let order: Vec<&str> = thefts.iter().map(|theft| theft.name).collect();
    thefts.sort_by_key(|theft| order.iter().position(|name| *name == theft.name));
    Ok(thefts)
}

pub(crate) fn push(
    thefts: &mut Vec<Theft>,
    name: &'static str,
    tried: &'static str,
    door: &'static str,
    answer: Answer,
) {
    thefts.push(Theft { name, tried, door, answer });
}

/// The token alone was stolen.
async fn stolen_tokens(at: &At<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let door = at.door.name;
    let token = &at.loot.dpop_token;

    let answer = at.send(at.get(PATH).bearer_auth(token)).await?;
    push(
        thefts,
        "bound_token_as_bearer",
        "the stolen DPoP-bound token, sent as a bearer token",
        door,
        answer,
    );

    let answer = at.send(at.get(PATH).header("authorization", format!("DPoP {token}"))).await?;
    push(thefts, "no_proof", "the stolen token under its own scheme, without any proof", door, answer);

    let own_key = at.proof(&at.loot.thief.key)?.sign()?;
    let answer = at.send(at.with_proof(&own_key)).await?;
    push(thefts, "own_key", "the stolen token with a fresh proof by the thief's own key", door, answer);

    let answer = at.send(at.get(&format!("{PATH}?access_token={token}"))).await?;
    push(thefts, "token_in_query", "the stolen token in the query of the URL", door, answer);
    Ok(())
}

/// Token and a proof that the victim made were stolen.
async fn stolen_proofs(at: &At<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let door = at.door.name;
    let victim = &*at.loot.browser.key;

    let captured = at.proof(victim)?.sign()?;
    let victims_own = at.send(at.with_proof(&captured)).await?;
    anyhow::ensure!(
        victims_own.got_through,
        "the victim's own request must work before its proof can be replayed"
    );
    let answer = at.send(at.with_proof(&captured)).await?;
    push(thefts, "proof_replayed", "a captured proof, replayed with its token", door, answer);

    let proof = at.proof_for(victim, "DELETE", &at.url(PATH), &at.loot.dpop_token)?.sign()?;
    let answer = at.send(at.with_proof(&proof)).await?;
    push(
        thefts,
        "other_method",
        "an intercepted proof that the victim made for DELETE, used for GET",
        door,
        answer,
    );

    let proof = at.proof_for(victim, "GET", &at.url("/profile"), &at.loot.dpop_token)?.sign()?;
    let answer = at.send(at.with_proof(&proof)).await?;
    push(thefts, "other_path", "an intercepted proof for another path", door, answer);

    let proof =
        at.proof_for(victim, "GET", &format!("https://other.example{PATH}"), &at.loot.dpop_token)?.sign()?;
    let spoofed = at
        .with_proof(&proof)
        .header("x-forwarded-host", "other.example")
        .header("x-forwarded-proto", "https");
    let answer = at.send(spoofed).await?;
    push(
        thefts,
        "other_host",
        "an intercepted proof for another host, with X-Forwarded-Host to match",
        door,
        answer,
    );

    let proof = at.proof_for(victim, "GET", &at.url(PATH), &at.loot.other_token)?.sign()?;
    let answer = at.send(at.with_proof(&proof)).await?;
    push(thefts, "other_token", "an intercepted proof that was made for another token", door, answer);

    let mut old = at.proof(victim)?;
    old.claims["iat"] = (at.stage.now() - 3600).into();
    old.forget("nonce");
    let answer = at.send(at.with_proof(&old.sign()?)).await?;
    push(thefts, "old_proof", "a proof from an hour ago, never used before", door, answer);

    let mut ahead = at.proof_for(victim, "GET", &at.url(NONCE_PATH), &at.loot.dpop_token)?;
    ahead.forget("nonce");
    let request = at.get(NONCE_PATH).header("authorization", format!("DPoP {}", at.loot.dpop_token));
    let answer = at.send(request.header("dpop", ahead.sign()?)).await?;
    push(
        thefts,
        "made_ahead_of_time",
        "a proof made ahead of time on the victim's machine, on a route that demands a nonce",
        door,
        answer,
    );

    let other = at.stage.nonce_of(at.stage.other_door(at.door), &at.loot.thief.http).await?;
    let mut foreign = at.proof(victim)?;
    foreign.claims["nonce"] = other.into();
    let answer = at.send(at.with_proof(&foreign.sign()?)).await?;
    push(thefts, "foreign_nonce", "a proof with the nonce of another server", door, answer);
    Ok(())
}

/// Proofs that try to talk the verifier out of verifying.
async fn forged_proofs(at: &At<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let door = at.door.name;
    let (victim, thief) = (&*at.loot.browser.key, &at.loot.thief.key);

    // The thief puts the victim's public key into the header; what he can't do is sign for it.
    let mut forged = at.proof(victim)?;
    forged.claims["jti"] = random_identifier()?.into();
    let answer = at.send(at.with_proof(&forged.without_signature())).await?;
    push(thefts, "alg_none", "a forged proof with the victim's public key and alg none", door, answer);

    let answer = at.send(at.with_proof(&at.proof(victim)?.signed_with_public_key_as_secret())).await?;
    push(
        thefts,
        "hs256_with_public_key",
        "a forged proof with HS256, keyed with the victim's public key",
        door,
        answer,
    );

    let mut private = at.proof(thief)?;
    private.header["jwk"]["d"] = base64url::encode([7; 32]).into();
    let answer = at.send(at.with_proof(&private.sign()?)).await?;
    push(thefts, "private_key_in_jwk", "a proof whose jwk carries a private key", door, answer);

    let mut swapped = at.proof(thief)?;
    swapped.header["jwk"] = Value::Object(bindery_crypto::Signer::public_key(victim).to_jwk());
    let answer = at.send(at.with_proof(&swapped.sign()?)).await?;
    push(
        thefts,
        "signature_of_another_key",
        "the victim's public key in the header, the thief's signature below",
        door,
        answer,
    );

    let two = at.with_proof(&at.proof(thief)?.sign()?).header("dpop", at.proof(thief)?.sign()?);
    let answer = at.send(two).await?;
    push(thefts, "two_proofs", "two DPoP headers", door, answer);
    Ok(())
}

/// The certificate-bound token was stolen; its key was not.
async fn certificates(at: &At<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let door = at.door.name;
    let token = &at.loot.mtls_token;

    let answer = at.send(at.get(PATH).bearer_auth(token)).await?;
    push(thefts, "no_certificate", "the stolen certificate-bound token, without a certificate", door, answer);

    let request = at.loot.thief.http_with_certificate.request(Method::GET, at.url(PATH)).bearer_auth(token);
    let answer = at.send(request).await?;
    push(
        thefts,
        "other_certificate",
        "the stolen certificate-bound token, with the thief's own certificate",
        door,
        answer,
    );

    let der = &at.stage.backend_identity.der;
    let standard = at.stage.backend_certificate_base64();
    let pem = at.stage.backend_identity.certificate.as_bytes();
    let escaped: String = pem
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(*byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let hash = bindery_core::crypto::Cryptography::sha256(&bindery_crypto::AwsLc, &[der]);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    for (name, tried, header, value) in [
        (
            "forged_client_cert",
            "a forged Client-Cert header (RFC 9440) with the victim's certificate",
            "client-cert",
            format!(":{standard}:"),
        ),
        (
            "forged_xfcc",
            "a forged X-Forwarded-Client-Cert header (Envoy)",
            "x-forwarded-client-cert",
            format!("Hash={hex};Cert=\"{escaped}\""),
        ),
        ("forged_nginx", "a forged ssl-client-cert header (nginx)", "ssl-client-cert", escaped.clone()),
        (
            "forged_underscore",
            "the same under an underscore twin of the name",
            "client_cert",
            format!(":{standard}:"),
        ),
    ] {
        let answer = at.send(at.get(PATH).bearer_auth(token).header(header, value)).await?;
        push(thefts, name, tried, door, answer);
    }
    Ok(())
}

/// Tokens that are bound to nothing we know, to nothing at all, or by nobody we trust.
async fn odd_tokens(at: &At<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let door = at.door.name;
    let now = at.stage.now();
    let claims = |issuer: &str, cnf: Value| {
        json!({
            "iss": issuer, "aud": API_AUDIENCE, "sub": "alice", "client_id": "shop", "scope": SCOPE,
            "jti": base64url::encode(now.to_be_bytes()), "iat": now, "exp": now + 300, "cnf": cnf,
        })
    };

    let partner = &at.stage.partner;
    let unknown =
        access_token(&partner.key, "partner", &claims(&partner.issuer, json!({"kid": "hardware-7"})))?;
    let answer = at.send(at.get(PATH).bearer_auth(&unknown)).await?;
    push(
        thefts,
        "unknown_confirmation",
        "a genuine token of a trusted partner, bound in a way that nobody here can check",
        door,
        answer,
    );

    let answer = at.send(at.get(PATH).bearer_auth(&at.loot.bearer_token)).await?;
    push(
        thefts,
        "unbound_token",
        "a genuine bearer token, stolen from a client that has an exception",
        door,
        answer,
    );

    let jkt = at.loot.thief.key.thumbprint().to_string();
    let own = access_token(&at.loot.thief.key, "thief", &claims(&at.stage.issuer, json!({"jkt": jkt})))?;
    let proof = at.proof_for(&at.loot.thief.key, "GET", &at.url(PATH), &own)?.sign()?;
    let answer =
        at.send(at.get(PATH).header("authorization", format!("DPoP {own}")).header("dpop", proof)).await?;
    push(
        thefts,
        "self_issued_token",
        "a token that the thief signed himself, with a good proof",
        door,
        answer,
    );
    Ok(())
}

/// A guard that has forgotten what it saw must not accept it again.
async fn after_restart(stage: &mut Stage, loot: &Loot<'_>, thefts: &mut Vec<Theft>) -> anyhow::Result<()> {
    let mut captured = Vec::new();
    for door in &stage.doors {
        let nonce = stage.nonce_of(door, &loot.thief.http).await?;
        let at = At { stage, loot, door, nonce };
        let proof = at.proof(&loot.browser.key)?.sign()?;
        let victims_own = at.send(at.with_proof(&proof)).await?;
        anyhow::ensure!(
            victims_own.got_through,
            "the victim's own request must work before its proof can be replayed"
        );
        captured.push(proof);
    }
    stage.restart_guards().await?;
    for (door, proof) in stage.doors.iter().zip(captured) {
        let at = At { stage, loot, door, nonce: String::new() };
        let answer = at.send(at.with_proof(&proof)).await?;
        push(
            thefts,
            "replayed_after_restart",
            "a captured proof, replayed after the guard was restarted and its memory is gone",
            door.name,
            answer,
        );
    }
    Ok(())
}
