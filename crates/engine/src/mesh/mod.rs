//! The check for opt-outs as messages: numbers to be asked about in, answers in the register out, by way of a mailbox of MESH.
//!
//! [`client`] speaks the public MESH API (<https://digital.nhs.uk/developer/api-catalogue/message-exchange-for-social-care-and-health-api>),
//! [`exchange`] says what is sent, awaited and acknowledged when. Invariants: a message is acknowledged only after what came of it
//! is durable; an answer is taken for the question that it names and no other; the same answer a second time changes nothing; no
//! secret and no number is in an error, the log or a `Debug`.

mod client;
mod exchange;

pub use client::{Mailbox, MailboxOptions, Secrets};
pub use exchange::{Exchange, Exchanged, exchange};
