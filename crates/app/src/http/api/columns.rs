//! Lists in a query string, and the columns of a table of runs.

use crate::http::error::HttpError;
use metria_core::ErrorKind;
use metria_store::Run;
use std::collections::HashSet;

/// The parts of a list separated by commas; within backquotes or double quotes a comma is a character like others.
pub(super) fn list(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (c, quote) {
            (',', None) => parts.push(String::new()),
            _ => {
                match quote {
                    Some(open) if open == c => quote = None,
                    None if c == '`' || c == '"' => quote = Some(c),
                    _ => {}
                }
                if let Some(part) = parts.last_mut() {
                    part.push(c);
                }
            }
        }
    }
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Metrics, params and tags that are wanted.
pub(super) struct Columns {
    metrics: HashSet<String>,
    params: HashSet<String>,
    tags: HashSet<String>,
}

impl Columns {
    /// Reads a list such as ``metrics.loss, params.`a,b` ``.
    pub(super) fn parse(text: &str) -> Result<Self, HttpError> {
        let mut columns = Self { metrics: HashSet::new(), params: HashSet::new(), tags: HashSet::new() };
        for part in list(text) {
            let (entity, key) = part.split_once('.').unwrap_or((part.as_str(), ""));
            let keys = match entity {
                "metrics" => &mut columns.metrics,
                "params" => &mut columns.params,
                "tags" => &mut columns.tags,
                _ => {
                    let message = format!("a column must be metrics.KEY, params.KEY or tags.KEY; got `{part}`");
                    return Err(HttpError::new(ErrorKind::InvalidInput, message));
                }
            };
            let bare = |quote: char| key.strip_prefix(quote)?.strip_suffix(quote);
            keys.insert(bare('`').or_else(|| bare('"')).unwrap_or(key).to_owned());
        }
        Ok(columns)
    }

    /// Takes from a run what is not wanted.
    pub(super) fn keep(&self, run: &mut Run) {
        run.metrics.retain(|metric| self.metrics.contains(&metric.key));
        run.params.retain(|param| self.params.contains(&param.key));
        run.tags.retain(|tag| self.tags.contains(&tag.key));
        run.inputs.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_are_characters() {
        assert_eq!(list(" a, b ,,c"), ["a", "b", "c"]);
        assert_eq!(list("metrics.`a,b` DESC,params.\"x,`y\" ASC"), ["metrics.`a,b` DESC", "params.\"x,`y\" ASC"]);
        assert!(list("").is_empty());
    }

    #[test]
    fn columns_name_their_entity() {
        let columns = Columns::parse("metrics.a.b, params.`c,d`,tags.\"e\"").ok().unwrap();
        assert!(columns.metrics.contains("a.b") && columns.params.contains("c,d") && columns.tags.contains("e"));
        assert!(Columns::parse("loss").is_err_and(|error| error.message().contains("`loss`")));
    }
}
