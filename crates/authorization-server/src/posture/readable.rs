//! A posture for people: one screen for each issuer.

use std::fmt;

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
        line("  by constraint", counts(&clients.by_sender_constraint))?;
        line("  by authentication", counts(&clients.by_authentication))?;
        for exception in &self.exceptions {
            let whose =
                exception.client_id.as_deref().unwrap_or("every confidential client without constraint");
            line("exception", format!("{whose}, until {}: {}", day(exception.until), exception.reason))?;
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

/// The day of a time, UTC (the inverse of `parse_day`; days since 1970-01-01 in years that start in March).
fn day(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400).saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use bindery_core::oauth::client_metadata::parse_day;

    #[test]
    fn days_read_as_they_were_written() {
        for text in ["1970-01-01", "2000-02-29", "2026-12-31", "1969-12-31", "2027-06-30", "2100-03-01"] {
            assert_eq!(super::day(parse_day(text).unwrap().as_seconds()), text);
        }
    }
}
