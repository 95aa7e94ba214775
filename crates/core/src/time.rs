//! Time as it is stored: UTC milliseconds since the Unix epoch. Fields that hold one end in `_ms`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, now.
#[must_use]
pub fn now_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// `2026-11-24T10:59:27.123Z`, or the bare number when it is outside the calendar's range.
#[must_use]
pub fn iso8601(time_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(time_ms) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => time_ms.to_string(),
    }
}

/// The milliseconds of an ISO 8601 time with its zone, such as `2026-11-24T10:59:27.123Z`; a finer part is cut off.
#[must_use]
pub fn from_iso8601(text: &str) -> Option<i64> {
    text.trim().parse::<jiff::Timestamp>().ok().map(|timestamp| timestamp.as_nanosecond().div_euclid(1_000_000) as i64)
}

/// `YYYYmmdd_HHMMSS` in UTC: the suffix of default experiment names.
#[must_use]
pub fn compact(time_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(time_ms) {
        Ok(timestamp) => timestamp.strftime("%Y%m%d_%H%M%S").to_string(),
        Err(_) => time_ms.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_fixed() {
        assert_eq!(iso8601(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso8601(1_764_000_123_456), "2025-11-24T16:02:03.456Z");
        assert_eq!(compact(1_764_000_123_456), "20251124_160203");
        assert_eq!(iso8601(i64::MAX), i64::MAX.to_string());
        assert_eq!(from_iso8601("2025-11-24T16:02:03.456789Z"), Some(1_764_000_123_456));
        assert_eq!(from_iso8601("2025-11-24T17:02:03+01:00"), Some(1_764_000_123_000));
        assert_eq!(from_iso8601("yesterday"), None);
    }
}
