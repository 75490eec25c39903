//! Which issuer a request is for: by authority and path, and by nothing else.

use super::*;

fn routes(places: &[(&str, &str)]) -> Vec<Route> {
    let route = |(authority, path): &(&str, &str)| Route {
        place: Place { authority: (*authority).into(), public_path: (*path).into(), path: (*path).into() },
        router: Router::new(),
    };
    places.iter().map(route).collect()
}

fn chosen(routes: &[Route], uri: &str, hosts: &[&str]) -> Result<String, u16> {
    let mut headers = HeaderMap::new();
    for host in hosts {
        headers.append(HOST, host.parse().unwrap());
    }
    match route(routes, &uri.parse().unwrap(), &headers) {
        Ok(route) => Ok(format!("{}{}", route.place.authority, route.place.path)),
        Err(status) => Err(status.as_u16()),
    }
}

#[test]
fn the_longest_path_by_whole_segments_wins_at_the_named_authority() {
    let routes =
        routes(&[("a.example", ""), ("a.example", "/t"), ("a.example", "/t/u"), ("b.example:8443", "/t")]);
    for (uri, host, expected) in [
        ("/token", "a.example", Ok("a.example")),
        ("/t/token", "A.Example:443", Ok("a.example/t")),
        ("/t", "a.example", Ok("a.example/t")),
        ("/t/u/token", "a.example", Ok("a.example/t/u")),
        ("/t/users", "a.example", Ok("a.example/t")),
        ("/tt/token", "a.example", Ok("a.example")),
        ("/t%2Fu/token", "a.example", Ok("a.example")),
        ("/t/token", "b.example:8443", Ok("b.example:8443/t")),
        ("/token", "b.example:8443", Err(404)),
        ("/t/token", "b.example", Err(421)),
        ("/t/token", "a.example:80", Err(421)),
        ("/t/token", "c.example", Err(421)),
        ("https://a.example/t/token", "a.example:443", Ok("a.example/t")),
        ("https://a.example/t/token", "b.example:8443", Err(400)),
    ] {
        assert_eq!(chosen(&routes, uri, &[host]), expected.map(Into::into), "{uri} at {host}");
    }
    assert_eq!(chosen(&routes, "/token", &[]), Err(400));
    assert_eq!(chosen(&routes, "/token", &["a.example", "a.example"]), Err(400));
    assert_eq!(chosen(&routes, "https://a.example/token", &[]), Ok("a.example".into()));
}

#[test]
fn well_known_documents_lead_to_the_issuer_whose_path_follows_or_precedes() {
    let routes = routes(&[("a.example", "/t"), ("a.example", "/t/u"), ("b.example", "")]);
    for (uri, host, expected) in [
        ("/.well-known/oauth-authorization-server/t", "a.example", Ok("a.example/t")),
        ("/.well-known/oauth-authorization-server/t/u", "a.example", Ok("a.example/t/u")),
        ("/.well-known/openid-configuration/t", "a.example", Ok("a.example/t")),
        ("/t/.well-known/openid-configuration", "a.example", Ok("a.example/t")),
        ("/t/u/.well-known/openid-configuration", "a.example", Ok("a.example/t/u")),
        ("/.well-known/oauth-authorization-server", "a.example", Err(404)),
        ("/.well-known/oauth-authorization-server/t/", "a.example", Err(404)),
        ("/.well-known/oauth-authorization-server/x", "a.example", Err(404)),
        ("/.well-known/oauth-authorization-server", "b.example", Ok("b.example")),
        ("/.well-known/openid-configuration", "b.example", Ok("b.example")),
    ] {
        assert_eq!(chosen(&routes, uri, &[host]), expected.map(Into::into), "{uri} at {host}");
    }
}
