//! The templates of the pages: those of the house, in whose place an operator may put others of the same
//! name. Everything put into a template is escaped; what a template names must be there. All are compiled
//! and rendered with sample values at start, so a broken one never meets a person.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, context};

use super::locale::{Languages, Locale};
use super::model::Page;
use super::samples;
use crate::configuration::{ConfigurationInvalid, invalid};

/// The built-in templates.
const TEMPLATES: [(&str, &str); 11] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("login.html", include_str!("templates/login.html")),
    ("consent.html", include_str!("templates/consent.html")),
    ("error.html", include_str!("templates/error.html")),
    ("device.html", include_str!("templates/device.html")),
    ("device_confirm.html", include_str!("templates/device_confirm.html")),
    ("done.html", include_str!("templates/done.html")),
    ("logout.html", include_str!("templates/logout.html")),
    ("form_post.html", include_str!("templates/form_post.html")),
    ("account.html", include_str!("templates/account.html")),
];

/// Files that pages load, by name.
const ASSETS: [(&str, &str); 3] = [
    ("style.css", include_str!("assets/style.css")),
    ("passkey.js", include_str!("assets/passkey.js")),
    ("form_post.js", include_str!("assets/form_post.js")),
];

/// Which files of an operator's `assets` directory are served, and as what. Nothing that runs: scripts are
/// ours alone.
const MEDIA_TYPES: [(&str, &str); 6] = [
    ("css", "text/css; charset=utf-8"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
    ("ico", "image/x-icon"),
];

/// The longest template or asset, in bytes.
const MAXIMUM_FILE: u64 = 1024 * 1024;

/// A file that pages load.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    pub(crate) media_type: &'static str,
    pub(crate) content: Bytes,
}

/// The compiled templates and the assets.
pub(crate) struct Templates {
    environment: Environment<'static>,
    assets: BTreeMap<String, Asset>,
    /// The path of the assets, and the host that pages name at their foot.
    assets_path: String,
    issuer_host: String,
}

/// A page that can't be rendered: a template that passed at start and fails now.
#[derive(Debug)]
pub(crate) struct PageBroken(pub(crate) String);

impl Templates {
    pub(crate) fn load(
        directory: Option<&Path>,
        languages: &Languages,
        assets_path: String,
        issuer_host: String,
    ) -> Result<Self, ConfigurationInvalid> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Whatever a file is called, it becomes HTML.
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_recursion_limit(64);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source).map_err(|error| broken(name, &error, None))?;
        }
        let mut assets = BTreeMap::new();
        for (name, content) in ASSETS {
            let media_type =
                if name.ends_with(".css") { MEDIA_TYPES[0].1 } else { "text/javascript; charset=utf-8" };
            let content = Bytes::from_static(content.as_bytes());
            assets.insert(name.to_owned(), Asset { media_type, content });
        }
        if let Some(directory) = directory {
            override_templates(&mut environment, directory)?;
            override_assets(&mut assets, &directory.join("assets"))?;
        }
        let templates = Self { environment, assets, assets_path, issuer_host };
        for (name, sample) in samples::all() {
            for locale in languages.all() {
                let rendered = templates.render_value(name, &sample, locale);
                let html = rendered.map_err(|error| broken(name, &error, directory))?;
                require_escaping(name, &html, directory)?;
            }
        }
        Ok(templates)
    }

    /// Renders a page.
    pub(crate) fn render<P: Page>(&self, page: &P, locale: &Locale) -> Result<String, PageBroken> {
        let value = Value::from(Serde(page));
        self.render_value(P::TEMPLATE, &value, locale).map_err(|error| PageBroken(chain(&error)))
    }

    /// The asset of that name.
    pub(crate) fn asset(&self, name: &str) -> Option<&Asset> {
        self.assets.get(name)
    }

    fn render_value(&self, name: &str, page: &Value, locale: &Locale) -> Result<String, minijinja::Error> {
        let texts = Arc::clone(locale);
        let translate = move |key: String, values: Kwargs| -> Result<String, minijinja::Error> {
            let values: Vec<(String, String)> = values
                .args()
                .map(|name| Ok((name.to_owned(), values.get::<Value>(name)?.to_string())))
                .collect::<Result<_, minijinja::Error>>()?;
            let pairs: Vec<(&str, &str)> =
                values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            texts.fill(&key, &pairs).ok_or_else(|| {
                let reason = format!("there is no text {key:?}, or it wants other values");
                minijinja::Error::new(ErrorKind::InvalidOperation, reason)
            })
        };
        self.environment.get_template(name)?.render(context! {
            t => Value::from_function(translate),
            language => locale.language.as_str(),
            direction => locale.direction(),
            assets => self.assets_path.as_str(),
            issuer_host => self.issuer_host.as_str(),
            ..page.clone()
        })
    }
}

fn override_templates(
    environment: &mut Environment<'static>,
    directory: &Path,
) -> Result<(), ConfigurationInvalid> {
    let option = "people.templates";
    let entries = std::fs::read_dir(directory).map_err(|error| {
        let rule = format!("the directory can't be read: {error}");
        invalid(option, directory.display(), rule, "make it, or remove the option")
    })?;
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        let source = String::from_utf8(read(&path)?)
            .map_err(|_| invalid(option, path.display(), "it is not UTF-8", "save it as UTF-8"))?;
        environment
            .add_template_owned(name.clone(), source)
            .map_err(|error| broken(&name, &error, Some(directory)))?;
    }
    Ok(())
}

fn override_assets(
    assets: &mut BTreeMap<String, Asset>,
    directory: &Path,
) -> Result<(), ConfigurationInvalid> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let known = MEDIA_TYPES.iter().find(|(known, _)| *known == extension);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let Some((_, media_type)) = known.filter(|_| name.bytes().all(plain)) else {
            let rule = "pages load .css, .png, .jpg, .webp, .woff2 and .ico files with plain names alone";
            return Err(invalid("people.templates", path.display(), rule, "remove or rename it"));
        };
        assets.insert(name, Asset { media_type, content: read(&path)?.into() });
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigurationInvalid> {
    let wrong =
        |rule: String| invalid("people.templates", path.display(), rule, "mend the file, or remove it");
    let length = std::fs::metadata(path).map_err(|error| wrong(format!("it can't be read: {error}")))?.len();
    if length > MAXIMUM_FILE {
        return Err(wrong(format!("it has more than {MAXIMUM_FILE} bytes")));
    }
    std::fs::read(path).map_err(|error| wrong(format!("it can't be read: {error}")))
}

/// A template that marks a value as safe would show a stranger's HTML.
fn require_escaping(name: &str, html: &str, directory: Option<&Path>) -> Result<(), ConfigurationInvalid> {
    if html.contains(samples::HOSTILE) || html.contains("<script>alert") {
        let rule = format!("{name} shows values without escaping them");
        let place = directory.map(|directory| directory.display().to_string()).unwrap_or_default();
        return Err(invalid("people.templates", place, rule, "remove the filter `safe` from it"));
    }
    Ok(())
}

fn broken(name: &str, error: &minijinja::Error, directory: Option<&Path>) -> ConfigurationInvalid {
    let place = directory.map(|directory| directory.display().to_string()).unwrap_or_default();
    let rule = format!("{name} can't be rendered: {}", chain(error));
    invalid("people.templates", place, rule, "mend the template, or remove it to have the built-in one")
}

fn chain(error: &minijinja::Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
#[path = "templates_tests.rs"]
mod tests;
