//! Requests as MLflow's clients send them: a JSON body, or the same fields in the query string of a GET.
//!
//! Fields that are unknown are passed over and 64-bit numbers may be texts, as Protocol Buffers' JSON has it.

use super::error::MlflowError;
use crate::http::extract::read_body;
use crate::state::AppState;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The fields of a request.
pub(super) struct Input<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Input<T> {
    type Rejection = MlflowError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, MlflowError> {
        let fields = if request.method() == Method::GET {
            from_query(request.uri().query().unwrap_or_default())
        } else {
            check_content_type(request.headers())?;
            from_body(&read_body(state, request).await?)?
        };
        let fields = T::deserialize(Value::Object(fields));
        fields.map(Self).map_err(|error| MlflowError::invalid(format!("the request cannot be used: {error}")))
    }
}

/// JSON, or nothing said: what a foreign page sends without asking, a form or a text, is refused.
fn check_content_type(headers: &HeaderMap) -> Result<(), MlflowError> {
    let Some(said) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let said = said.to_str().unwrap_or("\u{fffd}");
    let media = said.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(MlflowError::invalid(format!("Bad Request. Content-Type must be application/json; got '{said}'")))
}

fn from_body(body: &[u8]) -> Result<Map<String, Value>, MlflowError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(MlflowError::invalid("the body must be a JSON object")),
        Err(error) => Err(MlflowError::invalid(format!("the body is not JSON: {error}"))),
    }
}

/// A key that stands several times becomes a list.
fn from_query(query: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = Value::String(value.into_owned());
        match fields.get_mut(key.as_ref()) {
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => drop(fields.insert(key.into_owned(), value)),
        }
    }
    fields
}

/// A field that must be there and say something.
pub(super) fn required(name: &str, value: Option<String>) -> Result<String, MlflowError> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| {
        MlflowError::invalid(format!(
            "Missing value for required parameter '{name}'. See the API docs for more information about request parameters."
        ))
    })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Integer(i64),
    Float(f64),
    Text(String),
}

/// A 64-bit integer: a number, a whole float, or a text.
pub(super) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let wrong = |got: String| D::Error::custom(format!("a 64-bit integer is expected, got {got}"));
    match Option::<NumberOrText>::deserialize(deserializer)? {
        None => Ok(None),
        Some(NumberOrText::Integer(number)) => Ok(Some(number)),
        #[expect(clippy::float_cmp, reason = "whole numbers are exact")]
        Some(NumberOrText::Float(number)) if number == number.trunc() && number.abs() < 9.3e18 => {
            Ok(Some(number as i64))
        }
        Some(NumberOrText::Float(number)) => Err(wrong(number.to_string())),
        Some(NumberOrText::Text(text)) => match text.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(wrong(format!("`{text}`"))),
        },
    }
}

/// A double: a number, or a text such as `NaN`. Infinities become the greatest and smallest number, as upstream keeps
/// them.
pub(super) fn double<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let value = match Option::<NumberOrText>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(NumberOrText::Integer(number)) => number as f64,
        Some(NumberOrText::Float(number)) => number,
        Some(NumberOrText::Text(text)) => match text.trim() {
            "Infinity" | "inf" => f64::INFINITY,
            "-Infinity" | "-inf" => f64::NEG_INFINITY,
            "NaN" | "nan" => f64::NAN,
            other => other.parse().map_err(|_| D::Error::custom(format!("a number is expected, got `{text}`")))?,
        },
    };
    Ok(Some(if value.is_nan() { value } else { value.clamp(f64::MIN, f64::MAX) }))
}

/// A value of an enumeration: its name, or its number.
#[derive(Debug)]
pub(super) struct WireEnum(pub(super) String);

impl<'de> Deserialize<'de> for WireEnum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum NameOrNumber {
            Name(String),
            Number(i64),
        }
        Ok(Self(match NameOrNumber::deserialize(deserializer)? {
            NameOrNumber::Name(name) => name,
            NameOrNumber::Number(number) => number.to_string(),
        }))
    }
}

/// A list, or one value that stands for a list of one.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::<OneOrMany>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(OneOrMany::One(text)) => vec![text],
        Some(OneOrMany::Many(texts)) => texts,
    })
}

/// A flag: true, false, or one of these as a text.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum FlagOrText {
        Flag(bool),
        Text(String),
    }
    match Option::<FlagOrText>::deserialize(deserializer)? {
        None => Ok(false),
        Some(FlagOrText::Flag(flag)) => Ok(flag),
        Some(FlagOrText::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(D::Error::custom(format!("true or false is expected, got `{text}`"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Fields {
        #[serde(deserialize_with = "integer")]
        step: Option<i64>,
        #[serde(deserialize_with = "double")]
        value: Option<f64>,
        #[serde(deserialize_with = "texts")]
        run_ids: Vec<String>,
        #[serde(deserialize_with = "flag")]
        archive: bool,
    }

    fn fields(text: &str) -> Result<Fields, String> {
        let fields = from_body(text.as_bytes()).map_err(|_| "no object".to_owned())?;
        Fields::deserialize(Value::Object(fields)).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_may_be_texts() {
        let read =
            fields(r#"{"step": "9223372036854775807", "value": "-Infinity", "archive": "True", "odd": 1}"#).unwrap();
        assert_eq!((read.step, read.value, read.archive), (Some(i64::MAX), Some(f64::MIN), true));
        let read = fields(r#"{"step": 3.0, "value": 2, "run_ids": ["a", "b"]}"#).unwrap();
        assert_eq!((read.step, read.value, read.run_ids.len()), (Some(3), Some(2.0), 2));
        assert!(fields(r#"{"value": "NaN"}"#).unwrap().value.unwrap().is_nan());
        assert_eq!(fields("").unwrap(), Fields::default());
        assert_eq!(fields(r#"{"step": null}"#).unwrap().step, None);
        for (text, word) in [
            (r#"{"step": 1.5}"#, "1.5"),
            (r#"{"step": "x"}"#, "`x`"),
            (r#"{"value": "x"}"#, "`x`"),
            ("[]", "no object"),
        ] {
            let message = fields(text).unwrap_err();
            assert!(message.contains(word), "{text}: {message}");
        }
    }

    #[test]
    fn repeated_keys_are_lists() {
        let query = from_query("run_ids=a&run_ids=b+c&step=7");
        let read = Fields::deserialize(Value::Object(query)).unwrap();
        assert_eq!((read.run_ids, read.step), (vec!["a".to_owned(), "b c".to_owned()], Some(7)));
    }
}
