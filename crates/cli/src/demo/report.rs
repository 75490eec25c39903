//! What the play looked like: lines for people, one document for machines. Every line is an observation;
//! the verdict is computed from what came back, never assumed.

use std::io::{self, Write};

use serde_json::{Value, json};

/// A legitimate call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) who: &'static str,
    pub(crate) what: String,
    pub(crate) came_back: String,
    pub(crate) worked: bool,
}

/// One theft at one door.
#[derive(Clone, Debug)]
pub(crate) struct Theft {
    /// A stable name for machines.
    pub(crate) name: &'static str,
    /// What the thief did, for people.
    pub(crate) tried: &'static str,
    /// Where: `layer`, `gateway` or `token endpoint`.
    pub(crate) door: &'static str,
    pub(crate) answer: Answer,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) error: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) description: Option<String>,
    /// Whether the application behind the guard saw the request, or a token was issued.
    pub(crate) got_through: bool,
}

impl Theft {
    /// A theft has failed when it was refused by name: a network error, a 404 or a 500 proves nothing.
    pub(crate) fn failed(&self) -> bool {
        !self.answer.got_through
            && matches!(self.answer.status, 400 | 401 | 403)
            && self.answer.error.is_some()
    }

    fn line(&self) -> String {
        let Answer { status, error, description, .. } = &self.answer;
        format!(
            "{} {status} {:<20} {}",
            if self.failed() { "refused" } else { "SUCCEEDED" },
            error.as_deref().unwrap_or("(no error)"),
            description.as_deref().unwrap_or_default(),
        )
    }
}

/// Prints the thefts, grouped by what was tried.
pub(crate) fn print_thefts(thefts: &[Theft], out: &mut dyn Write) -> io::Result<()> {
    let mut previous = "";
    for theft in thefts {
        if theft.tried != previous {
            writeln!(out, "\n  {}", theft.tried)?;
            previous = theft.tried;
        }
        writeln!(out, "    {:<15} {}", theft.door, theft.line())?;
    }
    Ok(())
}

/// Prints legitimate calls.
pub(crate) fn print_calls(calls: &[Call], out: &mut dyn Write) -> io::Result<()> {
    for call in calls {
        let mark = if call.worked { "ok  " } else { "FAIL" };
        writeln!(out, "  {mark} {:<16} {:<54} {}", call.who, call.what, call.came_back)?;
    }
    Ok(())
}

pub(crate) fn theft_json(theft: &Theft) -> Value {
    json!({
        "name": theft.name,
        "tried": theft.tried,
        "door": theft.door,
        "status": theft.answer.status,
        "error": theft.answer.error,
        "reason": theft.answer.reason,
        "description": theft.answer.description,
        "refused": theft.failed(),
    })
}

pub(crate) fn call_json(call: &Call) -> Value {
    json!({ "who": call.who, "what": call.what, "came_back": call.came_back, "worked": call.worked })
}
