//! What a registration says for people to read (RFC 7591 sections 2 and 2.2): names, links and contacts, also in
//! several languages. All of it is the client's own word and goes to pages only as escaped text, and links only
//! as https.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::client_members::{Reader, require_https};
use super::client_metadata::{ClientMetadataInvalid, invalid};

/// The members that pages show.
#[derive(Clone, Debug, Default)]
pub struct DisplayMetadata {
    /// `client_uri`, https.
    pub client_uri: Option<String>,
    /// `logo_uri`, https.
    pub logo_uri: Option<String>,
    /// `policy_uri`, https.
    pub policy_uri: Option<String>,
    /// `tos_uri`, https.
    pub tos_uri: Option<String>,
    /// `contacts`.
    pub contacts: Vec<String>,
    /// `software_id`.
    pub software_id: Option<String>,
    /// `software_version`.
    pub software_version: Option<String>,
    /// The same members in other languages, by name and tag as they were registered: `client_name#de`.
    pub translations: BTreeMap<String, String>,
}

/// The members that may be said in several languages, and whether they are links.
const TRANSLATED: [(&str, bool); 5] = [
    ("client_name", false),
    ("client_uri", true),
    ("logo_uri", true),
    ("policy_uri", true),
    ("tos_uri", true),
];

impl DisplayMetadata {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ClientMetadataInvalid> {
        if reader.value("software_statement").is_some() {
            return Err(invalid(
                "software_statement",
                "the server trusts no issuer of software statements (RFC 7591 section 2.3)",
                "register the members themselves",
            ));
        }
        Ok(Self {
            client_uri: reader.https_url("client_uri")?,
            logo_uri: reader.https_url("logo_uri")?,
            policy_uri: reader.https_url("policy_uri")?,
            tos_uri: reader.https_url("tos_uri")?,
            contacts: reader.texts("contacts")?.unwrap_or_default(),
            software_id: reader.text("software_id")?.map(Into::into),
            software_version: reader.text("software_version")?.map(Into::into),
            translations: translations(reader)?,
        })
    }

    /// The text of `name` in the first of `locales` that it was registered in; a tag matches itself and what is
    /// more special than it.
    #[must_use]
    pub fn in_language<'a>(&'a self, name: &str, locales: &[String]) -> Option<&'a str> {
        locales.iter().find_map(|locale| {
            let of_name = self.translations.iter().filter_map(|(member, text)| {
                let (member, tag) = member.split_once('#')?;
                (member == name).then_some((tag, text))
            });
            let fits = |tag: &str| {
                tag.get(..locale.len()).is_some_and(|start| start.eq_ignore_ascii_case(locale))
                    && matches!(tag.as_bytes().get(locale.len()), None | Some(b'-'))
            };
            of_name.into_iter().find(|(tag, _)| fits(tag)).map(|(_, text)| text.as_str())
        })
    }
}

fn translations(reader: &mut Reader<'_>) -> Result<BTreeMap<String, String>, ClientMetadataInvalid> {
    let mut found = BTreeMap::new();
    for (member, tag, text) in reader.tagged()? {
        let Some((_, link)) = TRANSLATED.iter().find(|(name, _)| *name == member) else { continue };
        let name = format!("{member}#{tag}");
        if *link {
            require_https(&name, text)?;
        }
        reader.mark_read(&name);
        found.insert(name, text.into());
    }
    Ok(found)
}
