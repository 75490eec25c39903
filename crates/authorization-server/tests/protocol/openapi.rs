//! The OpenAPI document says what the code does: every operation that it names is behind the door with the
//! scope that it names, and the committed document is the one that the code makes.

use std::path::Path;

use http::Method;
use serde_json::Value;

use crate::administration::{Ask, setup};
use crate::support::ISSUER;

/// The issuer of the committed document.
const PLACEHOLDER: &str = "https://issuer.example";

fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
        methods.map(move |(method, operation)| {
            (method.to_uppercase().parse().unwrap(), path.clone(), operation.clone())
        })
    });
    all.collect()
}

#[test]
fn the_committed_document_is_the_one_that_the_code_makes() {
    let made = bindery_authorization_server::openapi_document(PLACEHOLDER);
    let made = format!("{}\n", serde_json::to_string_pretty(&made).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi/admin.json");
    if std::env::var_os("BINDERY_WRITE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/openapi/admin.json is out of date; run this test with BINDERY_WRITE_DOCS=1 and commit it"
    );
}

#[tokio::test]
async fn every_operation_of_the_document_is_there_behind_the_door() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let served = world.get(&operator, "/openapi.json").await.is(200);
    assert_eq!(served["servers"][0]["url"], format!("{ISSUER}/admin/v1"));
    assert_eq!(served["openapi"], "3.1.0");
    let auditor = world.operator("auditor").await;
    let all = operations(&served);
    assert!(all.len() > 30, "{}", all.len());
    for (method, path, operation) in all {
        let path = path.replace(['{', '}'], "");
        // Without a token nothing is there to be seen; what is not there at all is not found.
        let stranger = world.ask(Ask::new(method.clone(), &path)).await;
        assert_eq!(stranger.status, 401, "{method} {path}");
        let scope = operation["security"][0]["dpop"][0].as_str().unwrap();
        let reader = world.administer(&auditor, Ask::new(method.clone(), &path)).await;
        assert_eq!(reader.status == 403, scope == "bindery:admin", "{method} {path}: {}", reader.status);
        assert!(operation["operationId"].is_string() && operation["summary"].is_string(), "{method} {path}");
    }
    let unknown = world.ask(Ask::new(Method::GET, "/nothing")).await;
    assert_eq!(unknown.status, 404);
}

#[test]
fn another_reader_of_openapi_3_1_understands_the_document() {
    let document = bindery_authorization_server::openapi_document(PLACEHOLDER);
    let read: oas3::OpenApiV3Spec = serde_json::from_value(document.clone()).unwrap();
    read.validate_version().unwrap();
    assert_eq!(read.operations().count(), operations(&document).len());
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
    let mut names: Vec<_> =
        operations(&document).into_iter().map(|(_, _, one)| one["operationId"].to_string()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), operations(&document).len());
}
