//! A posture for people: one screen for each issuer.

use std::fmt;

use bindery_core::oauth::client_metadata::format_day;
use bindery_core::time::UnixTime;
use serde_json::Value;

use super::IssuerPosture;

impl fmt::Display for IssuerPosture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.issuer)?;
        let mut line = |name: &str, value: String| match value.is_empty() {
            true => Ok(()),
            false => writeln!(f, "  {name:<22} {value}"),
        };
        line("profile", self.profile.clone())?;
        line("sender constraints", self.confirmations())?;
        line("grant types", self.grant_types.join(" "))?;
        for (name, algorithms) in &self.algorithms {
            line(&name.replace('_', " "), algorithms.join(" "))?;
        }
        for (name, value) in &self.rules {
            if !["profile", "sender_constraints"].contains(&name.as_str()) {
                line(&name.replace('_', " "), plain(value))?;
            }
        }
        for (name, seconds) in &self.lifetimes {
            line(&name.replace('_', " "), format!("{seconds} s"))?;
        }
        let counts = |counts: &std::collections::BTreeMap<String, u64>| {
            counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        let clients = &self.clients;
        let strange =
            if clients.unusable > 0 { format!(", {} unusable", clients.unusable) } else { String::new() };
        line("clients", format!("{} enabled, {} disabled{strange}", clients.enabled, clients.disabled))?;
        line("  disabled by hand", clients.barred.join(" "))?;
        line("  by constraint", counts(&clients.by_sender_constraint))?;
        line("  by authentication", counts(&clients.by_authentication))?;
        for exception in &self.exceptions {
            let whose =
                exception.client_id.as_deref().unwrap_or("every confidential client without constraint");
            line(
                "exception",
                format!(
                    "{whose}, until {}: {}",
                    format_day(UnixTime::from_seconds(exception.until)),
                    exception.reason
                ),
            )?;
        }
        for risk in &self.risks {
            line("risk", format!("{}: {}; {}", risk.name, risk.meaning, risk.remedy))?;
        }
        Ok(())
    }
}

impl IssuerPosture {
    /// One line: what an operator wants to see at every start.
    #[must_use]
    pub fn summary(&self) -> String {
        let plural =
            |count: usize, thing: &str| format!("{count} {thing}{}", if count == 1 { "" } else { "s" });
        format!(
            "{} serves {}: {}; {} clients; {}, {}",
            self.issuer,
            self.profile,
            self.confirmations(),
            self.clients.enabled,
            plural(self.exceptions.len(), "exception"),
            plural(self.risks.len(), "risk"),
        )
    }

    fn confirmations(&self) -> String {
        let dpop = self.dpop.as_ref().map(|dpop| {
            format!(
                "dpop (nonce {}, {} s past, {} s future, replay memory: {})",
                dpop.nonce, dpop.past, dpop.future, dpop.replay
            )
        });
        let mtls = self.rules.get("sender_constraints").and_then(|rules| rules.get("mtls"));
        let mtls = (mtls == Some(&Value::Bool(true))).then(|| {
            if self.takes_certificates { "mtls" } else { "mtls (no certificate can arrive)" }.to_owned()
        });
        dpop.into_iter().chain(mtls).collect::<Vec<_>>().join(", ")
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
