//! The check for opt-outs by messages, with the public sandbox of MESH in the middle and a script at its other end.

mod common;

use common::{Place, refuses, rows, succeeds};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The national service as far as we see of it: takes the question, leaves every second number out, and answers.
const SERVICE: &str = "
import json, os, sys, time, urllib.request, uuid
from datetime import datetime, timezone
from mesh_sandbox.common import generate_cipher_text
server, way = sys.argv[1], sys.argv[2]
count, nonce = 0, uuid.uuid4().hex
def ask(method, path, headers={}, body=None):
    global count
    stamp = datetime.now(timezone.utc).strftime('%Y%m%d%H%M')
    code = generate_cipher_text('BackBone', 'X26ABC2', 'password', stamp, nonce, str(count))
    token = f'NHSMESH X26ABC2:{nonce}:{count}:{stamp}:{code}'
    count += 1
    headers = {'Authorization': token, 'Accept': 'application/vnd.mesh.v2+json', **headers}
    url = path if path.startswith('http') else f'{server}/messageexchange/X26ABC2/{path}'
    return urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=20)
for turn in range(200):
    messages = json.load(ask('GET', 'inbox'))['messages']
    if messages: break
    time.sleep(0.1)
assert len(messages) == 1, messages
reply = ask('GET', f'inbox/{messages[0]}')
sent, headers = reply.read(), reply.headers
chunks = int(headers['mex-total-chunks'])
for chunk in range(2, chunks + 1):
    sent += ask('GET', f'inbox/{messages[0]}/{chunk}').read()
local, workflow = headers['mex-localid'], headers['mex-workflowid']
assert workflow == 'SPINE_NTT_UPHOLDING', workflow
lines = sent.split(b'\\n')[:-1]
crlf = all(line.endswith(b'\\r') for line in lines)
kept = [line.rstrip(b'\\r') for line in lines[::2]]
ends = b'\\n' if crlf else b'\\r\\n'
body = b''.join(line + ends for line in kept)
if way == 'bad': body = body[:5] + (b'0' if body[5:6] != b'0' else b'1') + body[6:]
if way == 'words': body = b'contains one or more invalid NHS Numbers'
if way == 'report':
    what = {'mailbox_id': 'X26ABC1', 'code': '06', 'description': 'contains one or more invalid NHS Numbers', 'workflow_id': workflow, 'local_id': local, 'status': 'error'}
    ask('POST', f'{server}/messageexchange/admin/report', {'Content-Type': 'application/json'}, json.dumps(what).encode())
else:
    half = len(body) // 2
    parts = [body[:half], body[half:]] if way == 'chunks' else [body]
    for again in range(2 if way == 'twice' else 1):
        for at, part in enumerate(parts, 1):
            path = 'outbox' if at == 1 else f'outbox/{message}/{at}'
            more = {'mex-to': 'X26ABC1', 'mex-workflowid': workflow, 'mex-localid': local, 'mex-chunk-range': f'{at}:{len(parts)}', 'Content-Type': 'text/plain'}
            answer = json.load(ask('POST', path, more, part))
            if at == 1: message = answer['message_id']
ask('PUT', f'inbox/{messages[0]}/status/acknowledged')
print(len(lines), len(kept), chunks, 'crlf' if crlf else 'lf')
";

/// The sandbox, on a port of its own, until it is dropped.
struct Sandbox {
    child: Child,
    server: String,
}

fn python() -> String {
    // `cargo xtask test` makes an environment with the sandbox and names it here.
    std::env::var("CAREDATA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

impl Sandbox {
    fn start(place: &Place) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let child = Command::new(python())
            .args(["-m", "uvicorn", "mesh_sandbox.api:app", "--log-level", "warning", "--port", &port.to_string()])
            .envs([("AUTH_MODE", "full"), ("SHARED_KEY", "BackBone"), ("STORE_MODE", "memory"), ("ENV", "local")])
            .current_dir(place.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python runs; `cargo xtask test` sets up what this test needs");
        let mut sandbox = Self { child, server: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = sandbox.child.try_wait().expect("asked");
            assert!(ended.is_none(), "NOT RUN: the sandbox of MESH does not start; `cargo xtask test` installs it");
            assert!(began.elapsed() < Duration::from_mins(1), "the sandbox did not answer within a minute");
            std::thread::sleep(Duration::from_millis(50));
        }
        sandbox
    }

    /// Starts the other end, which answers the next question in this way.
    fn service(&self, way: &str) -> Child {
        let mut command = Command::new(python());
        command.args(["-c", SERVICE, &self.server, way]).stdout(Stdio::piped()).spawn().expect("Python runs")
    }

    fn exchange(&self, place: &Place, more: &[&str]) -> Output {
        let secrets = place.path("mesh.toml");
        fs::write(&secrets, "password = \"password\"\nshared-key = \"BackBone\"\n").expect("written");
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).expect("rights");
        let common = ["objection", "exchange", "--mesh", &self.server, "--mailbox", "X26ABC1", "--to", "X26ABC2"];
        let rest = ["--folder", "asked", "--secrets", "mesh.toml", "--json"];
        place.caredata("home", &[&common[..], &rest, more].concat())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(service: Child) -> String {
    let output = service.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the other end of the exchange failed");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A home that asks the national file, with a month in it of which nothing is published yet.
fn asking(place: &Place, ends: &str) {
    place.init("home");
    let settings = place.path("home/caredata.toml");
    let text = fs::read_to_string(&settings).expect("the settings");
    let asked = text.replace("national-opt-outs = \"not-asked\"", "national-opt-outs = \"asked\"");
    let asked = asked.replace("opt-out-line-ends = \"lf\"", &format!("opt-out-line-ends = \"{ends}\""));
    assert!(asked.contains("\"asked\"") && asked.contains(&format!("\"{ends}\"")), "{text}");
    fs::write(&settings, asked).expect("written");
    succeeds(&place.run("home", "data", "2014-04"));
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&succeeds(output)).expect("JSON")
}

/// No number in the log, and in the folder only as long as a question is under way.
fn nothing_is_left(place: &Place, files: usize) {
    let numbers = common::files_under(&place.path("asked"))
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "dat"))
        .count();
    assert_eq!(numbers, files);
}

#[test]
fn a_question_is_sent_answered_taken_and_acknowledged_and_a_second_answer_is_harmless() {
    let place = Place::with_people(400, 1);
    asking(&place, "crlf");
    let sandbox = Sandbox::start(&place);
    let first = json(&sandbox.exchange(&place, &["--wait", "0"]));
    let asked = first["asked"].as_u64().expect("a number");
    assert!(asked > 200 && first["waiting"] == 1, "{first}");
    let second = json(&sandbox.exchange(&place, &["--wait", "0"]));
    assert!(second["asked"].is_null() && second["waiting"] == 1, "one question at a time: {second}");
    assert_eq!(rows(&place.path("home"), "journals").len(), 0, "nobody is let through yet");

    assert_eq!(said(sandbox.service("twice")), format!("{asked} {} 1 crlf", asked.div_ceil(2)));
    let taken = json(&sandbox.exchange(&place, &["--wait", "0"]));
    assert_eq!(taken["answers"][0]["asked"], asked, "{taken}");
    assert_eq!(taken["answers"][0]["objecting"], asked / 2);
    assert_eq!((&taken["repeated"], &taken["waiting"]), (&1.into(), &0.into()), "the second answer changes nothing");
    nothing_is_left(&place, 0);
    succeeds(&place.run("home", "data", "2014-04"));
    assert!(!rows(&place.path("home"), "journals").is_empty(), "who is let through is published");

    // The inbox is empty: all was acknowledged. The next question goes in chunks, and so does its answer.
    let service = sandbox.service("chunks");
    let whole = json(&sandbox.exchange(&place, &["--wait", "30", "--chunk-bytes", "1000"]));
    let chunks = (asked * 13).div_ceil(1_000);
    assert_eq!(said(service), format!("{asked} {} {chunks} crlf", asked.div_ceil(2)));
    assert_eq!((&whole["asked"], &whole["repeated"], &whole["waiting"]), (&asked.into(), &0.into(), &0.into()));
    assert_eq!(whole["answers"][0]["objecting"], asked / 2);
    // An answer that has expired lets nobody through. No clock is turned: the answers are.
    let expire = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('UPDATE opt_out_answers SET expires = ?', ('2014-04-30',)); c.commit()";
    let turned = Command::new(python()).args(["-c", expire]).arg(place.path("home/register.sqlite")).output();
    succeeds(&turned.expect("Python runs"));
    succeeds(&place.run("home", "data", "2014-04"));
    assert_eq!(rows(&place.path("home"), "journals").len(), 0, "an expired answer lets nobody through");
    succeeds(&place.caredata("home", &["audit", "verify"]));
    let log = fs::read_to_string(place.path("home/log/audit.jsonl")).expect("a log");
    assert_eq!(log.matches("opt-outs-sent").count(), 2);
    assert!(!log.contains("BackBone") && !log.contains("\"password"));
}

#[test]
fn a_refusal_as_a_whole_is_told_changes_nothing_and_does_not_stand_in_the_way() {
    let place = Place::with_people(400, 1);
    asking(&place, "lf");
    let sandbox = Sandbox::start(&place);
    let mut kept = 0;
    for (way, word) in
        [("report", "refused the question"), ("words", "invalid NHS Numbers"), ("bad", "invalid NHS Numbers")]
    {
        let service = sandbox.service(way);
        let message = refuses(&sandbox.exchange(&place, &["--wait", "30"]), 3);
        assert!(said(service).ends_with("1 lf"), "the question's lines end as the settings say");
        assert!(message.contains(word) && message.contains("invalid NHS Numbers"), "{way}: {message}");
        kept += if way == "report" { 1 } else { 2 };
        nothing_is_left(&place, kept);
        succeeds(&place.run("home", "data", "2014-04"));
        assert_eq!(rows(&place.path("home"), "journals").len(), 0, "{way}: nobody was let through");
    }
    let service = sandbox.service("whole");
    let done = json(&sandbox.exchange(&place, &["--wait", "30"]));
    said(service);
    assert_eq!((&done["answers"].as_array().expect("answers").len(), &done["repeated"]), (&1, &0.into()), "{done}");
}

#[test]
fn what_cannot_be_spoken_to_is_said_in_words_and_the_question_goes_out_later() {
    let place = Place::with_people(400, 1);
    asking(&place, "lf");
    let sandbox = Sandbox::start(&place);
    fs::write(place.path("open.toml"), "password = \"password\"\nshared-key = \"BackBone\"\n").expect("written");
    let message = refuses(&sandbox.exchange(&place, &["--secrets", "open.toml"]), 2);
    assert!(message.contains("--secrets"), "given twice: {message}");
    let ask = |secrets: &str, server: &str, to: &str| {
        let most = ["objection", "exchange", "--mailbox", "X26ABC1", "--folder", "asked", "--wait", "0"];
        place.caredata("home", &[&most[..], &["--secrets", secrets, "--mesh", server, "--to", to]].concat())
    };
    let message = refuses(&ask("open.toml", &sandbox.server, "X26ABC2"), 4);
    assert!(message.contains("may be read by others"), "{message}");
    fs::write(place.path("wrong.toml"), "password = \"guess\"\nshared-key = \"BackBone\"\n").expect("written");
    fs::set_permissions(place.path("wrong.toml"), fs::Permissions::from_mode(0o600)).expect("rights");
    let message = refuses(&ask("wrong.toml", &sandbox.server, "X26ABC2"), 3);
    assert!(message.contains("answered 403") && !message.contains("guess"), "{message}");
    let message = refuses(&ask("wrong.toml", &sandbox.server, "x26abc1"), 3);
    assert!(message.contains("is our own"), "{message}");
    let message = refuses(&ask("wrong.toml", "http://mesh.example", "X26ABC2"), 3);
    assert!(message.contains("not spoken to by https"), "{message}");
    let message = refuses(&ask("wrong.toml", "http://127.0.0.1:9", "X26ABC2"), 3);
    assert!(message.contains("no connection"), "{message}");
    succeeds(&sandbox.exchange(&place, &["--wait", "0"]));
    let none = place.caredata(
        "home",
        &[
            "objection",
            "exchange",
            "--mesh",
            &sandbox.server,
            "--mailbox",
            "X26ABC1",
            "--to",
            "X26ABC2",
            "--folder",
            "asked",
        ],
    );
    assert!(refuses(&none, 3).contains("CAREDATA_MESH_PASSWORD"), "the hint says where secrets come from");
}
