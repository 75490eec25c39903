//! What a posture promises to whoever compares or keeps it.

use serde_json::json;

use super::*;

fn posture(issuer: &str) -> IssuerPosture {
    let profile = crate::profile::Profile::Fapi2Security;
    IssuerPosture {
        issuer: issuer.into(),
        profile: profile.name().into(),
        rules: serde_json::to_value(profile.rules()).unwrap().as_object().unwrap().clone(),
        grant_types: vec!["client_credentials".into()],
        algorithms: BTreeMap::new(),
        dpop: None,
        takes_certificates: true,
        lifetimes: BTreeMap::from([("code_lifetime".into(), 60)]),
        endpoints: BTreeMap::new(),
        mtls_endpoints: BTreeMap::new(),
        replicas: 1,
        clients: ClientCounts::default(),
        exceptions: Vec::new(),
        risks: Vec::new(),
    }
}

#[test]
fn a_comparison_names_every_value_that_differs_and_no_other() {
    let before = Posture { issuers: vec![posture("https://a.example"), posture("https://b.example")] };
    let mut after = before.clone();
    assert!(before.compare(&after).is_empty());
    after.issuers.reverse();
    assert!(before.compare(&after).is_empty(), "the order of issuers means nothing");
    after.issuers[0].lifetimes.insert("code_lifetime".into(), 30);
    after.issuers[0].exceptions.push(Exception {
        client_id: Some("old".into()),
        reason: "r".into(),
        until: 0,
    });
    let told: Vec<_> = before.compare(&after).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "+ https://b.example exceptions old client_id: \"old\"",
            "+ https://b.example exceptions old reason: \"r\"",
            "+ https://b.example exceptions old until: 0",
            "~ https://b.example lifetimes code_lifetime: 60 -> 30",
        ]
    );
    after.issuers.remove(1);
    assert!(
        before
            .compare(&after)
            .iter()
            .any(|one| one.path.starts_with("https://a.example ") && one.after.is_none())
    );
}

#[test]
fn a_posture_comes_back_from_its_document() {
    let posture = Posture { issuers: vec![posture("https://a.example")] };
    let text = serde_json::to_string(&posture).unwrap();
    assert_eq!(serde_json::from_str::<Posture>(&text).unwrap(), posture);
    assert_eq!(json!(posture)["issuers"][0]["rules"]["pkce"], "always");
    let shown = posture.to_string();
    assert!(shown.contains("fapi2-security") && shown.contains("code lifetime"), "{shown}");
}
