//! Where the database is and how far its network is trusted. A password never reaches a log, and a token's
//! digest never crosses a network that nobody vouches for.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

/// How a database is reached. `Debug` shows no password.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user@host:port/database`, with `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `host` (for a
    /// directory of sockets), `port`, `user`, `dbname` or `application_name` behind a `?`.
    pub url: String,
    /// The password, where the URL has none. Where neither has one, `PGPASSWORD` and `.pgpass` are asked.
    pub password: Option<String>,
    /// The schema that holds one issuer's records. Made when it is not there.
    pub schema: String,
    /// Connections of this process.
    pub max_connections: u32,
    /// Lets a connection to another machine go unencrypted or to whoever answers, as `sslmode` says.
    pub dangerous_unverified_server: bool,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("database {database}: {rule} ({cause}); {remedy}")]
pub struct OpenError {
    /// The server and the schema, without user and password.
    pub database: String,
    /// The rule that was not met.
    pub rule: &'static str,
    /// What was found.
    pub cause: String,
    /// What mends it.
    pub remedy: &'static str,
}

impl PostgresOptions {
    /// A schema of the database at `url`, with few connections and a verified server.
    #[must_use]
    pub fn new(url: impl Into<String>, schema: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
            schema: schema.into(),
            max_connections: 10,
            dangerous_unverified_server: false,
        }
    }

    /// What the driver needs, after everything has been looked at that it would take without a word.
    pub(super) fn to_driver(&self) -> Result<PgConnectOptions, OpenError> {
        self.require_schema_name()?;
        if self.max_connections == 0 {
            let remedy = "set `max_connections` to 1 or more; 10 is a good start";
            return Err(self.refused("must have connections", "`max_connections` is 0", remedy));
        }
        let url = self.require_url()?;
        let options = PgConnectOptions::from_str(&self.url)
            .map_err(|_| self.refused(URL_RULE, "a part of it can't be read", URL_REMEDY))?;
        let options = match &self.password {
            Some(password) => options.password(password),
            None => options,
        };
        let options = self.require_verified_server(&url, options)?;
        let application = options.get_application_name().unwrap_or("bindery").to_owned();
        Ok(options
            .application_name(&application)
            .options([
                ("search_path", self.schema.as_str()),
                ("client_min_messages", "warning"),
                // What atomic statements promise here, they promise at this level.
                ("default_transaction_isolation", "read committed"),
                ("default_transaction_read_only", "off"),
                ("statement_timeout", "5s"),
                ("lock_timeout", "5s"),
                ("idle_in_transaction_session_timeout", "10s"),
            ])
            .disable_statement_logging())
    }

    /// Whether the URL itself holds a password.
    #[must_use]
    pub fn holds_password(&self) -> bool {
        Url::parse(&self.url).is_ok_and(|url| url.password().is_some())
    }

    /// The server, its database and the schema, for people: without user, password and parameters.
    #[must_use]
    pub fn name(&self) -> String {
        let place = Url::parse(&self.url).ok().and_then(|url| {
            let host = url.query_pairs().find(|(name, _)| name == "host").map(|(_, host)| host.into_owned());
            let host = host.or_else(|| url.host_str().map(str::to_owned))?;
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            Some(format!("{host}{port}{}", url.path()))
        });
        format!("`{}` schema `{}`", place.as_deref().unwrap_or("?"), self.schema)
    }

    pub(super) fn refused(
        &self,
        rule: &'static str,
        cause: impl fmt::Display,
        remedy: &'static str,
    ) -> OpenError {
        OpenError { database: self.name(), rule, cause: cause.to_string(), remedy }
    }

    /// The name goes into statements that know no parameters, so it is a plain one.
    fn require_schema_name(&self) -> Result<(), OpenError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let bytes = self.schema.as_bytes();
        let begins_well = bytes.first().is_some_and(|first| !first.is_ascii_digit());
        if begins_well
            && bytes.len() <= 63
            && bytes.iter().copied().all(plain)
            && !self.schema.starts_with("pg_")
        {
            return Ok(());
        }
        Err(self.refused(
            "a schema's name must be 1 to 63 of a-z, 0-9 and _, without a digit or `pg_` in front",
            "it is another",
            "name the issuer's own schema, such as `bindery`",
        ))
    }

    fn require_url(&self) -> Result<Url, OpenError> {
        let url = Url::parse(&self.url).map_err(|error| self.refused(URL_RULE, error, URL_REMEDY))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(self.refused(URL_RULE, "its scheme is another", URL_REMEDY));
        }
        for (name, _) in url.query_pairs() {
            if !PARAMETERS.contains(&&*name) {
                return Err(self.refused(
                    URL_RULE,
                    format_args!("it has the parameter {name:?}"),
                    URL_REMEDY,
                ));
            }
        }
        Ok(url)
    }

    /// To another machine, a connection is encrypted and the server has shown who it is.
    fn require_verified_server(
        &self,
        url: &Url,
        options: PgConnectOptions,
    ) -> Result<PgConnectOptions, OpenError> {
        let host = options.get_host();
        let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let here = options.get_socket().is_some() || host.starts_with('/') || host == "localhost" || loopback;
        if here || self.dangerous_unverified_server {
            return Ok(options);
        }
        if !url.query_pairs().any(|(name, _)| name == "sslmode") {
            return Ok(options.ssl_mode(PgSslMode::VerifyFull));
        }
        match options.get_ssl_mode() {
            PgSslMode::VerifyFull => Ok(options),
            mode => Err(self.refused(
                "the server of another machine must show a certificate with its name",
                format_args!("`sslmode` is {mode:?}"),
                "leave `sslmode` out or set it to `verify-full`, and name the authority by `sslrootcert`; or say \
                 `dangerous_unverified_server = true`",
            )),
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("database", &self.name())
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// What may stand behind the `?`: what the driver understands and this store doesn't set itself.
const PARAMETERS: [&str; 9] =
    ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "dbname", "application_name"];
const URL_RULE: &str = "its URL must be `postgres://user@host:port/database`, with known parameters";
const URL_REMEDY: &str = "see `[store]` in docs/configuration.md";

/// How long a call waits for a connection.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
