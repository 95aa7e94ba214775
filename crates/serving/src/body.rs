//! JSON from outside: read once, within limits, and no key twice in one object.

use crate::error::{Error, Result};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

/// Most fields besides `instances` that a message names.
const MOST_NAMED: usize = 10;

/// How much of a body is taken in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Most rows.
    pub(crate) rows: usize,
    /// Most fields of a row, whether the model knows them or not.
    pub(crate) fields: usize,
}

/// A request body, so far as it is of interest.
#[derive(Debug, PartialEq)]
pub(crate) enum Body {
    /// An object; its other fields are named, the first few of them.
    Object { instances: Option<Rows>, others: Vec<String> },
    /// Something else.
    Other(&'static str),
}

/// The value of `instances`.
#[derive(Debug, PartialEq)]
pub(crate) enum Rows {
    /// A list.
    List(Vec<Value>),
    /// Something else.
    Other(&'static str),
}

/// Reads a body. What is beyond a limit is refused where it is met, before it takes memory.
pub(crate) fn read(body: &[u8], limits: BodyLimits) -> Result<Body> {
    let too_large = Cell::new(false);
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = BodySeed { limits, too_large: &too_large }.deserialize(&mut reader);
    let error = match read.and_then(|value| reader.end().map(|()| value)) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if too_large.get() {
        return Err(Error::TooLarge(error.to_string()));
    }
    Err(Error::Request(match error.classify() {
        Category::Data => error.to_string(),
        _ if body.trim_ascii().is_empty() => "the body is empty; {\"instances\": [...]} as JSON is expected".to_owned(),
        _ => format!("the body must be JSON: {error}{}", hint(body, &error)),
    }))
}

/// What else may help with a syntax error: Python's NaN and Infinity are what is most often met.
fn hint(body: &[u8], error: &serde_json::Error) -> &'static str {
    let line = body.split(|&byte| byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let near = &line[error.column().saturating_sub(2).min(line.len())..];
    let found = [b"NaN".as_slice(), b"Inf", b"-Inf"];
    let is_met = |word: &&[u8]| near.iter().take(3).enumerate().any(|(skip, _)| near[skip..].starts_with(word));
    if found.iter().any(is_met) { "; NaN and Infinity are not JSON, null stands for a missing value" } else { "" }
}

#[derive(Clone, Copy)]
struct BodySeed<'a> {
    limits: BodyLimits,
    too_large: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for BodySeed<'_> {
    type Value = Body;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Body, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The visits of what is not wanted: it is read over, and its kind is told.
macro_rules! others {
    ($value:ident) => {
        fn visit_unit<E>(self) -> std::result::Result<$value, E> {
            Ok($value::Other("null"))
        }
        fn visit_bool<E>(self, _: bool) -> std::result::Result<$value, E> {
            Ok($value::Other("a boolean"))
        }
        fn visit_i64<E>(self, _: i64) -> std::result::Result<$value, E> {
            Ok($value::Other("a number"))
        }
        fn visit_u64<E>(self, _: u64) -> std::result::Result<$value, E> {
            Ok($value::Other("a number"))
        }
        fn visit_f64<E>(self, _: f64) -> std::result::Result<$value, E> {
            Ok($value::Other("a number"))
        }
        fn visit_str<E>(self, _: &str) -> std::result::Result<$value, E> {
            Ok($value::Other("a text"))
        }
    };
}

impl<'de> Visitor<'de> for BodySeed<'_> {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object {\"instances\": [...]}")
    }

    others!(Body);

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Body, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Body::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<Body, A::Error> {
        let (mut instances, mut others) = (None, Vec::new());
        while let Some(key) = object.next_key::<String>()? {
            if key != "instances" {
                object.next_value::<IgnoredAny>()?;
                if others.len() < MOST_NAMED {
                    others.push(key);
                }
            } else if instances.is_some() {
                return Err(A::Error::custom("the key `instances` occurs twice"));
            } else {
                instances = Some(object.next_value_seed(RowsSeed(self))?);
            }
        }
        Ok(Body::Object { instances, others })
    }
}

struct RowsSeed<'a>(BodySeed<'a>);

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = Rows;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Rows, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    others!(Rows);

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<Rows, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Rows::Other("an object"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Rows, A::Error> {
        let BodySeed { limits, too_large } = self.0;
        let mut rows = Vec::new();
        while let Some(row) = list.next_element_seed(Row { index: rows.len(), most: limits.fields })? {
            if rows.len() == limits.rows {
                too_large.set(true);
                return Err(A::Error::custom(format!("instances: at most {} rows are allowed", limits.rows)));
            }
            rows.push(row);
        }
        Ok(Rows::List(rows))
    }
}

/// One row, or a value inside it.
#[derive(Clone, Copy)]
struct Row {
    index: usize,
    most: usize,
}

impl Row {
    fn fail<E: serde::de::Error>(self, what: fmt::Arguments<'_>) -> E {
        E::custom(format_args!("instances[{}]: {what}", self.index))
    }

    fn too_many<E: serde::de::Error>(self) -> E {
        self.fail(format_args!("at most {} fields are allowed in a row", self.most))
    }
}

impl<'de> DeserializeSeed<'de> for Row {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            if values.len() == self.most {
                return Err(self.too_many());
            }
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            if fields.len() == self.most {
                return Err(self.too_many());
            }
            match fields.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(object.next_value_seed(self)?);
                }
                Entry::Occupied(taken) => {
                    return Err(self.fail(format_args!("the key `{}` occurs twice", taken.key())));
                }
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LIMITS: BodyLimits = BodyLimits { rows: 2, fields: 3 };

    fn refused(body: &str) -> String {
        read(body.as_bytes(), LIMITS).unwrap_err().to_string()
    }

    #[test]
    fn values_come_as_they_are() {
        let rows = json!([{"a": 1, "b": -2.5, "c": [true, null]}, [18_446_744_073_709_551_615_u64, "é\n", {}]]);
        let body = json!({"id": 7, "instances": rows}).to_string();
        let Value::Array(rows) = rows else { unreachable!("it is a list") };
        let expected = Body::Object { instances: Some(Rows::List(rows)), others: vec!["id".to_owned()] };
        assert_eq!(read(body.as_bytes(), LIMITS).unwrap(), expected);
    }

    #[test]
    fn other_kinds_are_told() {
        for (text, kind) in [("null", "null"), ("[1, {}]", "a list"), ("\"x\"", "a text"), ("1e3", "a number")] {
            assert_eq!(read(text.as_bytes(), LIMITS).unwrap(), Body::Other(kind));
        }
        let body = read(br#"{"instances": {"a": [1]}}"#, LIMITS).unwrap();
        assert_eq!(body, Body::Object { instances: Some(Rows::Other("an object")), others: Vec::new() });
    }

    #[test]
    fn keys_that_occur_twice() {
        let message = refused(r#"{"instances": [{"a": 1}, {"a": 1, "a": 2}]}"#);
        assert!(message.starts_with("instances[1]: the key `a` occurs twice"), "{message}");
        assert!(refused(r#"{"instances": [], "instances": []}"#).contains("`instances` occurs twice"));
    }

    #[test]
    fn limits() {
        let error = read(br#"{"instances": [1, 2, 3]}"#, LIMITS).unwrap_err();
        assert!(matches!(&error, Error::TooLarge(message) if message.contains("at most 2 rows")), "{error}");
        assert!(refused(r#"{"instances": [[1, 2, 3, 4]]}"#).contains("instances[0]: at most 3 fields"));
        assert!(refused(r#"{"instances": [{"a":1,"b":1,"c":1,"d":1}]}"#).contains("at most 3 fields"));
    }

    #[test]
    fn what_is_no_json() {
        for text in ["[NaN]", "[1,Infinity]", "[ -Infinity ]", "{\"a\":\n NaN}"] {
            let message = refused(&format!("{{\"instances\": {text}}}"));
            assert!(message.contains("must be JSON") && message.contains("null stands for"), "{message}");
        }
        assert!(refused(" \n").contains("the body is empty"));
        assert!(refused("{} {}").contains("trailing characters"));
        assert!(refused(r#"{"instances": [1e999]}"#).contains("number out of range"));
        let deep = format!("{{\"instances\": {}", "[".repeat(1_000_000));
        assert!(refused(&deep).contains("recursion limit"));
        let deep = format!("{{\"other\": {}", "[".repeat(1_000_000));
        assert!(refused(&deep).contains("must be JSON"));
    }
}
