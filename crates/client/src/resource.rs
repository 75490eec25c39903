//! Which token a URL gets: the configured resources (RFC 8707) as prefixes of the URLs that they stand for. A
//! URL outside all of them gets none.

use url::Url;

use crate::configuration_invalid::ConfigurationInvalid;
use crate::origin::{Origin, OriginInvalid, PlainHttp};

/// A protected resource: an indicator (RFC 8707) that is also the start of the URLs it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// As configured; sent as `resource`.
    pub(crate) indicator: String,
    url: Url,
}

impl Resource {
    pub(crate) fn parse(text: &str, plain: PlainHttp) -> Result<Self, ConfigurationInvalid> {
        let invalid = |rule| ConfigurationInvalid::Resource { resource: text.into(), rule };
        let url = Url::parse(text).map_err(|_| invalid("it is not an absolute URL"))?;
        // A value with a password in it is not repeated.
        Origin::within(&url, plain).map_err(|reason| match reason {
            OriginInvalid::Userinfo => {
                ConfigurationInvalid::Resource { resource: "[..]".into(), rule: reason.sentence() }
            }
            reason => invalid(reason.sentence()),
        })?;
        if url.fragment().is_some() || url.query().is_some() {
            return Err(invalid("a resource has no query and no fragment here"));
        }
        Ok(Self { indicator: text.into(), url })
    }

    /// How many path bytes of `url` this resource covers, if it covers it at all: same origin, and its path
    /// ends at a segment's end.
    pub(crate) fn covers(&self, url: &Url) -> Option<usize> {
        let base = self.url.path().trim_end_matches('/');
        let rest = url.path().strip_prefix(base)?;
        let within = self.url.origin() == url.origin() && (rest.is_empty() || rest.starts_with('/'));
        within.then_some(base.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_whole_segments_of_its_own_origin() {
        let covers = |resource: &str, url: &str| {
            Resource::parse(resource, PlainHttp::Refused).unwrap().covers(&Url::parse(url).unwrap())
        };
        assert_eq!(covers("https://a.example/v1", "https://a.example/v1/x?y"), Some(3));
        assert_eq!(covers("https://a.example/v1/", "https://a.example/v1"), Some(3));
        assert_eq!(covers("https://a.example", "https://a.example/anything"), Some(0));
        for url in
            ["https://a.example/v10", "https://a.example/", "https://b.example/v1", "https://a.example:1/v1"]
        {
            assert_eq!(covers("https://a.example/v1", url), None, "{url}");
        }
        for url in ["https://a.example/v1/../v2", "https://a.example/v1/%2e%2e/v2"] {
            assert_eq!(covers("https://a.example/v1", url), None, "dot segments are gone before: {url}");
        }
    }
}
