//! `bindery explain`: reads a token, a proof or a whole request and says check by check what holds, what fails,
//! why, and how to mend it. The checks are the verifiers' own, in core; here is only reading and printing.
//! Never prints a whole token, proof or signature, and asks nobody over the network.

mod certificate;
mod input;
mod report;
mod request_head;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bindery_core::dpop::proof::{NonceRequirement, ProofPolicy};
use bindery_core::dpop::target::{PublicBase, TargetUri};
use bindery_core::explain::{
    self, ExpectedIssuer, Explanation, ProofExpectation, RequestExpectation, TokenExpectation,
};
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_core::jose::jwk::JwkSet;
use bindery_core::mtls::certificate::{CertificateAbsence, PresentedCertificate};
use bindery_core::resource::presentation::RequestFacts;
use bindery_core::resource::step::{AcceptedMechanisms, ResourcePolicy};
use bindery_core::time::UnixTime;
use bindery_core::token::access_token::TrustedIssuer;
use bindery_crypto::AwsLc;
use bindery_http::{Clock as _, SystemClock};

use super::Status;
use certificate::CertificateFile;
use input::Input;
use request_head::{RequestHead, Url};

/// What to explain, and what is known of the server.
#[derive(clap::Args)]
#[command(after_help = "\
Three forms:
  bindery explain TOKEN_OR_PROOF            one token or proof; `-` reads it from stdin
  bindery explain --request FILE            a request head from a log or `curl -v`; `-` for stdin
  bindery explain --method GET --url https://api.example/x -H 'Authorization: DPoP ..' -H 'DPoP: ..'

Exit status: 0 all that could be checked holds, 1 something fails, 2 it could not run.")]
pub(crate) struct Arguments {
    /// A token or a proof; `-` reads it from stdin, which keeps it out of the shell's history
    #[arg(value_name = "TOKEN_OR_PROOF", conflicts_with_all = ["request", "headers"])]
    input: Option<String>,
    /// A file with the head of a raw HTTP request, or the output of `curl -v`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "url", "headers"])]
    request: Option<PathBuf>,
    /// The method of the request
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// The URL of the request, as the client called it
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A header of the request; repeat it for more
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The access token that goes with a proof
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["request", "headers"])]
    access_token: Option<String>,
    /// The client certificate of the connection, PEM or DER
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The issuer's keys: its JWK set, saved to a file
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// The issuer that the server trusts
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    /// An audience that names the server; repeat it for more
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// When the request arrived: seconds since 1970, or as 2026-01-31T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    now: Option<String>,
    /// A public URL of the server, as in the guard's public_urls; repeat it for more [default: the URL's origin]
    #[arg(long, value_name = "URL")]
    public_url: Vec<String>,
    /// How many seconds old a proof may be
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    past: u64,
    /// How many seconds ahead a proof may be, at most 60
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    future: u64,
    /// Algorithms that the server accepts in proofs, separated by commas
    #[arg(long, value_name = "ALGORITHMS", value_delimiter = ',')]
    proof_algorithms: Vec<String>,
    /// The server demands a nonce in every proof
    #[arg(long)]
    nonce_required: bool,
    /// Print one JSON object for machines
    #[arg(long)]
    json: bool,
}

/// Arguments hold tokens, so nothing of them is shown.
impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("explain::Arguments(redacted)")
    }
}

/// Explains, and prints to `out`.
pub(crate) fn run(arguments: Arguments, out: &mut dyn std::io::Write) -> anyhow::Result<Status> {
    let report = explain(&arguments, SystemClock.now())?;
    if arguments.json { report.write_json(out) } else { report.write_text(out) }
        .context("the output can't be written")?;
    Ok(if report.explanation.rejection().is_some() { Status::Refused } else { Status::Done })
}

/// What the options say of the server.
struct Server {
    policy: ResourcePolicy,
    nonce_required: bool,
    bases: Vec<PublicBase>,
    terms: TrustedIssuer,
    keys: Option<JwkSet>,
    certificate: Option<CertificateFile>,
    presented: Option<PresentedCertificate>,
    now: UnixTime,
}

fn explain(arguments: &Arguments, clock: UnixTime) -> anyhow::Result<report::Report> {
    let input = input::read(arguments)?;
    let (now, now_source) = time(arguments, &input, clock)?;
    let server = Server::read(arguments, now)?;
    let (title, mut explanation) = match &input {
        Input::Proof(text) => explain_proof(text, arguments, &server)?,
        Input::Token(text) => explain_token(text, &server),
        Input::Request(head) => explain_request(head, &server)?,
    };
    if let Some(certificate) = &server.certificate {
        certificate.describe(&mut explanation, now);
    }
    let skipped = server.keys.as_ref().map_or(&[][..], |keys| &keys.skipped);
    for (index, reason) in skipped.iter().take(1) {
        explanation.hint(
            "jwks_key_skipped",
            format!("Key {index} of the JWK set (counted from 0) is not used: {reason}."),
        );
    }
    if explanation.rejection().is_some_and(is_about_time) && now_source == report::NowSource::Clock {
        explanation.hint(
            "captured_earlier",
            "Times are held against this machine's clock. For a request that was captured earlier, give its time of \
             arrival with --now.",
        );
    }
    Ok(report::Report { title, explanation, now, now_source })
}

fn is_about_time(rejection: &bindery_core::rejection::Rejection) -> bool {
    rejection.blame() == bindery_core::rejection::Blame::NotFresh && !rejection.asks_for_nonce()
}

/// The time to judge by: as given, else by the `Date` of the captured answer, else by the clock.
fn time(
    arguments: &Arguments,
    input: &Input,
    clock: UnixTime,
) -> anyhow::Result<(UnixTime, report::NowSource)> {
    if let Some(text) = &arguments.now {
        return Ok((input::parse_time(text)?, report::NowSource::Given));
    }
    match input {
        Input::Request(head) if head.answered_at.is_some() => {
            Ok((head.answered_at.unwrap_or(clock), report::NowSource::Answer))
        }
        _ => Ok((clock, report::NowSource::Clock)),
    }
}

impl Server {
    fn read(arguments: &Arguments, now: UnixTime) -> anyhow::Result<Self> {
        let proof = ProofPolicy {
            algorithms: algorithms(&arguments.proof_algorithms)?,
            past: Duration::from_secs(arguments.past),
            future: Duration::from_secs(arguments.future),
            ..ProofPolicy::default()
        };
        let bases = arguments.public_url.iter().map(|url| {
            PublicBase::parse(url).map_err(|reason| {
                anyhow!("--public-url {url}: {reason}; write it as https://host[:port][/prefix]")
            })
        });
        let keys = arguments.jwks.as_ref().map(|path| {
            let text = input::read_file("--jwks", path)?;
            JwkSet::parse(&text).map_err(|reason| {
                anyhow!("--jwks {}: {reason}; save what the issuer's jwks_uri answers", path.display())
            })
        });
        let certificate = arguments.certificate.as_deref().map(CertificateFile::read).transpose()?;
        Ok(Self {
            policy: ResourcePolicy { proof, mechanisms: AcceptedMechanisms::default() },
            nonce_required: arguments.nonce_required,
            bases: bases.collect::<anyhow::Result<_>>()?,
            terms: TrustedIssuer {
                issuer: arguments.issuer.clone().unwrap_or_default(),
                audiences: arguments.audience.clone(),
                // Whatever a server may accept; which it does accept is its configuration's matter.
                algorithms: AlgorithmSet::of(&SignatureAlgorithm::ALL),
                clock_skew: Duration::from_secs(30),
            },
            keys: keys.transpose()?,
            presented: certificate
                .as_ref()
                .map(|file| PresentedCertificate::Present(file.certificate.clone())),
            certificate,
            now,
        })
    }

    /// The policy for `proof`. A nonce that is there can't be judged without the server's keys, so only its
    /// absence can break the demand for one.
    fn policy_for(&self, proof: &str) -> ResourcePolicy {
        let mut policy = self.policy.clone();
        if self.nonce_required && !input::has_nonce(proof) {
            policy.proof.nonce = NonceRequirement::Required;
        }
        policy
    }

    /// Runs `explain` with what the token is held against.
    fn with_token<T>(&self, token: &str, explain: impl FnOnce(TokenExpectation<'_>) -> T) -> T {
        let keys: Vec<_> = self.keys.iter().map(|keys| (None, keys)).collect();
        let issuer = if self.terms.issuer.is_empty() {
            ExpectedIssuer::Any(&self.terms)
        } else {
            ExpectedIssuer::Listed(std::slice::from_ref(&self.terms))
        };
        let dots = token.bytes().filter(|byte| *byte == b'.').count();
        explain(TokenExpectation {
            issuer,
            keys: &keys,
            // Four dots are an encrypted token, which no introspection endpoint of ours would be asked about.
            introspects: dots != 2 && dots != 4,
            certificate: self.presented.as_ref(),
            certificate_pem: self.certificate.as_ref().and_then(|file| file.pem.as_deref()),
            now: self.now,
        })
    }

    /// The public bases, with the path prefix kept where the path still has it.
    fn bases_for(&self, url: &Url) -> anyhow::Result<Vec<PublicBase>> {
        if self.bases.is_empty() {
            let origin = &url.origin;
            let base = PublicBase::parse(origin).map_err(|reason| {
                anyhow!(
                    "the URL's origin {origin}: {reason}; say what clients call with --public-url https://.."
                )
            })?;
            return Ok(vec![base]);
        }
        Ok(self
            .bases
            .iter()
            .map(|base| {
                let prefix = &base.as_str()[base.origin().len()..];
                let kept = url
                    .path
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                if kept { base.clone().replacing(prefix) } else { base.clone() }
            })
            .collect())
    }
}

fn explain_proof(
    text: &str,
    arguments: &Arguments,
    server: &Server,
) -> anyhow::Result<(String, Explanation)> {
    let (proof, pasted) = explain::pasted(text);
    let url = arguments.url.as_deref().map(Url::parse).transpose()?;
    let bases = match &url {
        Some(url) => server.bases_for(url)?,
        None => Vec::new(),
    };
    let access_token = arguments.access_token.as_deref().map(|token| explain::pasted(token).0);
    let policy = server.policy_for(&proof);
    let expected = ProofExpectation {
        policy: &policy.proof,
        method: arguments.method.as_deref(),
        target: url.as_ref().map(|url| TargetUri { bases: &bases, path: &url.path }),
        access_token: access_token.as_deref(),
        now: server.now,
        nonces: None,
    };
    let explanation = explain::explain_proof(&proof, &expected, &AwsLc);
    Ok((format!("DPoP proof {}", explain::excerpt(&proof)), with_hints(explanation, pasted)))
}

fn explain_token(text: &str, server: &Server) -> (String, Explanation) {
    let (token, pasted) = explain::pasted(text);
    let explanation =
        server.with_token(&token, |expected| explain::explain_access_token(&token, &expected, &AwsLc));
    (format!("Access token {}", explain::excerpt(&token)), with_hints(explanation, pasted))
}

fn explain_request(head: &RequestHead, server: &Server) -> anyhow::Result<(String, Explanation)> {
    let bases = server.bases_for(&head.url)?;
    let authorization: Vec<&[u8]> = head.authorization.iter().map(|value| value.as_bytes()).collect();
    let dpop: Vec<&[u8]> = head.dpop.iter().map(|value| value.as_bytes()).collect();
    let unknown = PresentedCertificate::Absent(CertificateAbsence::NotOffered);
    let facts = RequestFacts {
        method: &head.method,
        path: &head.url.path,
        authorization: &authorization,
        dpop: &dpop,
        token_in_query: head.url.token_in_query,
        certificate: server.presented.as_ref().unwrap_or(&unknown),
        now: server.now,
    };
    // The last word of the header is the token, if there is one; only its form matters here.
    let token = head.authorization.first().and_then(|value| value.split(' ').next_back()).unwrap_or_default();
    let policy = server.policy_for(head.dpop.first().map_or("", String::as_str));
    let mut explanation = server.with_token(token, |expected| {
        let expected = RequestExpectation { policy: &policy, bases: &bases, nonces: None, token: expected };
        explain::explain_request(&facts, &expected, &AwsLc)
    });
    for (name, text) in &head.notes {
        if *name != request_head::HOST_TAKEN || server.bases.is_empty() {
            explanation.hint(name, text.clone());
        }
    }
    let title =
        format!("Request {} {}{}", head.method, head.url.origin, explain::for_terminal(&head.url.path));
    Ok((title, explanation))
}

/// Hints about how the text was pasted come before those about its content.
fn with_hints(mut explanation: Explanation, mut pasted: Explanation) -> Explanation {
    for hint in std::mem::take(&mut explanation.hints) {
        if pasted.hints_at(hint.name).is_none() {
            pasted.hints.push(hint);
        }
    }
    // What is grave stays first.
    pasted.hints.sort_by_key(|hint| !hint.grave);
    explanation.hints = pasted.hints;
    explanation
}

fn algorithms(names: &[String]) -> anyhow::Result<AlgorithmSet> {
    if names.is_empty() {
        return Ok(AlgorithmSet::DEFAULT);
    }
    let mut named = Vec::new();
    for name in names {
        let Some(algorithm) = SignatureAlgorithm::from_name(name) else {
            let known = AlgorithmSet::of(&SignatureAlgorithm::ALL);
            bail!("--proof-algorithms {name}: not an algorithm for proofs; choose of {known}");
        };
        named.push(algorithm);
    }
    Ok(AlgorithmSet::of(&named))
}
