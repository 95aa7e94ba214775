//! Values as people read them.

use metria_core::time::iso8601;
use metria_store::RunInfo;
use std::fmt;

/// A number in a cell: short to read, whole in its title.
pub(super) struct Number(pub(super) f64);

impl Number {
    /// All digits.
    pub(super) fn whole(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Display for Number {
    /// Up to six significant digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if self.0.fract().abs() == 0.0 && size < 1e15 {
            return write!(f, "{}", self.0);
        }
        if !(1e-4..1e9).contains(&size) {
            return write!(f, "{:.5e}", self.0);
        }
        let before = size.log10().floor();
        let after = (5.0 - before).clamp(0.0, 9.0) as usize;
        let text = format!("{:.after$}", self.0);
        f.write_str(if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text })
    }
}

/// A moment, as the machine-readable and the shown text of a `<time>`.
pub(super) struct Moment {
    /// ISO 8601.
    pub(super) iso: String,
}

impl Moment {
    pub(super) fn new(time_ms: i64) -> Self {
        Self { iso: iso8601(time_ms) }
    }
}

impl fmt::Display for Moment {
    /// `2026-11-24 10:59:27 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.iso.get(..10), self.iso.get(11..19)) {
            (Some(day), Some(time)) => write!(f, "{day} {time} UTC"),
            _ => f.write_str(&self.iso),
        }
    }
}

/// How long a run took; nothing while it goes on.
pub(super) fn duration(run: &RunInfo) -> String {
    let Some(end_time_ms) = run.end_time_ms else { return String::new() };
    took((end_time_ms - run.start_time_ms).max(0))
}

/// A duration.
pub(super) fn took(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1e3),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms / 1_000 % 60),
        _ => format!("{} h {} min", ms / 3_600_000, ms / 60_000 % 60),
    }
}

/// A file's size.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A text as one segment of a URL's path.
pub(super) fn segment(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
        url
    })
}

/// A path of several segments as part of a URL.
pub(super) fn segments(path: &str) -> String {
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_six_digits() {
        for (value, text) in [
            (0.8123456789, "0.812346"),
            (0.5, "0.5"),
            (12.0, "12"),
            (-1234.56789, "-1234.57"),
            (123_456_789.5, "123456790"),
            (1e-7, "1.00000e-7"),
            (0.0, "0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(Number(value).to_string(), text);
        }
    }

    #[test]
    fn sizes_and_urls() {
        assert_eq!((size(1023), size(1536)), ("1023 B".to_owned(), "1.5 KiB".to_owned()));
        assert_eq!(size(u64::MAX), "16384.0 PiB");
        assert_eq!(segment("a/b ü?"), "a%2Fb%20%C3%BC%3F");
        assert_eq!(segments("a/b c"), "a/b%20c");
    }
}
