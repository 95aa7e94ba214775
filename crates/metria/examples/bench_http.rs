//! Asks an HTTP server the same question again and again over kept connections; `bench/` measures servers with it.
//!
//! Usage: `bench_http HOST:PORT PATH BODY_FILE CONNECTIONS SECONDS`. Prints a line of JSON with requests a second, and the
//! median, 99th percentile and longest time to the whole answer in milliseconds. Any answer but 200 ends it.

use serde_json::json;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, body, connections, seconds] = arguments.as_slice() else {
        return Err("usage: bench_http HOST:PORT PATH BODY_FILE CONNECTIONS SECONDS".into());
    };
    let body = std::fs::read(body)?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), &body].concat();
    let connections: usize = connections.parse()?;
    let duration = Duration::from_secs_f64(seconds.parse()?);
    let start = Instant::now();
    let times: Vec<io::Result<Vec<f64>>> = std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..connections).map(|_| scope.spawn(|| ask(address, &request, start + duration))).collect();
        let gone = || Err(io::Error::other("a client panicked"));
        clients.into_iter().map(|client| client.join().unwrap_or_else(|_| gone())).collect()
    });
    let wall_s = start.elapsed().as_secs_f64();
    let mut times: Vec<f64> = times.into_iter().collect::<io::Result<Vec<_>>>()?.concat();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
    let result = json!({
        "requests": times.len(),
        "requests_per_s": times.len() as f64 / wall_s,
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "max_ms": at(1.0),
    });
    writeln!(io::stdout(), "{result}")?;
    Ok(())
}

/// The seconds of each answer until the time is over; a server that closes the connection is connected to again.
fn ask(address: &str, request: &[u8], end: Instant) -> io::Result<Vec<f64>> {
    let mut times = Vec::new();
    let mut stream: Option<BufReader<TcpStream>> = None;
    while times.is_empty() || Instant::now() < end {
        let start = Instant::now();
        let mut open = match stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        open.get_mut().write_all(request)?;
        if read_answer(&mut open)? {
            stream = Some(open);
        }
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(times)
}

/// Reads one answer; tells whether the connection stays open.
fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<bool> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    if line.split(' ').nth(1) != Some("200") {
        return Err(wrong(format!("the server answered {line:?}")));
    }
    let (mut length, mut keep) = (None, line.starts_with("HTTP/1.1"));
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
    let length = length.ok_or_else(|| wrong("an answer without Content-Length".to_owned()))?;
    stream.read_exact(&mut vec![0; length])?;
    Ok(keep)
}
