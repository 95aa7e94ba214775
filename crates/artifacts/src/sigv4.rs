//! Addresses signed by AWS Signature Version 4 in their query, as described in "Authenticating Requests: Using Query
//! Parameters" of the Amazon S3 API reference. Whoever has one can do that one thing, for a while.

use metria_core::time::iso8601;
use ring::digest::{SHA256, digest};
use ring::hmac;
use std::time::Duration;

/// Who signs, and for how long it holds.
pub(crate) struct Signer<'a> {
    /// The public half of the key.
    pub(crate) key_id: &'a str,
    /// The secret half.
    pub(crate) secret_key: &'a str,
    /// The token of a session's key.
    pub(crate) token: Option<&'a str>,
    /// The region that the bucket is in.
    pub(crate) region: &'a str,
    /// When it is signed, in milliseconds since 1970.
    pub(crate) now_ms: i64,
    /// How long it holds; at most seven days.
    pub(crate) valid: Duration,
}

impl Signer<'_> {
    /// Signs an address that has no query yet: `method` is allowed on it, with just these parameters.
    pub(crate) fn sign(&self, method: &str, url: &str, query: &[(&str, &str)]) -> String {
        let (_, rest) = url.split_once("://").unwrap_or(("", url));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // From 2013-05-24T00:00:00.000Z to 20130524T000000Z.
        let time: String =
            iso8601(self.now_ms).chars().filter(|c| !matches!(c, '-' | ':')).take(15).chain(['Z']).collect();
        let date = &time[..8];
        let scope = format!("{date}/{}/s3/aws4_request", self.region);
        let credential = format!("{}/{scope}", self.key_id);
        let seconds = self.valid.as_secs().to_string();
        let mut pairs: Vec<(String, String)> = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &time),
            ("X-Amz-Expires", &seconds),
            ("X-Amz-SignedHeaders", "host"),
        ]
        .into_iter()
        .chain(self.token.map(|token| ("X-Amz-Security-Token", token)))
        .chain(query.iter().copied())
        .map(|(name, value)| (escape(name), escape(value)))
        .collect();
        pairs.sort();
        let query: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = query.join("&");
        let path = if path.is_empty() { "/" } else { path };
        let request = format!("{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
        let request = hex(digest(&SHA256, request.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{request}");
        let signature = hex(hmac(&self.key_of(date), &text).as_ref());
        format!("{url}?{query}&X-Amz-Signature={signature}")
    }

    /// The key of one day, region and service, from which the secret cannot be had back.
    fn key_of(&self, date: &str) -> Vec<u8> {
        let first = format!("AWS4{}", self.secret_key).into_bytes();
        [date, self.region, "s3", "aws4_request"]
            .into_iter()
            .fold(first, |key, text| hmac(&key, text).as_ref().to_vec())
    }
}

fn hmac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

/// Percent-encodes all but what RFC 3986 leaves as it is.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let shown = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(shown).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the S3 API reference, "Authenticating Requests: Using Query Parameters".
    #[test]
    fn the_published_example() {
        let signer = Signer {
            key_id: "AKIAIOSFODNN7EXAMPLE",
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            token: None,
            region: "us-east-1",
            now_ms: 1_369_353_600_000,
            valid: Duration::from_secs(86_400),
        };
        let url = signer.sign("GET", "https://examplebucket.s3.amazonaws.com/test.txt", &[]);
        assert_eq!(
            url,
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn what_a_query_may_not_hold_is_escaped() {
        assert_eq!(escape("a b/ü~"), "a%20b%2F%C3%BC~");
    }
}
