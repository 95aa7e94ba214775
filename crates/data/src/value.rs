//! What a single text means: missing, a boolean, a whole number, a number, or just text.

use metria_core::DataType;

/// The type a column is built as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Int,
    Float,
    Text,
}

impl From<DataType> for Kind {
    fn from(data_type: DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Long => Self::Int,
            DataType::Double => Self::Float,
            DataType::String => Self::Text,
        }
    }
}

impl Kind {
    /// What a value of this declared type may be, for messages.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Boolean => "true, false, 1 or 0 (boolean)",
            Self::Int => "a whole number within 64 bits (long)",
            Self::Float => "a number (double)",
            Self::Text => "a text",
        }
    }
}

/// Which sorts of values a column has been seen to hold. The union over all values decides the type, so the order in
/// which they are seen does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen(u8);

impl Seen {
    pub(crate) const INT: Self = Self(1);
    pub(crate) const FLOAT: Self = Self(2);
    pub(crate) const BOOLEAN: Self = Self(4);
    pub(crate) const TEXT: Self = Self(8);
    pub(crate) const QUOTED_MARKER: Self = Self(16);

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether anything but missing values was seen.
    pub(crate) fn has_value(self) -> bool {
        self.0 & !Self::QUOTED_MARKER.0 != 0
    }

    /// The type that holds everything seen.
    pub(crate) fn kind(self) -> Kind {
        let number = self.has(Self::INT) || self.has(Self::FLOAT);
        match () {
            () if self.has(Self::TEXT) || (self.has(Self::BOOLEAN) && number) => Kind::Text,
            () if self.has(Self::BOOLEAN) => Kind::Boolean,
            () if self.has(Self::FLOAT) => Kind::Float,
            () if self.has(Self::INT) => Kind::Int,
            () if self.has(Self::QUOTED_MARKER) => Kind::Text,
            () => Kind::Float,
        }
    }
}

/// The texts that stand for "no value", in a form that most values can be told from by two look-ups.
#[derive(Debug)]
pub(crate) struct Markers {
    /// For each first byte, the lengths that markers with it have, as a bit set.
    starts: [u32; 256],
    /// The same for each last byte; that of a number is seldom the last of a marker.
    ends: [u32; 256],
    texts: Vec<Vec<u8>>,
}

impl Markers {
    pub(crate) fn new(texts: &[String]) -> Self {
        let mut markers = Self { starts: [0; 256], ends: [0; 256], texts: Vec::with_capacity(texts.len()) };
        for text in texts.iter().map(|text| text.trim().as_bytes()) {
            if let (Some(&first), Some(&last)) = (text.first(), text.last()) {
                markers.starts[usize::from(first)] |= length_bit(text.len());
                markers.ends[usize::from(last)] |= length_bit(text.len());
                markers.texts.push(text.to_vec());
            }
        }
        markers
    }

    /// Whether the text is empty or one of the markers.
    #[inline]
    pub(crate) fn is_missing(&self, text: &[u8]) -> bool {
        let (Some(&first), Some(&last)) = (text.first(), text.last()) else {
            return true;
        };
        let lengths = self.starts[usize::from(first)] & self.ends[usize::from(last)];
        lengths & length_bit(text.len()) != 0 && self.texts.iter().any(|marker| marker == text)
    }
}

/// Lengths of 31 and more share the last bit.
#[inline]
fn length_bit(length: usize) -> u32 {
    1 << length.min(31)
}

/// A whole number of the range of `i64`, leading zeros allowed.
#[inline]
pub(crate) fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    if digits.len() > 18 {
        return parse_long_int(negative, digits);
    }
    let mut value = 0_i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

#[cold]
fn parse_long_int(negative: bool, digits: &[u8]) -> Option<i64> {
    let mut value = 0_i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        let digit = if negative { -i64::from(digit) } else { i64::from(digit) };
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(value)
}

/// Whether a number would lose a leading zero, and with it perhaps its meaning: `007`, but not `0`, `0.5` or `-0`.
#[inline]
pub(crate) fn has_leading_zero(text: &[u8]) -> bool {
    let digits = match text {
        [b'-' | b'+', rest @ ..] => rest,
        _ => text,
    };
    matches!(digits, [b'0', b'0'..=b'9', ..])
}

/// A decimal number, `inf`, `infinity` or `nan` in any case.
#[inline]
pub(crate) fn parse_float(text: &[u8]) -> Option<f64> {
    match parse_short_float(text) {
        Some(value) => Some(value),
        None => fast_float2::parse(text).ok(),
    }
}

/// Numbers such as `-12.345`: when the digits without the point are below 2^53 and the power of ten is exact, one
/// division rounds correctly (Clinger 1990), so nothing slower is needed.
#[inline]
fn parse_short_float(text: &[u8]) -> Option<f64> {
    const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    // Sixteen bytes are at most fifteen digits and a point.
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let mut mantissa = 0_u64;
    let mut point = None;
    for (place, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa * 10 + u64::from(digit);
        } else if *byte == b'.' && point.is_none() {
            point = Some(place);
        } else {
            return None;
        }
    }
    let fraction = digits.len() - 1 - point?;
    if digits.len() == 1 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits are below 2^53")]
    let value = mantissa as f64 / POWERS[fraction];
    Some(if negative { -value } else { value })
}

/// `true` or `false` in any case.
#[inline]
pub(crate) fn parse_boolean(text: &[u8]) -> Option<bool> {
    if text.eq_ignore_ascii_case(b"true") {
        Some(true)
    } else if text.eq_ignore_ascii_case(b"false") {
        Some(false)
    } else {
        None
    }
}

/// Which sort of value a text is that is not missing.
pub(crate) fn classify(text: &[u8]) -> Seen {
    if has_leading_zero(text) {
        Seen::TEXT
    } else if parse_int(text).is_some() {
        Seen::INT
    } else if parse_float(text).is_some() {
        Seen::FLOAT
    } else if parse_boolean(text).is_some() {
        Seen::BOOLEAN
    } else {
        Seen::TEXT
    }
}

/// The shortest text that reads back as the same number and is not a whole number, so that a float stays one.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("+7", Some(7)),
            ("-42", Some(-42)),
            ("007", Some(7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("0000000000000000000000012", Some(12)),
            ("123456789012345678", Some(123_456_789_012_345_678)),
            ("", None),
            ("-", None),
            ("+", None),
            ("--1", None),
            ("1.0", None),
            ("1_000", None),
            ("१", None),
        ] {
            assert_eq!(parse_int(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn numbers_are_rounded_as_the_standard_library_does() {
        let mut texts: Vec<String> = [
            "0.1",
            "-0.1",
            "5.",
            ".5",
            "-.5",
            "123456789012345.",
            ".123456789012345",
            "1e5",
            "1E-7",
            "-0.0",
            "1.7976931348623157e308",
            "4.9e-324",
            "0.30000000000000004",
            "9007199254740993",
            "1e400",
            "-1e400",
            "99999999999999.9",
            "999999999999999.9",
            "0.000000000000001",
        ]
        .map(str::to_owned)
        .to_vec();
        texts.extend((0..20_000_i32).map(|i| format!("{}.{:04}", i - 10_000, (i * 7919) % 10_000)));
        texts.extend(
            (0..20_000_u64).map(|i| f64::from_bits(0x3000_0000_0000_0000 + i * 0x0000_1234_5678_9abc).to_string()),
        );
        for text in texts {
            let expected: f64 = text.parse().expect("a number");
            let got = parse_float(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(got.to_bits(), expected.to_bits(), "{text}");
        }
        for text in ["", ".", "-", "1.2.3", "1e", "e5", "0x10", "1,5", "- 1", "infinit", "1 "] {
            assert_eq!(parse_float(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_float(b"-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_float(b"+inf"), Some(f64::INFINITY));
        assert!(parse_float(b"NAN").is_some_and(f64::is_nan));
    }

    #[test]
    fn sorts_of_values() {
        for (text, seen) in [
            ("1", Seen::INT),
            ("007", Seen::TEXT),
            ("-01", Seen::TEXT),
            ("00.5", Seen::TEXT),
            ("0.5", Seen::FLOAT),
            ("0", Seen::INT),
            ("18446744073709551616", Seen::FLOAT),
            ("inf", Seen::FLOAT),
            ("TRUE", Seen::BOOLEAN),
            ("False", Seen::BOOLEAN),
            ("yes", Seen::TEXT),
        ] {
            assert_eq!(classify(text.as_bytes()), seen, "{text}");
        }
        assert_eq!(Seen::INT.with(Seen::FLOAT).kind(), Kind::Float);
        assert_eq!(Seen::INT.with(Seen::BOOLEAN).kind(), Kind::Text);
        assert_eq!(Seen::default().kind(), Kind::Float);
        assert_eq!(Seen::QUOTED_MARKER.kind(), Kind::Text);
        assert_eq!(Seen::QUOTED_MARKER.with(Seen::INT).kind(), Kind::Int);
    }

    #[test]
    fn markers() {
        let long = "m".repeat(40);
        let markers = Markers::new(&["?".into(), " NA ".into(), "-999".into(), long.clone()]);
        for text in ["", "?", "NA", "-999", &long] {
            assert!(markers.is_missing(text.as_bytes()), "{text}");
        }
        for text in ["??", "na", "-99", "-9999", "N", &long[1..]] {
            assert!(!markers.is_missing(text.as_bytes()), "{text}");
        }
    }
}
