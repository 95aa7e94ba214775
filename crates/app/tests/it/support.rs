//! A home for each test, the program run in it, and a small HTTP client that can also be rude.

use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The committed German Credit table: 1,000 rows, target `risk`.
pub(crate) const CREDIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/german_credit.csv");

/// A small forest without cross-validation, where a test needs just any model.
pub(crate) const QUICK: [&str; 4] = ["--set", "n_estimators=10", "--cv", "none"];

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A working folder with a home in it; both go when it is dropped.
pub(crate) struct Home {
    folder: TempDir,
    /// What the program finds in its environment beside its home.
    variables: Vec<(&'static str, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), variables: Vec::new() }
    }

    /// A home whose artifacts are in a place of its own on the S3 server of the tests.
    pub(crate) fn on_s3() -> Self {
        let bucket = tester("METRIA_TEST_S3");
        let root = format!("{bucket}/{}", metria_core::ids::new_id());
        let keys = ["AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let mut variables: Vec<_> = keys.into_iter().map(|name| (name, tester(name))).collect();
        variables.push(("METRIA_ARTIFACTS_ROOT", root));
        Self { variables, ..Self::new() }
    }

    /// The secret key to the S3 server of the tests.
    pub(crate) fn secret(&self) -> String {
        let found = self.variables.iter().find(|(name, _)| *name == "AWS_SECRET_ACCESS_KEY");
        found.expect("a home on S3").1.clone()
    }

    /// A home with `german` in Production, version 1.
    pub(crate) fn with_model() -> Self {
        let home = Self::new();
        home.train("german", &[]);
        home
    }

    /// A path in the working folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the working folder.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("the folder can be written");
        path
    }

    /// The program in the working folder, with nothing of the tester's environment but what is said here.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metria"));
        command.args(args).current_dir(self.folder.path()).env_clear().env("METRIA_HOME", self.path("home"));
        command.env("USER", "tester").stdin(Stdio::null()).envs(self.variables.iter().cloned());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program starts")
    }

    /// What a command that must succeed prints.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?} failed: {}", stderr(&output));
        stdout(&output)
    }

    /// The one JSON document that a command prints with `--json`.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let text = self.ok(&[args, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?} printed no JSON ({error}): {text}"))
    }

    /// The message of a command that must end with `code`.
    pub(crate) fn refused(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}{}", stdout(&output));
        let start = told.find("error: ").unwrap_or_else(|| panic!("{args:?}: {told}"));
        let (progress, message) = told.split_at(start);
        assert!(progress.lines().all(|line| line.starts_with("  ")), "{args:?}: {told}");
        for word in ["panicked", "RUST_BACKTRACE", "internal error"] {
            assert!(!message.contains(word), "{args:?}: {message}");
        }
        message.to_owned()
    }

    /// Trains a small model and registers it; the answer of `train --json`.
    pub(crate) fn train(&self, name: &str, args: &[&str]) -> Value {
        let fixed = ["train", CREDIT, "--target", "risk", "--register", name];
        self.json(&[&fixed[..], &QUICK[..], args].concat())
    }

    /// A run that nobody registers; its id.
    pub(crate) fn run_id(&self, args: &[&str]) -> String {
        let fixed = ["train", CREDIT, "--target", "risk"];
        text(&self.json(&[&fixed[..], &QUICK[..], args].concat())["run_id"])
    }

    /// Where the artifacts of a run are.
    pub(crate) fn artifacts(&self, run_id: &str) -> PathBuf {
        let run = self.json(&["runs", "show", run_id]);
        let uri = text(&run["artifact_uri"]);
        PathBuf::from(uri.strip_prefix("file://").expect("artifacts are local"))
    }

    pub(crate) fn server(&self) -> Server {
        self.server_with(&[])
    }

    pub(crate) fn server_with(&self, args: &[&str]) -> Server {
        Server::start(self.command(&[&["server", "--port", "0"], args].concat()), self.path("server.log"))
    }
}

/// A variable that `scripts/with-s3` sets.
#[expect(clippy::disallowed_methods, reason = "the tests' own environment")]
fn tester(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name}: this test needs an S3 server; run `make test` or `scripts/with-s3 cargo test`")
    })
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("stdout is UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("stderr is UTF-8")
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text is expected, got {value}")).to_owned()
}

/// Checks that a message has all of the words.
pub(crate) fn says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

/// Hides what differs from run to run: ids, times and the working folder.
pub(crate) fn redacted(text: &str, home: &Home) -> String {
    let text = text.replace(&home.path("").display().to_string(), "FOLDER/");
    let words = text.split_inclusive([' ', '\n', '/', '@']).map(|word| {
        let bare = word.trim_end_matches([' ', '\n', '/', '@']);
        let rest = &word[bare.len()..];
        let is_id = bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_time = bare.len() == 24 && bare.ends_with('Z') && bare.as_bytes()[10] == b'T';
        match (is_id, is_time) {
            (true, _) => format!("ID{rest}"),
            (_, true) => format!("TIME{rest}"),
            _ => word.to_owned(),
        }
    });
    words.collect()
}

/// Waits until something holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a process, but not for ever.
pub(crate) fn wait_for(child: &mut Child) -> Option<i32> {
    let mut code = None;
    wait_until("the end of the process", || match child.try_wait().expect("the process can be waited for") {
        Some(status) => {
            code = status.code();
            true
        }
        None => false,
    });
    code
}

pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", child.id())).status();
    assert!(sent.expect("sh starts").success(), "the signal {name} was not sent");
}

/// A running `metria server`; killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
    log: PathBuf,
}

impl Server {
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Self {
        let errors = File::options().create(true).append(true).open(&log).expect("a log file");
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("the program starts");
        let mut first = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut first).expect("a line comes");
        let address = first.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
        let address = address.unwrap_or_else(|| panic!("the server told no address: {first}{}", read(&log)));
        Self { address: address.to_owned(), child, log }
    }

    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the server takes connections");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send("POST", path, &["content-type: application/json"], body.as_ref())
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        try_send(&self.address, method, path, headers, body).expect("the server answers")
    }

    /// The bytes of a request as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes).expect("the server reads");
        Answer::read(stream).expect("the server answers")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file can be read")
}

/// One request on a connection of its own.
pub(crate) fn try_send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&request(address, method, path, headers, body))?;
    Answer::read(stream)
}

/// The bytes of a request; a `host` among the headers stands for the usual one.
pub(crate) fn request(address: &str, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|header| header.to_ascii_lowercase().starts_with("host:")) {
        head += &format!("host: {address}\r\n");
    }
    for header in headers {
        head += &format!("{header}\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// An answer, read to the end of its connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn read(mut stream: TcpStream) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let cut = || std::io::Error::new(std::io::ErrorKind::UnexpectedEof, format!("a torn answer: {text:?}"));
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(cut)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
        let start = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(cut)? + 4;
        let (head, body) = (head.to_ascii_lowercase(), body.to_owned());
        Ok(Self { status, head, body, bytes: bytes.split_off(start) })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The body of an answer that must be 200.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// The message of an answer that must be an error of that status, in JSON.
    pub(crate) fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        text(&self.json()["error"]["message"])
    }
}

/// The first rows of the credit table as objects, target aside.
pub(crate) fn rows(n_rows: usize) -> Vec<Value> {
    let table =
        metria_data::read_table(Path::new(CREDIT), &metria_data::ReadOptions::default()).expect("it is a table");
    let (x, _) = metria_data::split_target(&table.batch, "risk").expect("it has its target");
    let schema = x.schema();
    let row = |row: usize| {
        let fields = schema.fields().iter().zip(x.columns());
        fields.map(|(field, column)| (field.name().clone(), metria_data::json_value(column, row))).collect()
    };
    (0..n_rows).map(|index| Value::Object(row(index))).collect()
}

/// `{"instances": ROWS}`.
pub(crate) fn body(rows: &[Value]) -> String {
    serde_json::json!({ "instances": rows }).to_string()
}
