//! The combinations in which a server is certified.

use std::fmt;

/// How clients authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    PrivateKeyJwt,
    Mtls,
}

/// What binds access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Dpop,
    Mtls,
}

/// Which flow is certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    PlainFapi,
    ClientCredentials,
}

/// One combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) client_auth: ClientAuth,
    pub(crate) sender: Sender,
    pub(crate) openid: bool,
    pub(crate) signed_requests: bool,
    pub(crate) jarm: bool,
    pub(crate) profile: Profile,
}

impl Variant {
    /// All of one client authentication method and one sender constraint: 2 x 2 x 2, and client credentials.
    pub(crate) fn of(client_auth: ClientAuth, sender: Sender) -> Vec<Self> {
        let mut all = vec![Self {
            client_auth,
            sender,
            openid: false,
            signed_requests: false,
            jarm: false,
            profile: Profile::ClientCredentials,
        }];
        for choice in 0..8 {
            all.push(Self {
                client_auth,
                sender,
                openid: choice & 1 != 0,
                signed_requests: choice & 2 != 0,
                jarm: choice & 4 != 0,
                profile: Profile::PlainFapi,
            });
        }
        all
    }

    pub(crate) fn dpop(self) -> bool {
        self.sender == Sender::Dpop
    }

    pub(crate) fn private_key_jwt(self) -> bool {
        self.client_auth == ClientAuth::PrivateKeyJwt
    }

    /// Whether a person takes part.
    pub(crate) fn interactive(self) -> bool {
        self.profile == Profile::PlainFapi
    }
}

/// The name, which is the beginning of the clients' identifiers too.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.private_key_jwt() { "jwt" } else { "mtls" })?;
        f.write_str(if self.dpop() { "-dpop" } else { "-mtls" })?;
        if self.profile == Profile::ClientCredentials {
            return f.write_str("-credentials");
        }
        f.write_str(if self.openid { "-openid" } else { "-plain" })?;
        f.write_str(if self.signed_requests { "-signed" } else { "-unsigned" })?;
        f.write_str(if self.jarm { "-jarm" } else { "-query" })
    }
}
