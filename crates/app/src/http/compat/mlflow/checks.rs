//! What MLflow's server refuses or cuts before it writes: keys, values, batches, datasets, ids.
//!
//! Metria itself is more lenient about keys; what comes in on this wire must also fit a server of MLflow's own.

use super::error::{MlflowError, Result};
use super::types::{DatasetInput, KeyValue, NewMetric};
use metria_store::{Param, Tag};

/// Most metrics, params and tags in one batch together.
const MOST_ENTITIES: usize = 1_000;
/// Values that are longer are cut, as upstream does unless it is told not to.
const PARAM_LENGTH: usize = 6_000;
const TAG_LENGTH: usize = 8_000;
const EXPERIMENT_TAG_LENGTH: usize = 20_000;

/// A key of a metric, param or tag: letters, digits and a few signs, and not another name once it is read as a path.
pub(super) fn key(key: String) -> Result<String> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '.' | '-' | ' ' | ':');
    if let Some(found) = key.chars().find(|c| !allowed(*c)) {
        return Err(MlflowError::invalid(format!(
            "Invalid value \"{key}\" for parameter 'key' supplied: Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/); got `{}`",
            found.escape_default()
        )));
    }
    if is_another_path(&key) {
        return Err(MlflowError::invalid(format!(
            "Invalid value \"{key}\" for parameter 'key' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such"
        )));
    }
    Ok(key)
}

/// Whether a path has a shorter way to say it, or leads out of its folder.
fn is_another_path(name: &str) -> bool {
    name.starts_with("..") || name.split('/').any(|part| matches!(part, "" | "." | ".."))
}

/// The first characters of a value that is too long.
fn cut(mut value: String, most: usize) -> String {
    if value.len() > most
        && let Some((end, _)) = value.char_indices().nth(most)
    {
        value.truncate(end);
    }
    value
}

pub(super) fn param(new: KeyValue) -> Result<Param> {
    Ok(Param { key: key(new.key)?, value: cut(new.value, PARAM_LENGTH) })
}

pub(super) fn tag(new: KeyValue) -> Result<Tag> {
    Ok(Tag { key: key(new.key)?, value: cut(new.value, TAG_LENGTH) })
}

pub(super) fn experiment_tag(new: KeyValue) -> Result<Tag> {
    let got = new.value.chars().count();
    length("value", got, EXPERIMENT_TAG_LENGTH)?;
    Ok(Tag { key: key(new.key)?, value: new.value })
}

pub(super) fn registry_tag(new: KeyValue) -> Result<Tag> {
    Ok(Tag { key: key(new.key)?, value: new.value })
}

fn length(what: &str, got: usize, most: usize) -> Result<()> {
    if got <= most {
        return Ok(());
    }
    Err(MlflowError::invalid(format!("'{what}' exceeds the maximum length of {most} characters; got {got}")))
}

/// What a batch must not have as a whole: too much, or one param twice.
pub(super) fn batch(metrics: &[NewMetric], params: &[KeyValue], tags: &[KeyValue]) -> Result<()> {
    let total = metrics.len() + params.len() + tags.len();
    if total > MOST_ENTITIES {
        return Err(MlflowError::invalid(format!(
            "A batch logging request can contain at most {MOST_ENTITIES} metrics, params, and tags. Got {total} metrics, params, and tags. Please split up metrics, params, and tags across multiple requests and try again."
        )));
    }
    let mut keys: Vec<&str> = params.iter().map(|param| param.key.as_str()).collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(twice) => Err(MlflowError::invalid(format!(
            "Duplicate parameter keys have been submitted: ['{}']. Please ensure the request contains only one param value per param key.",
            twice[0]
        ))),
    }
}

/// A dataset of a run's inputs, within upstream's columns.
pub(super) fn dataset(input: &DatasetInput) -> Result<()> {
    let dataset = &input.dataset;
    for (what, text, most) in [
        ("name", Some(&dataset.name), 500),
        ("digest", Some(&dataset.digest), 36),
        ("source", Some(&dataset.source), 65_535),
        ("schema", dataset.schema.as_ref(), 1_048_575),
        ("profile", dataset.profile.as_ref(), 16_777_215),
    ] {
        length(&format!("dataset.{what}"), text.map_or(0, |text| text.chars().count()), most)?;
    }
    for tag in &input.tags {
        length("tags.key", tag.key.chars().count(), 255)?;
        length("tags.value", tag.value.chars().count(), 500)?;
    }
    Ok(())
}

/// A registered model's name in a request about it.
pub(super) fn model_name(name: String) -> Result<String> {
    if name.trim().is_empty() {
        return Err(MlflowError::invalid("Missing value for required parameter 'name'."));
    }
    if name.contains(['/', ':']) || is_another_path(&name) {
        return Err(MlflowError::invalid(format!(
            "Invalid model name '{name}'. Names cannot contain '/' or ':', and must not be '.' or begin with '..'."
        )));
    }
    Ok(name)
}

/// An experiment's id, which upstream reads as a number.
pub(super) fn experiment_id(id: String) -> Result<String> {
    if id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(id);
    }
    Err(MlflowError::invalid(format!("Invalid experiment ID '{id}'. Experiment ID must be a valid integer.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for good in ["a", "a/b", "a.b-c_d:e f", "größe 漢", "...", " "] {
            assert_eq!(key(good.to_owned()).is_ok(), good != "...", "{good:?}");
        }
        for bad in ["../x", "/x", "a//b", "a/./b", "a/", ".", "..", "a?b", "a%b", "a'b", "a\\b", "a\nb", "f(x)", "🎲"]
        {
            assert!(key(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = |text: &str, count| KeyValue { key: "k".to_owned(), value: text.repeat(count) };
        for (text, count, kept) in [("v", 6_001, 6_000), ("漢", 6_000, 6_000), ("漢", 6_001, 6_000), ("v", 3, 3)] {
            assert_eq!(param(long(text, count)).unwrap_or_else(|_| panic!("{text}")).value.chars().count(), kept);
        }
        assert!(experiment_tag(long("v", 20_001)).is_err());
        assert!(experiment_tag(long("漢", 20_000)).is_ok());
    }
}
