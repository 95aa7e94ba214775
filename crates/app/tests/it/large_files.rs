//! Large files pass through the server without staying in its memory, on a folder and on an S3 server.

use crate::support::{Home, Server, text};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const MIB: u64 = 1 << 20;
/// The size of the file.
const LARGE: u64 = 300 * MIB;
/// Most memory that the server may take on top of what it has before.
const MOST_GROWTH: u64 = 100 * MIB;

/// The resident memory of a process in bytes.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("a process of Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// The most memory that the server has while something runs.
fn peak_while(server: &Server, work: impl FnOnce()) -> u64 {
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(resident(server), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        work();
        done.store(true, Ordering::Relaxed);
    });
    peak.into_inner()
}

fn block(index: u64) -> Vec<u8> {
    let seed = index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    seed.iter().copied().cycle().take(MIB as usize).collect()
}

fn head(method: &str, path: &str, server: &Server, len: u64) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {len}\r\n\r\n",
        server.address
    )
}

/// Sends so many blocks, from the first on; the head of the answer.
fn send(server: &Server, path: &str, blocks: std::ops::Range<u64>) -> String {
    let mut stream = server.connect();
    let len = (blocks.end - blocks.start) * MIB;
    stream.write_all(head("PUT", path, server, len).as_bytes()).expect("the server reads");
    for index in blocks {
        stream.write_all(&block(index)).expect("the server reads");
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

fn receive(server: &Server, path: &str) {
    let mut stream: TcpStream = server.connect();
    stream.write_all(head("GET", path, server, 0).as_bytes()).expect("the server reads");
    let mut stream = BufReader::with_capacity(MIB as usize, stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(stream.read_line(&mut line).expect("a head") > 0);
    }
    let mut read = vec![0; MIB as usize];
    for index in 0..LARGE / MIB {
        stream.read_exact(&mut read).expect("the whole file");
        assert!(read == block(index), "block {index} is another");
    }
    assert_eq!(stream.read(&mut read).expect("its end"), 0);
}

fn stays_flat(server: &Server) {
    let proxy = "/api/2.0/mlflow-artifacts";
    // Whatever the first requests need is there.
    send(server, &format!("{proxy}/artifacts/large/warm"), 0..12);
    let before = resident(server);
    let blocks = LARGE / MIB;
    let most = |what: &str, peak: u64| {
        let growth = peak.saturating_sub(before) / MIB;
        assert!(growth < MOST_GROWTH / MIB, "{what} took {growth} MiB of memory for a file of {blocks} MiB");
    };
    let file = format!("{proxy}/artifacts/large/file");
    most("an upload", peak_while(server, || drop(send(server, &file, 0..blocks))));
    most("a download", peak_while(server, || receive(server, &file)));
    server.send("DELETE", &format!("{proxy}/artifacts/large"), &[], b"").ok();
}

#[test]
fn through_a_folder() {
    let home = Home::new();
    let server = home.server();
    stays_flat(&server);

    // In parts, which the server puts together.
    let proxy = "/api/2.0/mlflow-artifacts";
    let before = resident(&server);
    let peak = peak_while(&server, || {
        let body = json!({"path": "/tmp/file", "num_parts": 3});
        let begun = server.post(&format!("{proxy}/mpu/create/parts"), body.to_string()).ok();
        let third = LARGE / MIB / 3;
        let parts: Vec<_> = begun["credentials"]
            .as_array()
            .expect("a list")
            .iter()
            .zip(0..)
            .map(|(credential, index)| {
                let url = text(&credential["url"]);
                let path = url.strip_prefix(&format!("http://{}", server.address)).expect("this server's own address");
                let answer = send(&server, path, index * third..(index + 1) * third);
                let etag = answer.lines().find_map(|line| line.strip_prefix("etag: ")).expect("an etag");
                json!({"part_number": credential["part_number"], "etag": etag, "url": url})
            })
            .collect();
        let body = json!({"path": "/tmp/file", "upload_id": begun["upload_id"], "parts": parts});
        server.post(&format!("{proxy}/mpu/complete/parts"), body.to_string()).ok();
        receive(&server, &format!("{proxy}/artifacts/parts/file"));
    });
    let growth = peak.saturating_sub(before) / MIB;
    assert!(growth < MOST_GROWTH / MIB, "an upload in parts took {growth} MiB of memory");
}

#[test]
fn through_an_s3_server() {
    let home = Home::on_s3();
    stays_flat(&home.server());
}
