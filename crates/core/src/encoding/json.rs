//! Strict JSON objects (RFC 8259, RFC 8725 section 3.7, DPOP-4.2-14): UTF-8 only, no duplicate member at
//! any depth, no NUL in a string, nothing after the end, bounded width. Two readers of one text must
//! never see two meanings. Values that nobody asked for are walked as strictly as the others.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::time::UnixTime;

/// The most members one object may have; real headers, claims and keys have a dozen.
pub const MAXIMUM_MEMBERS: usize = 128;

/// The text is not one strict JSON object of the expected shape. The reason names member and type, never
/// the value, so it is fit for an operator's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonInvalid(pub(crate) String);

impl fmt::Display for JsonInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes the members of one object as they come.
pub(crate) trait Members<'de> {
    /// Takes the value of a member that this object knows, refusing one that it has taken before (see
    /// [`once`]), and says whether it did. It leaves the value of any other member alone: that one is
    /// walked past, and its name may not occur again either.
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// Takes the value of a known member into its place, which must be empty.
pub(crate) fn once<'de, T: serde::Deserialize<'de>, A: MapAccess<'de>>(
    place: &mut Option<T>,
    map: &mut A,
) -> Result<bool, A::Error> {
    if place.is_some() {
        return Err(occurs_twice());
    }
    *place = Some(map.next_value()?);
    Ok(true)
}

pub(crate) fn occurs_twice<E: serde::de::Error>() -> E {
    E::custom("a member occurs twice")
}

/// Walks the object in `text` and hands each member to `members`.
pub(crate) fn read_object<'de, M: Members<'de>>(text: &'de [u8], members: &mut M) -> Result<(), JsonInvalid> {
    let text = core::str::from_utf8(text).map_err(|_| JsonInvalid("not UTF-8".into()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(ObjectVisitor(members)).map_err(describe)?;
    deserializer.end().map_err(describe)
}

/// Parses a whole object into a map, for what is read once or rarely.
///
/// # Errors
/// [`JsonInvalid`] when the text is not one strict JSON object.
pub fn parse_object(text: &[u8]) -> Result<Map<String, Value>, JsonInvalid> {
    struct Collect(Map<String, Value>);
    impl<'de> Members<'de> for Collect {
        fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
            let value = map.next_value_seed(StrictValue)?;
            match self.0.insert(name.into(), value) {
                None => Ok(true),
                Some(_) => Err(occurs_twice()),
            }
        }
    }
    let mut collected = Collect(Map::new());
    read_object(text, &mut collected)?;
    Ok(collected.0)
}

/// Walks a value without keeping it, refusing duplicate members inside it.
fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value_seed(StrictIgnored)
}

/// An object nested in another: a seed that hands its members on.
pub(crate) struct Nested<'m, M>(pub(crate) &'m mut M);

impl<'de, M: Members<'de>> DeserializeSeed<'de> for Nested<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(ObjectVisitor(self.0))
    }
}

/// A string without NUL, borrowed from the text where no escape stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<'de>(pub(crate) Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string without NUL")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        // An unescaped control character is no JSON at all, so borrowed text holds no NUL.
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text<'de>, E> {
        if text.contains('\0') {
            Err(E::custom("a string holds NUL"))
        } else {
            Ok(Text(Cow::Owned(text.into())))
        }
    }
}

/// A NumericDate (RFC 7519 section 2): any finite JSON number. Fractions round toward the past, numbers
/// out of range stop at the ends, so no arithmetic on it can wrap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NumericDate(pub(crate) UnixTime);

impl<'de> serde::Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(NumericDateVisitor)
    }
}

struct NumericDateVisitor;

impl Visitor<'_> for NumericDateVisitor {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a finite number of seconds")
    }

    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<NumericDate, E> {
        Ok(NumericDate(UnixTime::from_seconds(seconds)))
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<NumericDate, E> {
        Ok(NumericDate(UnixTime::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))))
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<NumericDate, E> {
        if !seconds.is_finite() {
            return Err(E::custom("a time is not finite"));
        }
        // `as` saturates and truncates toward zero; below zero that is one step too late.
        let whole = seconds as i64;
        let whole = if (whole as f64) > seconds { whole.saturating_sub(1) } else { whole };
        Ok(NumericDate(UnixTime::from_seconds(whole)))
    }
}

struct ObjectVisitor<'m, M>(&'m mut M);

impl<'de, M: Members<'de>> Visitor<'de> for ObjectVisitor<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut unknown = Names::new();
        let mut count = 0;
        while let Some(Text(name)) = map.next_key()? {
            count += 1;
            if count > MAXIMUM_MEMBERS {
                return Err(A::Error::custom("an object has too many members"));
            }
            if !self.0.member(&name, &mut map)? {
                unknown.insert(name)?;
                skip(&mut map)?;
            }
        }
        Ok(())
    }
}

/// The names of the unknown members of one object so far.
struct Names<'de>(SmallVec<[Cow<'de, str>; 4]>);

impl<'de> Names<'de> {
    fn new() -> Self {
        Self(SmallVec::new())
    }

    fn insert<E: serde::de::Error>(&mut self, name: Cow<'de, str>) -> Result<(), E> {
        if self.0.contains(&name) {
            return Err(occurs_twice());
        }
        self.0.push(name);
        Ok(())
    }
}

struct StrictIgnored;

impl<'de> DeserializeSeed<'de> for StrictIgnored {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictIgnored {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        TextVisitor.visit_str(text).map(|_| ())
    }
    fn visit_borrowed_str<E>(self, _: &'de str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Self)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        struct Skip;
        impl<'de> Members<'de> for Skip {
            fn member<A: MapAccess<'de>>(&mut self, _: &str, _: &mut A) -> Result<bool, A::Error> {
                Ok(false)
            }
        }
        ObjectVisitor(&mut Skip).visit_map(map)
    }
}

struct StrictValue;

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        if text.contains('\0') {
            return Err(E::custom("a string holds NUL"));
        }
        Ok(Value::String(text.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = alloc::vec::Vec::new();
        while let Some(value) = seq.next_element_seed(Self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(Text(name)) = map.next_key()? {
            if object.contains_key(&*name) {
                return Err(occurs_twice());
            }
            if object.len() == MAXIMUM_MEMBERS {
                return Err(A::Error::custom("an object has too many members"));
            }
            object.insert(name.into_owned(), map.next_value_seed(Self)?);
        }
        Ok(Value::Object(object))
    }
}

/// Keeps what serde_json says of the place and the expectation, and drops the value: serde quotes the
/// unexpected value in its messages, and that may be a secret or the attacker's text.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn describe(error: serde_json::Error) -> JsonInvalid {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "a member has the wrong type, occurs twice, or is out of bounds",
        serde_json::error::Category::Eof => "the text ends too early",
        serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Io => "unreadable",
    };
    JsonInvalid(alloc::format!("{kind} (line {}, column {})", error.line(), error.column()))
}

/// Checks that `text` is strict JSON of any type; used where only well-formedness matters.
///
/// # Errors
/// [`JsonInvalid`] when it is not.
pub fn require_strict(text: &[u8]) -> Result<(), JsonInvalid> {
    let text = core::str::from_utf8(text).map_err(|_| JsonInvalid("not UTF-8".into()))?;
    let _: IgnoredAny = serde_json::from_str(text).map_err(describe)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    StrictIgnored.deserialize(&mut deserializer).map_err(describe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_duplicate_members_at_every_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[{"a":1,"a":2}]}"#,
        ] {
            assert!(parse_object(text.as_bytes()).is_err(), "{text}");
            assert!(require_strict(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_nul_bad_utf8_trailing_data_and_other_types() {
        for text in [
            &b"{\"a\":\"\\u0000\"}"[..],
            b"{\"a\":\"\xff\"}",
            b"{}{}",
            b"{} x",
            b"[]",
            b"null",
            b"",
            b"\xff\xfe{\x00}\x00",
        ] {
            assert!(parse_object(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn refuses_an_object_with_too_many_members() {
        let mut text = String::from("{");
        for index in 0..=MAXIMUM_MEMBERS {
            use core::fmt::Write as _;
            let _ = write!(text, "{}\"m{index}\":0", if index == 0 { "" } else { "," });
        }
        text.push('}');
        assert!(parse_object(text.as_bytes()).is_err());
    }

    #[test]
    fn known_members_count_toward_the_bound_too() {
        struct TakesOne(Option<NumericDate>);
        impl<'de> Members<'de> for TakesOne {
            fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
                if name == "known" { once(&mut self.0, map) } else { Ok(false) }
            }
        }
        let object = |unknown: usize| {
            let members: alloc::vec::Vec<_> = (0..unknown).map(|n| alloc::format!("\"m{n}\":0")).collect();
            alloc::format!("{{\"known\":1,{}}}", members.join(","))
        };
        let read = |text: String| read_object(text.as_bytes(), &mut TakesOne(None));
        assert!(read(object(MAXIMUM_MEMBERS - 1)).is_ok());
        assert!(read(object(MAXIMUM_MEMBERS)).is_err());
        assert!(read_object(br#"{"known":1,"known":1}"#, &mut TakesOne(None)).is_err());
        assert!(read_object(br#"{"known":1,"x":1,"x":1}"#, &mut TakesOne(None)).is_err());
    }

    #[test]
    fn an_error_never_quotes_the_value() {
        struct WantsText;
        impl<'de> Members<'de> for WantsText {
            fn member<A: MapAccess<'de>>(&mut self, _: &str, map: &mut A) -> Result<bool, A::Error> {
                map.next_value::<NumericDate>().map(|_| true)
            }
        }
        let error = read_object(br#"{"iat":"secret-value"}"#, &mut WantsText).unwrap_err();
        assert!(!error.0.contains("secret"), "{error}");
    }

    #[test]
    fn numeric_dates_round_to_the_past_and_stop_at_the_ends() {
        for (text, seconds) in [
            ("1.9", 1),
            ("-1.1", -2),
            ("1e3", 1000),
            ("18446744073709551615", i64::MAX),
            ("1e300", i64::MAX),
            ("-1e300", i64::MIN),
            ("-9223372036854775808", i64::MIN),
        ] {
            let date: NumericDate = serde_json::from_str(text).unwrap();
            assert_eq!(date.0.as_seconds(), seconds, "{text}");
        }
        for text in ["\"1\"", "null", "true", "1e400", "NaN"] {
            assert!(serde_json::from_str::<NumericDate>(text).is_err(), "{text}");
        }
    }
}
