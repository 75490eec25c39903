//! The demo: a stage (servers, certificates, clients), a play in two acts, and its report. Nothing is
//! mocked: every line of the report is an HTTPS request that was sent and the answer that came back.

mod actors;
mod certificates;
mod forgery;
mod hand_over;
mod person;
mod play;
mod report;
mod stage;
mod thefts;
mod thefts_of_grants;

pub(crate) use hand_over::hand_over;
pub(crate) use play::Play;
pub(crate) use stage::Stage;
