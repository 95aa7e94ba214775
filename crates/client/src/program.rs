//! Other programs, asked for a little text.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// What a program prints, at most so many bytes of it; none when it is not there, fails or takes too long.
pub(crate) fn output(command: &mut Command, patience: Duration, most: usize) -> Option<Vec<u8>> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = stdout.by_ref().take(most as u64).read_to_end(&mut text);
        // The rest is read away, so that the program can end.
        let rest = read.and_then(|_| std::io::copy(&mut stdout, &mut std::io::sink()));
        // Nobody may wait for it any more.
        let _ = send.send(rest.map(|_| text));
    });
    let text = receive.recv_timeout(patience);
    if text.is_err() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let status = child.wait().ok()?;
    text.ok()?.ok().filter(|_| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_bounded_in_size_and_time() {
        let shell = |script: &str, patience: Duration| output(Command::new("sh").args(["-c", script]), patience, 5);
        let patience = Duration::from_secs(60);
        assert_eq!(shell("printf 123456789", patience).as_deref(), Some(&b"12345"[..]));
        assert_eq!(shell("printf 12; exit 3", patience), None);
        assert_eq!(shell("exec sleep 60", Duration::from_millis(20)), None);
        assert_eq!(output(&mut Command::new("no-such-program-here"), patience, 5), None);
    }
}
