//! The readers of JSON, JOSE and forms.

use bindery_core::encoding::{base64url, json as strict};
use bindery_core::jose::jwk::{Jwk, JwkSet};
use bindery_core::jose::jws::{CompactJws, UnverifiedHeader};
use bindery_core::jose::thumbprint::JwkThumbprint;
use bindery_core::oauth::form::{Form, MAXIMUM_PARAMETERS};
use serde_json::Value;

use crate::accepting::Accepting;
use crate::{Accepted, Refused, Verdict};

/// What the strict reader accepts, every other reader sees in the same way; and it can be written again.
pub fn json(data: &[u8]) -> Verdict {
    let strictly = strict::require_strict(data);
    let Ok(object) = strict::parse_object(data) else { return Refused };
    assert_eq!(strictly, Ok(()), "two strict readers disagree");
    let plain: Value = serde_json::from_slice(data).unwrap();
    assert_eq!(plain, Value::Object(object.clone()), "a lenient reader sees something else");
    let printed = Value::Object(object).to_string();
    assert!(strict::parse_object(printed.as_bytes()).is_ok(), "{printed}");
    // One more byte of meaning behind the object, or a member again, is refused.
    let mut longer = data.to_vec();
    longer.push(b'x');
    assert!(strict::parse_object(&longer).is_err());
    Accepted
}

/// The segments are the text again, and each value has one spelling.
pub fn jws(data: &[u8]) -> Verdict {
    let text = crate::text(data);
    let Ok(jws) = CompactJws::split(text, 16 * 1024) else { return Refused };
    assert!(text.len() <= 16 * 1024);
    assert_eq!(format!("{}.{}.{}", jws.header, jws.payload, jws.signature), text);
    assert_eq!(format!("{}.{}", jws.header, jws.payload), jws.signing_input);
    assert_eq!(format!("{jws:?}"), format!("CompactJws({} bytes, redacted)", text.len()));
    for segment in [jws.header, jws.payload, jws.signature] {
        if let Ok(bytes) = base64url::decode(segment) {
            assert_eq!(base64url::encode(bytes), segment, "two spellings of one value");
        }
    }
    let Ok(header) = UnverifiedHeader::read(&jws) else { return Refused };
    let plain: Value = serde_json::from_slice(&base64url::decode(jws.header).unwrap()).unwrap();
    assert_eq!(plain["alg"].as_str(), header.alg.as_deref());
    assert_eq!(plain["typ"].as_str(), header.typ.as_deref());
    assert_eq!(plain["kid"].as_str(), header.key_id.as_deref());
    assert!(plain.get("crit").is_none() && plain.get("b64").is_none());
    Accepted
}

/// A key that is read can be written and read again as the same key, without private members; its thumbprint
/// doesn't depend on how it was written.
pub fn jwk(data: &[u8]) -> Verdict {
    if let Ok(set) = JwkSet::parse(data) {
        assert!(set.keys.len() + set.skipped.len() <= JwkSet::MAXIMUM_KEYS);
    }
    let Ok(jwk) = Jwk::parse(data) else { return Refused };
    let plain: Value = serde_json::from_slice(data).unwrap();
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert!(plain.get(member).is_none(), "{member}");
    }
    let written = Value::Object(jwk.key.to_jwk());
    let again = Jwk::parse(written.to_string().as_bytes()).unwrap();
    assert!(again.key == jwk.key, "{written}");
    for (name, value) in written.as_object().unwrap() {
        assert_eq!(plain.get(name), Some(value), "another spelling of {name} was accepted");
    }
    let thumbprint = JwkThumbprint::of(&jwk.key, &Accepting);
    assert_eq!(JwkThumbprint::of(&again.key, &Accepting), thumbprint);
    assert_eq!(JwkThumbprint::parse(&thumbprint.to_string()), Ok(thumbprint));
    assert!(jwk.allows(jwk.algorithm.unwrap_or(jwk.key.usual_algorithm())));
    Accepted
}

/// What the strict form reader accepts, the usual lenient one sees in the same way, each name once.
pub fn form(data: &[u8]) -> Verdict {
    let Ok(form) = Form::parse(data) else { return Refused };
    let lenient: Vec<_> = form_urlencoded::parse(data).collect();
    assert!(lenient.len() <= MAXIMUM_PARAMETERS);
    for (index, (name, value)) in lenient.iter().enumerate() {
        assert!(!lenient[..index].iter().any(|(earlier, _)| earlier == name), "{name} twice");
        assert_eq!(form.get(name), Some(&**value).filter(|value| !value.is_empty()), "{name}");
        assert!(!name.contains('\0') && !value.contains('\0'));
    }
    let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&lenient).finish();
    let again = Form::parse(written.as_bytes()).unwrap();
    for (name, _) in &lenient {
        assert_eq!(again.get(name), form.get(name));
    }
    Accepted
}
