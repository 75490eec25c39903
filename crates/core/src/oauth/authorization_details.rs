//! Rich authorization requests (RFC 9396): `authorization_details`, read by a table of types that the operator
//! writes. An unknown type, an unknown or missing member, or a member of another shape refuses the whole
//! request (section 5). A later request may narrow what was granted and never widen it (section 6).

use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::encoding::json;

/// The longest `authorization_details` parameter that is parsed, in bytes.
pub const MAXIMUM_DETAILS: usize = 16 * 1024;
/// The most objects that one request may hold.
pub const MAXIMUM_OBJECTS: usize = 32;
/// How deep the values of a member may be nested.
const MAXIMUM_DEPTH: usize = 8;
/// The longest text, in characters: a person reads all of what is granted, or it is not asked for.
pub const MAXIMUM_TEXT: usize = 500;
/// The longest name of a member, in characters.
pub const MAXIMUM_NAME: usize = 80;

/// One authorization details type that the server knows (`authorization_details_types_supported`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailType {
    /// Its identifier, the value of `type`.
    pub name: String,
    /// The members that every object of the type must have, besides `type`.
    #[serde(default)]
    pub required: Vec<String>,
    /// The members that it may have besides those and `type`; without it, any.
    pub members: Option<Vec<String>>,
}

/// Which rule `authorization_details` break. No variant carries what the client wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DetailsInvalid {
    /// Longer than [`MAXIMUM_DETAILS`], too many objects, nested too deep, or a text longer than people are shown.
    TooLarge,
    /// Not a JSON array of objects, each with a text as `type` (section 2).
    Shape,
    /// A type that the server doesn't know, or that the client has not registered (sections 5 and 10).
    Type,
    /// A member that the type doesn't have.
    UnknownMember,
    /// A member that the type needs is missing.
    MissingMember,
    /// A member common to all types has another shape than section 2.2 gives it.
    CommonMember,
}

impl DetailsInvalid {
    /// A fixed sentence for the wire.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::TooLarge => "The authorization_details are too large.",
            Self::Shape => "The authorization_details are not a JSON array of objects with a type each.",
            Self::Type => "The authorization_details name a type that the client may not use.",
            Self::UnknownMember => "The authorization_details hold a member that their type does not have.",
            Self::MissingMember => "The authorization_details lack a member that their type needs.",
            Self::CommonMember => "A common member of the authorization_details has another shape.",
        }
    }

    /// A stable name, for programs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "authorization_details_too_large",
            Self::Shape => "authorization_details_shape",
            Self::Type => "authorization_details_type",
            Self::UnknownMember => "authorization_details_unknown_member",
            Self::MissingMember => "authorization_details_missing_member",
            Self::CommonMember => "authorization_details_common_member",
        }
    }
}

/// More is asked for than was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetailsExceeded;

/// Parses the JSON text of the parameter against the types that the server knows and the client has registered.
///
/// # Errors
/// [`DetailsInvalid`] names the rule.
pub fn parse(text: &str, types: &[DetailType], registered: &[String]) -> Result<Vec<Value>, DetailsInvalid> {
    if text.len() > MAXIMUM_DETAILS {
        return Err(DetailsInvalid::TooLarge);
    }
    json::require_strict(text.as_bytes()).map_err(|_| DetailsInvalid::Shape)?;
    let value: Value = serde_json::from_str(text).map_err(|_| DetailsInvalid::Shape)?;
    require(&value, types, registered)
}

/// Reads the value, as it stands in a request object. The caller has capped its size.
///
/// # Errors
/// [`DetailsInvalid`] names the rule.
pub fn require(
    value: &Value,
    types: &[DetailType],
    registered: &[String],
) -> Result<Vec<Value>, DetailsInvalid> {
    let objects = value.as_array().filter(|objects| !objects.is_empty()).ok_or(DetailsInvalid::Shape)?;
    if objects.len() > MAXIMUM_OBJECTS || !is_shown_whole(value, MAXIMUM_DEPTH) {
        return Err(DetailsInvalid::TooLarge);
    }
    for object in objects {
        let members = object.as_object().ok_or(DetailsInvalid::Shape)?;
        let name = members.get("type").and_then(Value::as_str).ok_or(DetailsInvalid::Shape)?;
        let detail = types.iter().find(|detail| detail.name == name).ok_or(DetailsInvalid::Type)?;
        if !registered.iter().any(|registered| registered == name) {
            return Err(DetailsInvalid::Type);
        }
        detail.require(members)?;
    }
    Ok(objects.clone())
}

impl DetailType {
    fn require(&self, members: &Map<String, Value>) -> Result<(), DetailsInvalid> {
        if !self.required.iter().all(|name| members.contains_key(name)) {
            return Err(DetailsInvalid::MissingMember);
        }
        if let Some(known) = &self.members {
            let is_known =
                |name: &&String| *name == "type" || known.contains(name) || self.required.contains(name);
            if !members.keys().all(|name| is_known(&name)) {
                return Err(DetailsInvalid::UnknownMember);
            }
        }
        let texts = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        let lists = ["locations", "actions", "datatypes", "privileges"];
        let common = lists.iter().all(|name| members.get(*name).is_none_or(texts))
            && members.get("identifier").is_none_or(Value::is_string);
        if common { Ok(()) } else { Err(DetailsInvalid::CommonMember) }
    }
}

/// Requires every object of `asked` to be within one of `granted` (RFC 9396 section 6): of the same type, with
/// the same members, each list a part of the granted one and everything else the same. A member that is left
/// out might mean "all", so leaving it out is refused too. What was granted once is had once: one payment of five
/// is not two payments of five.
///
/// # Errors
/// [`DetailsExceeded`] when one is not.
pub fn require_within(asked: &[Value], granted: &[Value]) -> Result<(), DetailsExceeded> {
    let mut taken = alloc::vec![None; granted.len()];
    for index in 0..asked.len() {
        let mut seen = alloc::vec![false; granted.len()];
        take(index, asked, granted, &mut taken, &mut seen)?;
    }
    Ok(())
}

/// Finds a granted object for `asked[index]`; whoever has taken it before finds another one (an augmenting path).
fn take(
    index: usize,
    asked: &[Value],
    granted: &[Value],
    taken: &mut [Option<usize>],
    seen: &mut [bool],
) -> Result<(), DetailsExceeded> {
    for (place, object) in granted.iter().enumerate() {
        if seen[place] || !is_within(&asked[index], object) {
            continue;
        }
        seen[place] = true;
        let free = taken[place].is_none_or(|other| take(other, asked, granted, taken, seen).is_ok());
        if free {
            taken[place] = Some(index);
            return Ok(());
        }
    }
    Err(DetailsExceeded)
}

fn is_within(asked: &Value, granted: &Value) -> bool {
    match (asked, granted) {
        (Value::Object(asked), Value::Object(granted)) => {
            asked.len() == granted.len()
                && asked.iter().all(|(name, value)| match (value, granted.get(name)) {
                    (Value::Array(some), Some(Value::Array(all))) => {
                        (!some.is_empty() || all.is_empty()) && some.iter().all(|one| all.contains(one))
                    }
                    (value, Some(granted)) => value == granted,
                    (_, None) => false,
                })
        }
        _ => asked == granted,
    }
}

fn is_shown_whole(value: &Value, depth: usize) -> bool {
    let fits = |text: &str, most: usize| text.chars().nth(most).is_none();
    match value {
        Value::Array(_) | Value::Object(_) if depth == 0 => false,
        Value::Array(values) => values.iter().all(|value| is_shown_whole(value, depth - 1)),
        Value::Object(members) => {
            members.iter().all(|(name, value)| fits(name, MAXIMUM_NAME) && is_shown_whole(value, depth - 1))
        }
        Value::String(text) => fits(text, MAXIMUM_TEXT),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn types() -> Vec<DetailType> {
        serde_json::from_value(json!([
            {"name": "payment", "required": ["amount"], "members": ["actions", "identifier", "locations"]},
            {"name": "free"},
        ]))
        .unwrap()
    }

    fn read(text: &str) -> Result<Vec<Value>, DetailsInvalid> {
        parse(text, &types(), &["payment".into(), "free".into()])
    }

    #[test]
    fn rejects_one_broken_rule_each() {
        for (text, reason) in [
            ("", DetailsInvalid::Shape),
            ("{}", DetailsInvalid::Shape),
            ("[]", DetailsInvalid::Shape),
            ("[1]", DetailsInvalid::Shape),
            ("[{}]", DetailsInvalid::Shape),
            (r#"[{"type":1}]"#, DetailsInvalid::Shape),
            (r#"[{"type":"free","type":"free"}]"#, DetailsInvalid::Shape),
            (r#"[{"type":"free"}] x"#, DetailsInvalid::Shape),
            (r#"[{"type":"other"}]"#, DetailsInvalid::Type),
            (r#"[{"type":"payment"}]"#, DetailsInvalid::MissingMember),
            (r#"[{"type":"payment","amount":1,"to":"x"}]"#, DetailsInvalid::UnknownMember),
            (r#"[{"type":"payment","amount":1,"actions":"pay"}]"#, DetailsInvalid::CommonMember),
            (r#"[{"type":"payment","amount":1,"actions":[1]}]"#, DetailsInvalid::CommonMember),
            (r#"[{"type":"payment","amount":1,"identifier":1}]"#, DetailsInvalid::CommonMember),
            (r#"[{"type":"free","a":[[[[[[[[1]]]]]]]]}]"#, DetailsInvalid::TooLarge),
        ] {
            assert_eq!(read(text), Err(reason), "{text}");
        }
        let many = Value::from(alloc::vec![json!({"type": "free"}); MAXIMUM_OBJECTS + 1]);
        assert_eq!(require(&many, &types(), &["free".into()]), Err(DetailsInvalid::TooLarge));
        assert_eq!(read(&"[".repeat(MAXIMUM_DETAILS + 1)), Err(DetailsInvalid::TooLarge));
        assert_eq!(read(&"[".repeat(MAXIMUM_DETAILS)), Err(DetailsInvalid::Shape));
        assert!(
            read(r#"[{"type":"payment","amount":{"a":1},"actions":["pay"]},{"type":"free","x":1}]"#).is_ok()
        );
    }

    /// The page has room for so much, and what a person is not shown, nobody is granted.
    #[test]
    fn rejects_details_longer_than_a_person_is_shown() {
        let with = |name: &str, text: &str| json!([{"type": "free", name: [{"text": text}]}]);
        let fits = with(&"n".repeat(MAXIMUM_NAME), &"ß".repeat(MAXIMUM_TEXT));
        assert!(require(&fits, &types(), &["free".into()]).is_ok());
        for long in [with("n", &"x".repeat(MAXIMUM_TEXT + 1)), with(&"n".repeat(MAXIMUM_NAME + 1), "x")] {
            assert_eq!(require(&long, &types(), &["free".into()]), Err(DetailsInvalid::TooLarge));
        }
    }

    #[test]
    fn rejects_a_type_that_the_client_has_not_registered() {
        let text = r#"[{"type":"free"}]"#;
        assert_eq!(parse(text, &types(), &["payment".into()]), Err(DetailsInvalid::Type));
        assert_eq!(parse(text, &types(), &[]), Err(DetailsInvalid::Type));
    }

    #[test]
    fn details_may_narrow_and_never_widen() {
        let granted = [json!({"type": "payment", "amount": 5, "actions": ["pay", "list"]})];
        for asked in [
            json!([]),
            json!([{"type": "payment", "amount": 5, "actions": ["pay"]}]),
            json!([{"type": "payment", "amount": 5, "actions": ["list", "pay"]}]),
        ] {
            assert_eq!(require_within(asked.as_array().unwrap(), &granted), Ok(()), "{asked}");
        }
        for asked in [
            json!([{"type": "payment", "amount": 6, "actions": ["pay"]}]),
            json!([{"type": "payment", "amount": 5}]),
            json!([{"type": "payment", "amount": 5, "actions": []}]),
            json!([{"type": "payment", "amount": 5, "actions": ["refund"]}]),
            json!([{"type": "payment", "amount": 5, "actions": ["pay"], "to": "x"}]),
            json!([{"type": "free", "amount": 5, "actions": ["pay"]}]),
            json!([{"type": "payment", "amount": 5, "actions": ["pay"]}, {"type": "free"}]),
        ] {
            let outcome = require_within(asked.as_array().unwrap(), &granted);
            assert_eq!(outcome, Err(DetailsExceeded), "{asked}");
        }
    }

    #[test]
    fn rejects_a_granted_detail_asked_for_twice() {
        let within = |asked: &[Value], granted: &[Value]| require_within(asked, granted);
        let once = json!({"type": "payment", "amount": 5});
        let twice = [once.clone(), once];
        assert_eq!(within(&twice[..1], &twice[..1]), Ok(()));
        assert_eq!(within(&twice, &twice[..1]), Err(DetailsExceeded));
        assert_eq!(within(&twice, &twice), Ok(()));
        // Whichever comes first, each finds its own.
        let (wide, narrow) =
            (json!({"type": "free", "actions": ["a", "b"]}), json!({"type": "free", "actions": ["a"]}));
        for asked in [[wide.clone(), narrow.clone()], [narrow.clone(), wide.clone()]] {
            assert_eq!(within(&asked, &[wide.clone(), narrow.clone()]), Ok(()));
            assert_eq!(within(&asked, &[narrow.clone(), wide.clone()]), Ok(()));
            assert_eq!(within(&asked, &[narrow.clone(), narrow.clone()]), Err(DetailsExceeded));
        }
        let many = alloc::vec![wide; MAXIMUM_OBJECTS];
        assert_eq!(within(&many, &many), Ok(()));
    }
}
