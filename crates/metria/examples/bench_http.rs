//! Asks an HTTP server again and again over kept connections; `bench/` measures servers with it.
//!
//! Usage: `bench_http HOST:PORT PATH BODY_FILE CONNECTIONS SECONDS [LINES_FILE]`. Prints a line of JSON with requests a
//! second, and the median, 99th percentile and longest time to the whole answer in milliseconds.
//!
//! In the body, `@N@` stands for a number of ten digits that is never used twice, and `@LINE@` for the line of the file
//! that belongs to the connection. Any answer but 200 ends it; with a file of lines such answers are counted, and it is the
//! others that are reported.

use serde_json::json;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The first of the numbers: all have ten digits, so that every body is as long as the next.
static NUMBER: AtomicU64 = AtomicU64::new(1_000_000_000);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, body, connections, seconds, rest @ ..] = arguments.as_slice() else {
        return Err("usage: bench_http HOST:PORT PATH BODY_FILE CONNECTIONS SECONDS [LINES_FILE]".into());
    };
    let body = std::fs::read_to_string(body)?;
    let lines = rest.first().map(std::fs::read_to_string).transpose()?;
    let lines: Vec<&str> = lines.as_deref().map(|text| text.lines().collect()).unwrap_or_default();
    let connections: usize = connections.parse()?;
    let duration = Duration::from_secs_f64(seconds.parse()?);
    let requests: Vec<Request> = (0..connections)
        .map(|connection| {
            let line = if lines.is_empty() { "" } else { lines[connection % lines.len()] };
            Request::new(address, path, &body.replace("@LINE@", line))
        })
        .collect();
    let start = Instant::now();
    let asked: Vec<io::Result<Asked>> = std::thread::scope(|scope| {
        let ask = |request| ask(address, request, start + duration, !lines.is_empty());
        let clients: Vec<_> = requests.iter().map(|request| scope.spawn(move || ask(request))).collect();
        let gone = || Err(io::Error::other("a client panicked"));
        clients.into_iter().map(|client| client.join().unwrap_or_else(|_| gone())).collect()
    });
    let wall_s = start.elapsed().as_secs_f64();
    let asked = asked.into_iter().collect::<io::Result<Vec<_>>>()?;
    let failed: usize = asked.iter().map(|asked| asked.failed).sum();
    let mut times: Vec<f64> = asked.into_iter().flat_map(|asked| asked.times).collect();
    if times.is_empty() {
        return Err(format!("none of {failed} requests was answered with 200").into());
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
    let result = json!({
        "requests": times.len(),
        "failed": failed,
        "requests_per_s": times.len() as f64 / wall_s,
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "max_ms": at(1.0),
    });
    writeln!(io::stdout(), "{result}")?;
    Ok(())
}

/// What a connection sends: the bytes between the places where a number goes.
struct Request {
    parts: Vec<Vec<u8>>,
}

impl Request {
    fn new(address: &str, path: &str, body: &str) -> Self {
        let places = body.matches("@N@").count();
        let length = body.len() + places * ("1000000000".len() - "@N@".len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        let whole = head + body;
        Self { parts: whole.split("@N@").map(|part| part.as_bytes().to_vec()).collect() }
    }

    /// Writes the request with the next number into a buffer.
    fn write(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
        for (place, part) in self.parts.iter().enumerate() {
            if place > 0 {
                buffer.extend_from_slice(number.as_bytes());
            }
            buffer.extend_from_slice(part);
        }
    }
}

/// What a connection saw.
#[derive(Default)]
struct Asked {
    /// Seconds to each answer with 200.
    times: Vec<f64>,
    /// Other answers.
    failed: usize,
}

/// Asks until the time is over; a server that closes the connection is connected to again.
fn ask(address: &str, request: &Request, end: Instant, may_fail: bool) -> io::Result<Asked> {
    let mut asked = Asked::default();
    let mut stream: Option<BufReader<TcpStream>> = None;
    let mut buffer = Vec::new();
    while asked.times.len() + asked.failed == 0 || Instant::now() < end {
        request.write(&mut buffer);
        let start = Instant::now();
        let mut open = match stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        open.get_mut().write_all(&buffer)?;
        let answer = read_answer(&mut open)?;
        if answer.keep {
            stream = Some(open);
        }
        if answer.good {
            asked.times.push(start.elapsed().as_secs_f64());
        } else if may_fail {
            asked.failed += 1;
        } else {
            return Err(wrong(format!("the server answered {:?}", answer.line)));
        }
    }
    Ok(asked)
}

fn wrong(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

struct Answer {
    line: String,
    /// The status is 200.
    good: bool,
    /// The connection stays open.
    keep: bool,
}

/// Reads one answer to its end.
fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<Answer> {
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let good = first.split(' ').nth(1) == Some("200");
    let (mut length, mut keep) = (None, first.starts_with("HTTP/1.1"));
    let mut line = String::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse::<usize>().ok(),
            "connection" => keep = value.trim().eq_ignore_ascii_case("keep-alive"),
            _ => {}
        }
    }
    let length = length.ok_or_else(|| wrong(format!("an answer without Content-Length: {first:?}")))?;
    stream.read_exact(&mut vec![0; length])?;
    Ok(Answer { line: first, good, keep })
}
