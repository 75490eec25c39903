//! Routes: which part of an API is guarded how strictly. The longest matching path decides; what no route
//! matches is enforced with the strictest defaults, so a forgotten route is closed, not open.

use bindery_core::resource::step::ResourcePolicy;
use http::Method;
use serde::Deserialize;

/// How strictly a route is guarded; the steps by which an estate moves over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Let everything through and record what would have been refused, and why. Protects nothing.
    Observe,
    /// Let everything through, and tell the client in a header what would have been refused.
    Warn,
    /// Refuse.
    #[default]
    Enforce,
}

impl Mode {
    /// The name used in configuration, headers and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// The path and everything below it, segment by segment; `/` for all.
    pub path: String,
    /// The methods that it is for; empty for all.
    pub methods: Vec<Method>,
    /// How strictly it is guarded.
    pub mode: Mode,
    /// What a request must prove.
    pub policy: ResourcePolicy,
    /// The scope values that a token must have.
    pub scopes: Vec<String>,
}

impl Route {
    /// Whether some request could be for this route and for `other` alike, with nothing to choose between them.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        self.prefix() == other.prefix()
            && match (self.methods.as_slice(), other.methods.as_slice()) {
                ([], []) => true,
                (own, others) => own.iter().any(|own| others.contains(own)),
            }
    }

    fn prefix(&self) -> &str {
        self.path.trim_end_matches('/')
    }

    fn matches(&self, method: &Method, path: &str) -> bool {
        let prefix = self.prefix();
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && (self.methods.is_empty() || self.is_for(method))
    }

    /// Applications answer HEAD by what they do for GET (RFC 9110 section 9.3.2), so it needs no less; and
    /// many take `delete` for DELETE, though the letters' case counts (section 9.1).
    fn is_for(&self, method: &Method) -> bool {
        let same = |known: &Method, name: &str| known.as_str().eq_ignore_ascii_case(name);
        let head = same(&Method::HEAD, method.as_str());
        self.methods.iter().any(|known| same(known, method.as_str()) || (head && *known == Method::GET))
    }
}

/// All routes of a guard, and what holds where none matches.
#[derive(Clone, Debug)]
pub struct RouteTable {
    routes: Vec<Route>,
    fallback: Route,
}

impl RouteTable {
    /// Orders `routes` so that the longest path, and at equal length one with methods, decides.
    #[must_use]
    pub fn new(mut routes: Vec<Route>, fallback: Route) -> Self {
        routes.sort_by_key(|route| std::cmp::Reverse((route.prefix().len(), !route.methods.is_empty())));
        Self { routes, fallback }
    }

    /// The route that decides for a method and a path in the form of [`crate::path::parse`].
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> &Route {
        self.routes.iter().find(|route| route.matches(method, path)).unwrap_or(&self.fallback)
    }

    /// What holds where no route matches.
    #[must_use]
    pub const fn fallback(&self) -> &Route {
        &self.fallback
    }

    /// The routes, most specific first, and the fallback last.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().chain([&self.fallback])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bindery_core::dpop::proof::ProofPolicy;
    use bindery_core::resource::step::AcceptedMechanisms;

    fn route(path: &str, methods: &[Method], mode: Mode) -> Route {
        let policy =
            ResourcePolicy { proof: ProofPolicy::default(), mechanisms: AcceptedMechanisms::default() };
        Route { path: path.into(), methods: methods.to_vec(), mode, policy, scopes: Vec::new() }
    }

    #[test]
    fn the_longest_path_decides_by_whole_segments_and_nothing_is_open_by_default() {
        let table = RouteTable::new(
            vec![
                route("/a", &[], Mode::Observe),
                route("/a/b", &[], Mode::Warn),
                route("/a", &[Method::POST], Mode::Enforce),
            ],
            route("/", &[], Mode::Enforce),
        );
        let mode = |method: Method, path: &str| table.find(&method, path).mode;
        assert_eq!(mode(Method::GET, "/a"), Mode::Observe);
        assert_eq!(mode(Method::GET, "/a/x"), Mode::Observe);
        assert_eq!(mode(Method::POST, "/a/x"), Mode::Enforce);
        assert_eq!(mode(Method::GET, "/a/b/c"), Mode::Warn);
        assert_eq!(mode(Method::GET, "/ab"), Mode::Enforce);
        assert_eq!(mode(Method::GET, "/A"), Mode::Enforce);
    }

    #[test]
    fn a_method_in_another_case_gets_past_no_route() {
        let table = RouteTable::new(
            vec![
                route("/a", &[], Mode::Observe),
                route("/a", &[Method::DELETE], Mode::Enforce),
                route("/b", &[], Mode::Observe),
                route("/b", &[Method::GET], Mode::Enforce),
            ],
            route("/", &[], Mode::Enforce),
        );
        for (method, path) in [
            ("DELETE", "/a"),
            ("delete", "/a"),
            ("Delete", "/a"),
            ("get", "/b"),
            ("HEAD", "/b"),
            ("head", "/b"),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(table.find(&method, path).mode, Mode::Enforce, "{method} {path}");
        }
        assert_eq!(table.find(&Method::POST, "/a").mode, Mode::Observe);
    }
}
