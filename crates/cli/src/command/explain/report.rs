//! The explanation in print: aligned text that needs no colour, or one JSON object. One line per check, then the
//! likely causes, then the conclusion.

use std::io::{self, Write};

use bindery_core::explain::{Explanation, Finding, Missing, Verdict, moment};
use bindery_core::time::UnixTime;
use serde_json::{Value, json};

/// Where the time comes from that everything is held against.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NowSource {
    Given,
    Answer,
    Clock,
}

impl NowSource {
    const fn text(self) -> &'static str {
        match self {
            Self::Given => "as given with --now",
            Self::Answer => "the Date of the captured answer",
            Self::Clock => "this machine's clock",
        }
    }
}

/// Everything that is printed.
pub(super) struct Report {
    pub(super) title: String,
    pub(super) explanation: Explanation,
    pub(super) now: UnixTime,
    pub(super) now_source: NowSource,
}

/// How to let a check be made that was not.
const fn give(missing: Missing) -> Option<&'static str> {
    Some(match missing {
        Missing::Method => "--method METHOD",
        Missing::Target => "--url URL",
        Missing::AccessToken => "--access-token TOKEN",
        Missing::Keys => "--jwks FILE",
        Missing::Issuer => "--issuer ISSUER",
        Missing::Audience => "--audience AUDIENCE",
        Missing::Certificate => "--certificate FILE",
        _ => return None,
    })
}

const fn mark(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "ok",
        Verdict::Fails(_) => "FAIL",
        Verdict::NotChecked(_) => "--",
    }
}

impl Report {
    fn time(&self) -> String {
        let said = moment(self.now, self.now);
        said.trim_end_matches(" (now)").to_owned()
    }

    /// Writes the text.
    pub(super) fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let explanation = &self.explanation;
        writeln!(out, "{}", self.title)?;
        writeln!(out, "held against {} ({})", self.time(), self.now_source.text())?;
        for hint in explanation.hints.iter().filter(|hint| hint.grave) {
            writeln!(out, "\n!!! {}", hint.text)?;
        }
        for part in &explanation.decoded {
            let title = match part.part {
                "certificate" => "certificate (not verified)".to_owned(),
                name => format!("{} {name} (not verified by being shown)", part.subject.name()),
            };
            writeln!(out, "\n{title}")?;
            let width = part.members.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            for (name, value) in &part.members {
                writeln!(out, "  {name:width$}  {value}")?;
            }
        }
        self.write_checks(out)?;
        let hints: Vec<_> = explanation.hints.iter().filter(|hint| !hint.grave).collect();
        if !hints.is_empty() {
            writeln!(out, "\nhints")?;
            for hint in hints {
                writeln!(out, "  * {}", hint.text)?;
            }
        }
        writeln!(out)?;
        for line in self.conclusion() {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn write_checks(&self, out: &mut dyn Write) -> io::Result<()> {
        let findings = &self.explanation.findings;
        let width = findings.iter().map(|finding| finding.rule.chars().count()).max().unwrap_or(0);
        let mut subject = None;
        for finding in findings {
            if subject != Some(finding.subject) {
                subject = Some(finding.subject);
                writeln!(out, "\n{} checks", finding.subject.name())?;
            }
            let more = match &finding.verdict {
                Verdict::NotChecked(missing) => {
                    give(*missing).map_or_else(String::new, |give| format!(" [{give}]"))
                }
                _ => String::new(),
            };
            let rule = finding.rule;
            writeln!(out, "  {:4}  {rule:width$}  {}{more}", mark(&finding.verdict), finding.what)?;
        }
        Ok(())
    }

    fn kind(&self) -> &'static str {
        match self.title.split(' ').next() {
            Some("Request") => "request",
            Some("DPoP") => "proof",
            _ => "token",
        }
    }

    fn conclusion(&self) -> Vec<String> {
        let explanation = &self.explanation;
        let kind = self.kind();
        let failed = explanation
            .findings
            .iter()
            .filter(|finding| matches!(finding.verdict, Verdict::Fails(_)))
            .count();
        if let Some(rejection) = explanation.rejection() {
            let mut lines = vec![
                format!("This {kind} would be refused: {} ({})", rejection.sentence(), rejection.reason()),
                format!("Mend: {}", rejection.remedy()),
            ];
            if failed > 1 {
                lines.push(match failed - 1 {
                    1 => "After that one more of the checks above fails.".to_owned(),
                    more => format!("After that {more} more of the checks above fail."),
                });
            }
            return lines;
        }
        let open: Vec<_> = explanation.findings.iter().filter_map(open).collect();
        if open.is_empty() {
            return vec![format!("Everything holds: this {kind} would be accepted.")];
        }
        let mut options: Vec<_> = open.iter().filter_map(|missing| give(*missing)).collect();
        options.dedup();
        let mut lines = vec![format!(
            "Nothing that could be checked fails; {} {} not checked, so this is no promise that the {kind} is accepted.",
            open.len(),
            if open.len() == 1 { "rule was" } else { "rules were" }
        )];
        if !options.is_empty() {
            lines.push(format!("To check more, give {}.", options.join(", ")));
        }
        lines
    }

    /// Writes one JSON object.
    pub(super) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let explanation = &self.explanation;
        let rejection = explanation.rejection();
        let decoded: Vec<_> = explanation
            .decoded
            .iter()
            .map(|part| {
                let members: Vec<_> =
                    part.members.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
                json!({"subject": part.subject.name(), "part": part.part, "members": members})
            })
            .collect();
        let hints: Vec<_> = explanation
            .hints
            .iter()
            .map(|hint| json!({"name": hint.name, "grave": hint.grave, "text": hint.text}))
            .collect();
        let object = json!({
            "explained": self.kind(),
            "now": self.now.as_seconds(),
            "verdict": if rejection.is_some() { "refused" } else { "nothing_fails" },
            "reason": rejection.map(|rejection| rejection.reason()),
            "sentence": rejection.map(|rejection| rejection.sentence()),
            "remedy": rejection.map(|rejection| rejection.remedy()),
            "findings": explanation.findings.iter().map(finding).collect::<Vec<_>>(),
            "decoded": decoded,
            "hints": hints,
        });
        writeln!(out, "{object:#}")
    }
}

fn open(finding: &Finding) -> Option<Missing> {
    match finding.verdict {
        Verdict::NotChecked(missing) => Some(missing),
        Verdict::Holds | Verdict::Fails(_) => None,
    }
}

fn finding(finding: &Finding) -> Value {
    let (verdict, reason, missing) = match &finding.verdict {
        Verdict::Holds => ("holds", None, None),
        Verdict::Fails(rejection) => ("fails", Some(rejection.reason()), None),
        Verdict::NotChecked(missing) => ("not_checked", None, Some(*missing)),
    };
    json!({
        "rule": finding.rule,
        "subject": finding.subject.name(),
        "verdict": verdict,
        "reason": reason,
        "missing": missing.map(Missing::name),
        "give": missing.and_then(give),
        "what": finding.what,
        "remedy": finding.remedy(),
    })
}
