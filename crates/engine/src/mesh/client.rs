//! A mailbox of MESH by HTTP: requests in, messages out.
//!
//! Invariants: each request bears a token that is good once (HMAC-SHA256 over mailbox, nonce, count, password and minute under the
//! shared key); without TLS a server is spoken to on this machine alone; what is received has a bound.

use crate::error::EngineError;
use crate::keys::guarded;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Identity, Method, StatusCode, Url};
use ring::hmac;
use serde::Deserialize;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

const CONNECT: Duration = Duration::from_secs(10);
/// A chunk of 100 MB at 3 Mbit/s takes 270 s.
const WHOLE_REQUEST: Duration = Duration::from_mins(10);
const JSON: &str = "application/vnd.mesh.v2+json";
/// Answers to requests that are no messages are short.
const ANSWER_BYTES_MAX: usize = 1 << 22;

/// What a mailbox and its server know each other by.
pub struct Secrets {
    password: Zeroizing<String>,
    shared_key: Zeroizing<String>,
}

/// A file of secrets.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SecretsFile {
    password: String,
    shared_key: String,
}

impl Secrets {
    /// The environment's variables that hold them.
    pub const VARIABLES: [&'static str; 2] = ["CAREDATA_MESH_PASSWORD", "CAREDATA_MESH_SHARED_KEY"];

    /// Reads them from a file of two lines, `password = "…"` and `shared-key = "…"`, that nobody else may read; from the
    /// environment where no file is named.
    ///
    /// # Errors
    /// [`EngineError::Mesh`] where there are none, [`EngineError::KeysTooOpen`], [`EngineError::Io`]; nothing of them is repeated.
    pub fn read(file: Option<&Path>) -> Result<Self, EngineError> {
        let Some(path) = file else {
            let [password, shared_key] = Self::VARIABLES.map(|name| std::env::var(name).ok().map(Zeroizing::new));
            let missing = "neither --secrets nor both CAREDATA_MESH_PASSWORD and CAREDATA_MESH_SHARED_KEY are there";
            let (password, shared_key) =
                password.zip(shared_key).ok_or_else(|| fault("reading its secrets", missing))?;
            return Ok(Self { password, shared_key });
        };
        guarded(path)?;
        let text = Zeroizing::new(fs::read_to_string(path).map_err(EngineError::io("reading", path))?);
        let broken = "the file of secrets is not two lines, password = \"…\" and shared-key = \"…\"";
        let SecretsFile { password, shared_key } =
            toml::from_str(&text).map_err(|_| fault("reading its secrets", broken))?;
        Ok(Self { password: Zeroizing::new(password), shared_key: Zeroizing::new(shared_key) })
    }

    /// The token of one request.
    fn token(&self, mailbox: &str, nonce: &str, count: u32, minute: &str) -> String {
        let said = Zeroizing::new(format!("{mailbox}:{nonce}:{count}:{}:{minute}", self.password.as_str()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.shared_key.as_bytes());
        let mut token = format!("NHSMESH {mailbox}:{nonce}:{count}:{minute}:");
        for byte in hmac::sign(&key, said.as_bytes()).as_ref() {
            let _ = write!(token, "{byte:02x}");
        }
        token
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(withheld)")
    }
}

/// Where a mailbox is, and how its server is known.
#[derive(Clone, Debug)]
pub struct MailboxOptions {
    /// The server, `https://…`; `http://` on this machine alone.
    pub server: String,
    /// The mailbox.
    pub mailbox: String,
    /// A PEM file with this side's certificate and private key, where the server asks for one.
    pub identity: Option<PathBuf>,
    /// A PEM file with the authority that signed the server's certificate, where the system does not know it.
    pub authority: Option<PathBuf>,
}

/// A mailbox that can be sent from and looked into.
pub struct Mailbox {
    client: Client,
    runtime: Runtime,
    folder: String,
    id: String,
    secrets: Secrets,
    nonce: String,
    requests: u32,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is said of a message that waits in the mailbox.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// The name that the sender of what it answers gave that.
    pub(super) local_id: String,
    /// Who sent it, and under which workflow.
    pub(super) from: String,
    pub(super) workflow: String,
    /// A report of the server's, not a message of somebody's; with its words where it tells of a failure.
    pub(super) failure: Option<String>,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

pub(super) fn fault(doing: &'static str, what: impl Into<String>) -> EngineError {
    EngineError::Mesh { doing, what: what.into() }
}

impl Mailbox {
    /// A mailbox; nothing is sent yet.
    ///
    /// # Errors
    /// [`EngineError::Mesh`] where the server or mailbox is none that can be spoken to, [`EngineError::Io`].
    pub fn open(options: &MailboxOptions, secrets: Secrets) -> Result<Self, EngineError> {
        let doing = "opening the mailbox";
        let url = Url::parse(&options.server).map_err(|_| fault(doing, "the server's address is no URL"))?;
        let here = ["localhost", "127.0.0.1", "[::1]"].contains(&url.host_str().unwrap_or_default());
        if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            return Err(fault(doing, "the server is not spoken to by https; without it only one on this machine is"));
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if options.mailbox.is_empty() || options.mailbox.len() > 100 || !options.mailbox.bytes().all(fits) {
            return Err(fault(doing, "the mailbox's id is not letters and digits"));
        }
        let mut client = Client::builder().connect_timeout(CONNECT).timeout(WHOLE_REQUEST).no_proxy();
        client = client.redirect(reqwest::redirect::Policy::none());
        if let Some(path) = &options.authority {
            let pem = fs::read(path).map_err(EngineError::io("reading", path))?;
            let authority =
                Certificate::from_pem(&pem).map_err(|_| fault(doing, "the authority is no PEM certificate"))?;
            client = client.add_root_certificate(authority);
        }
        if let Some(path) = &options.identity {
            guarded(path)?;
            let pem = Zeroizing::new(fs::read(path).map_err(EngineError::io("reading", path))?);
            let what = "the identity is no PEM file with a certificate and its key";
            client = client.identity(Identity::from_pem(&pem).map_err(|_| fault(doing, what))?);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let mut nonce = [0_u8; 16];
        getrandom::fill(&mut nonce).map_err(|_| EngineError::NoRandomness)?;
        Ok(Self {
            client: client.build().map_err(|_| fault(doing, "its certificates cannot be used"))?,
            runtime: runtime.map_err(EngineError::io("starting a thread for", "the mailbox"))?,
            folder: format!("{}/messageexchange/{}", options.server.trim_end_matches('/'), options.mailbox),
            id: options.mailbox.clone(),
            secrets,
            nonce: crate::audit::hexadecimal(&nonce),
            requests: 0,
        })
    }

    /// Sends a message to a mailbox, in as many chunks as it needs; the server's name for it.
    pub(super) fn send(
        &mut self,
        to: &str,
        (workflow, local_id): (&str, &str),
        body: &[u8],
        chunk_bytes: usize,
    ) -> Result<String, EngineError> {
        #[derive(Deserialize)]
        struct Sent {
            message_id: String,
        }
        let doing = "sending the question";
        let chunks: Vec<&[u8]> = body.chunks(chunk_bytes.max(1)).collect();
        let mut message = String::new();
        for (at, chunk) in (1..).zip(&chunks) {
            let range = format!("{at}:{}", chunks.len());
            let mut headers = vec![("mex-chunk-range", range.as_str()), ("content-type", "text/plain")];
            let path = if at == 1 {
                headers.extend([("mex-to", to), ("mex-workflowid", workflow), ("mex-localid", local_id)]);
                "outbox".to_owned()
            } else {
                format!("outbox/{message}/{at}")
            };
            let answer = self.ask(doing, (Method::POST, &path), &headers, Some(chunk), ANSWER_BYTES_MAX)?;
            if at == 1 {
                let sent: Sent = serde_json::from_slice(&answer.body)
                    .map_err(|_| fault(doing, "the server did not say under which name it took the message"))?;
                message = sent.message_id;
                is_message_id(doing, &message)?;
            }
        }
        Ok(message)
    }

    /// The names of the messages of a workflow that wait, the oldest first; 5,000 at a time.
    pub(super) fn waiting(&mut self, workflow: &str) -> Result<Vec<String>, EngineError> {
        #[derive(Deserialize)]
        struct Inbox {
            messages: Vec<String>,
        }
        let doing = "looking into the mailbox";
        let path = format!("inbox?max_results=5000&workflow_filter={workflow}*");
        let answer = self.ask(doing, (Method::GET, &path), &[], None, ANSWER_BYTES_MAX)?;
        let inbox: Inbox =
            serde_json::from_slice(&answer.body).map_err(|_| fault(doing, "the server's list cannot be read"))?;
        inbox.messages.iter().try_for_each(|message| is_message_id(doing, message))?;
        Ok(inbox.messages)
    }

    /// Whether it bears this name.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name.trim())
    }

    /// What is said of a message.
    pub(super) fn head(&mut self, message: &str) -> Result<Head, EngineError> {
        let doing = "looking at a message";
        let answer = self.ask(doing, (Method::HEAD, &format!("inbox/{message}")), &[], None, ANSWER_BYTES_MAX)?;
        let text = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_report = text("mex-messagetype").eq_ignore_ascii_case("REPORT")
            || text("mex-statussuccess").eq_ignore_ascii_case("ERROR");
        let failure = is_report.then(|| format!("{} {}", text("mex-statuscode"), text("mex-statusdescription")));
        Ok(Head {
            local_id: text("mex-localid").to_owned(),
            from: text("mex-from").to_owned(),
            workflow: text("mex-workflowid").to_owned(),
            failure,
        })
    }

    /// A message's bytes, at most so many.
    pub(super) fn receive(&mut self, message: &str, bytes_max: usize) -> Result<Vec<u8>, EngineError> {
        let doing = "receiving an answer";
        let (mut bytes, mut chunk) = (Vec::new(), 1);
        loop {
            let path = if chunk == 1 { format!("inbox/{message}") } else { format!("inbox/{message}/{chunk}") };
            let answer = self.ask(doing, (Method::GET, &path), &[], None, bytes_max - bytes.len())?;
            bytes.extend_from_slice(&answer.body);
            if answer.status != StatusCode::PARTIAL_CONTENT {
                return Ok(bytes);
            }
            if answer.body.is_empty() {
                return Err(fault(doing, "the server goes on with parts that hold nothing"));
            }
            chunk += 1;
        }
    }

    /// Tells the server that a message need not be kept.
    pub(super) fn acknowledge(&mut self, message: &str) -> Result<(), EngineError> {
        let path = format!("inbox/{message}/status/acknowledged");
        self.ask("acknowledging a message", (Method::PUT, &path), &[], None, ANSWER_BYTES_MAX).map(|_| ())
    }

    /// One request and its answer.
    fn ask(
        &mut self,
        doing: &'static str,
        (method, path): (Method, &str),
        headers: &[(&'static str, &str)],
        body: Option<&[u8]>,
        bytes_max: usize,
    ) -> Result<Answer, EngineError> {
        let minute = jiff::Timestamp::now().strftime("%Y%m%d%H%M").to_string();
        let token = self.secrets.token(&self.id, &self.nonce, self.requests, &minute);
        self.requests += 1;
        let mut all = HeaderMap::new();
        let common = [
            ("accept", JSON),
            ("authorization", token.as_str()),
            ("mex-clientversion", concat!("caredata/", env!("CARGO_PKG_VERSION"))),
            ("mex-osname", std::env::consts::OS),
            ("mex-osversion", "0"),
            ("mex-osarchitecture", std::env::consts::ARCH),
        ];
        for (name, value) in common.iter().chain(headers) {
            let mut value =
                HeaderValue::from_str(value).map_err(|_| fault(doing, "a name holds what no header may hold"))?;
            value.set_sensitive(*name == "authorization");
            all.insert(HeaderName::from_static(name), value);
        }
        let request = self.client.request(method, format!("{}/{path}", self.folder)).headers(all);
        let request = if let Some(body) = body { request.body(body.to_vec()) } else { request };
        self.runtime.block_on(async {
            let lost = |error: reqwest::Error| fault(doing, in_words(&error));
            let mut response = request.send().await.map_err(lost)?;
            let (status, headers) = (response.status(), response.headers().clone());
            if !status.is_success() {
                return Err(fault(doing, refusal(status)));
            }
            let mut body = Vec::new();
            while let Some(part) = response.chunk().await.map_err(lost)? {
                if body.len() + part.len() > bytes_max {
                    return Err(fault(doing, "more came than an answer to the question can have"));
                }
                body.extend_from_slice(&part);
            }
            Ok(Answer { status, headers, body })
        })
    }
}

/// Only what can stand in a path is a message's name.
fn is_message_id(doing: &'static str, id: &str) -> Result<(), EngineError> {
    let fits = !id.is_empty() && id.len() <= 100 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits { Ok(()) } else { Err(fault(doing, "the server gave a message a name that is none")) }
}

/// Why a request got no answer. Without its address, which is the caller's own.
fn in_words(error: &reqwest::Error) -> String {
    let why = if error.is_timeout() {
        "the server did not answer in time"
    } else if error.is_connect() {
        "no connection could be made: the address, the network, or a certificate"
    } else {
        "the connection broke"
    };
    why.to_owned()
}

/// What a server's status means, by the API's documentation.
fn refusal(status: StatusCode) -> String {
    let why = match status.as_u16() {
        400 => "it did not understand the request",
        401 | 403 => "it does not know the mailbox, its password or the shared key, or the clock is off by hours",
        404 => "there is no such message",
        410 => "the message is gone: it was collected, or has expired",
        417 => "it does not know the recipient, or the workflow is not registered for the mailboxes",
        429 => "too many requests",
        500.. => "it failed itself; try later",
        _ => "it refused",
    };
    format!("the server answered {}: {why}", status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        Secrets { password: text("password"), shared_key: text("BackBone") }
    }

    #[test]
    fn the_token_is_the_one_that_the_api_asks_for() {
        // Computed by Python's hmac over `X26ABC1:nonce:0:password:202602011200` under `BackBone`.
        let token = secrets().token("X26ABC1", "nonce", 0, "202602011200");
        let expected =
            "NHSMESH X26ABC1:nonce:0:202602011200:5fdf01b5163742bcb1caf3f4e829856e59dfae4ebdd9bb87ef479a9fdec936fa";
        assert_eq!(token, expected);
        assert_eq!(format!("{:?}", secrets()), "Secrets(withheld)");
    }

    #[test]
    fn without_tls_only_this_machine_is_spoken_to() {
        let open = |server: &str, mailbox: &str| {
            let (server, mailbox) = (server.to_owned(), mailbox.to_owned());
            let options = MailboxOptions { server, mailbox, identity: None, authority: None };
            Mailbox::open(&options, secrets()).map(|_| ())
        };
        assert!(open("http://127.0.0.1:8700", "X26ABC1").is_ok() && open("https://mesh.example", "X26ABC1").is_ok());
        for (server, mailbox) in
            [("http://mesh.example", "A"), ("ftp://localhost", "A"), ("mesh", "A"), ("https://mesh.example", "A/B")]
        {
            assert_eq!(open(server, mailbox).expect_err("refused").code(), "mesh-failed", "{server}");
        }
    }
}
