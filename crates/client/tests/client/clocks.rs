//! A clock that is ten minutes off, at the token endpoint and at resources (FSP-C-13).

use std::sync::atomic::Ordering;

use bindery_client::{Blame, Explanation};
use serde_json::json;

use crate::resources::with_resource;
use crate::server::*;

#[tokio::test]
async fn a_clock_that_is_off_is_corrected_from_the_date_of_the_refusal() {
    for (off, code) in [(600, "invalid_dpop_proof"), (-600, "invalid_dpop_proof"), (600, "invalid_client")] {
        let clock = HandClock::behind(off);
        let local = clock.wall.load(Ordering::SeqCst);
        let server = authority(move |seen, count| {
            let assertion = claims(&seen.form()["client_assertion"])["iat"].as_i64().unwrap();
            let real = local + off;
            let right = |time: i64| (time - real).abs() < 30;
            if right(seen.claims()["iat"].as_i64().unwrap()) && right(assertion) {
                granted(count)
            } else {
                json_reply(401, &[], &json!({"error": code}))
            }
        })
        .await;
        let source = source(confidential(&server).clock(clock));
        source.token().await.unwrap();
        assert_eq!(server.seen().len(), 2);
        assert!((source.clock_offset(&server.url).as_seconds() - off).abs() <= 30);
    }
}

#[tokio::test]
async fn a_refusal_that_is_not_the_clock_is_not_tried_again() {
    let server = authority(|_, _| json_reply(401, &[], &json!({"error": "invalid_client"}))).await;
    let error = source(confidential(&server)).token().await.unwrap_err();
    assert_eq!(error.blame(), Blame::Configuration);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_clock_that_is_off_by_ten_minutes_is_corrected_and_shown() {
    for off in [600, -600] {
        let clock = HandClock::behind(off);
        let real = clock.wall.load(Ordering::SeqCst) + off;
        // The authorization server sends no usable Date; the resource refuses by time.
        let authority = authority(|_, count| {
            let Reply::Answer(mut response) = granted(count) else { unreachable!() };
            response.headers_mut().insert("date", "never".parse().unwrap());
            Reply::Answer(response)
        })
        .await;
        let resource = Server::start(move |seen, _| {
            if (seen.claims()["iat"].as_i64().unwrap() - real).abs() < 30 {
                ok()
            } else {
                reply(401, &[("www-authenticate", r#"DPoP error="invalid_dpop_proof""#)], "")
            }
        })
        .await;
        let source = source(confidential(&authority).clock(clock));
        let client = client(&source);
        assert_eq!(client.get(resource.at("/")).send().await.unwrap().status(), 200);
        assert_eq!(client.get(resource.at("/")).send().await.unwrap().status(), 200);
        assert_eq!(resource.seen().len(), 3, "refused once, right ever after");
        assert_every_proof_is_new(&resource.seen());
        assert!((source.clock_offset(&resource.url).as_seconds() - off).abs() < 30);
        assert_eq!(source.clock_offset(&authority.url).as_seconds(), 0, "no server moves another's time");
    }
}

#[tokio::test]
async fn the_date_of_a_good_answer_corrects_the_clock_as_well() {
    let clock = HandClock::behind(600);
    let (authority, resource) =
        (authority(|_, count| granted(count)).await, Server::start(|_, _| ok()).await);
    let source = source(confidential(&authority).clock(clock.clone()));
    let client = client(&source);
    client.get(resource.at("/")).send().await.unwrap();
    client.get(resource.at("/")).send().await.unwrap();
    let times: Vec<_> = resource.seen().iter().map(|seen| seen.claims()["iat"].as_i64().unwrap()).collect();
    assert!((times[1] - times[0] - 600).abs() < 30);
}

#[tokio::test]
async fn a_refused_proof_without_a_clock_difference_is_handed_back() {
    let (_authority, resource, source) =
        with_resource(|_, _| reply(401, &[("www-authenticate", r#"DPoP error="invalid_dpop_proof""#)], ""))
            .await;
    let response = client(&source).get(resource.at("/")).send().await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Explanation::ProofRefused));
    assert_eq!(resource.seen().len(), 1);
}
