//! What a table of runs shows: filter, order, columns, lifecycle. The address holds it, and so does a saved view.

use crate::http::HttpError;
use form_urlencoded::Serializer;
use metria_core::ErrorKind;
use metria_store::{Lifecycle, Tag};

/// Tags of an experiment that hold its saved views begin so.
pub(super) const SAVED: &str = "metria.view.";

/// What the address asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct View {
    pub(super) filter: String,
    pub(super) sort: String,
    pub(super) ascending: bool,
    /// Columns such as `metrics.accuracy`; `None` when nobody chose.
    pub(super) columns: Option<Vec<String>>,
    pub(super) deleted: bool,
    pub(super) page_token: Option<String>,
}

/// The head of a column.
pub(super) struct Head {
    pub(super) key: String,
    pub(super) label: String,
    pub(super) url: String,
    /// `ascending`, `descending` or nothing, as `aria-sort` says it.
    pub(super) mark: &'static str,
}

impl View {
    pub(super) fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, HttpError> {
        let mut view = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "filter" => view.filter = value,
                "sort" => view.sort = value,
                "direction" => view.ascending = value == "asc",
                "columns" => drop(view.columns.get_or_insert_default()),
                "column" => view.columns.get_or_insert_default().push(value),
                "lifecycle" => view.deleted = value == "deleted",
                "page" => view.page_token = Some(value),
                other => {
                    let known = "filter, sort, direction, columns, column, lifecycle, page";
                    let message = format!("unknown parameter `{other}`; known are {known}");
                    return Err(HttpError::new(ErrorKind::InvalidInput, message));
                }
            }
        }
        Ok(view)
    }

    /// The view that a tag of an experiment saves under a name.
    pub(super) fn saved(tags: &[Tag], name: &str) -> Result<Self, HttpError> {
        let key = format!("{SAVED}{name}");
        let Some(tag) = tags.iter().find(|tag| tag.key == key) else {
            return Err(HttpError::new(ErrorKind::NotFound, format!("the experiment has no saved view `{name}`")));
        };
        Self::from_pairs(form_urlencoded::parse(tag.value.as_bytes()).into_owned())
    }

    /// The address that asks for this view.
    pub(super) fn url(&self, path: &str) -> String {
        let mut query = Serializer::new(format!("{path}?"));
        if !self.filter.is_empty() {
            query.append_pair("filter", &self.filter);
        }
        if !self.sort.is_empty() {
            query.append_pair("sort", &self.sort).append_pair("direction", if self.ascending { "asc" } else { "desc" });
        }
        if let Some(columns) = &self.columns {
            query.append_pair("columns", "chosen");
            for column in columns {
                query.append_pair("column", column);
            }
        }
        if self.deleted {
            query.append_pair("lifecycle", "deleted");
        }
        if let Some(token) = &self.page_token {
            query.append_pair("page", token);
        }
        query.finish()
    }

    pub(super) fn lifecycle(&self) -> Lifecycle {
        if self.deleted { Lifecycle::Deleted } else { Lifecycle::Active }
    }

    /// The order in MLflow's language.
    pub(super) fn order_by(&self) -> Vec<String> {
        if self.sort.is_empty() {
            return Vec::new();
        }
        let direction = if self.ascending { "ASC" } else { "DESC" };
        let key = match self.sort.split_once('.') {
            Some((entity, key)) if key.contains('`') => format!("{entity}.\"{key}\""),
            Some((entity, key)) => format!("{entity}.`{key}`"),
            None => self.sort.clone(),
        };
        vec![format!("{key} {direction}")]
    }

    pub(super) fn head(&self, path: &str, key: &str, label: &str) -> Head {
        let sorted = self.sort == key;
        let next = Self {
            sort: key.to_owned(),
            // The first click shows the greatest first, the second the smallest.
            ascending: sorted && !self.ascending,
            page_token: None,
            ..self.clone()
        };
        let mark = match (sorted, self.ascending) {
            (false, _) => "",
            (true, true) => "ascending",
            (true, false) => "descending",
        };
        Head { key: key.to_owned(), label: label.to_owned(), url: next.url(path), mark }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_survive_their_address() {
        let view = View {
            filter: "metrics.a > 1 AND tags.`b&c` = 'd e'".to_owned(),
            sort: "metrics.odd key".to_owned(),
            ascending: true,
            columns: Some(vec!["params.x".to_owned(), "tags.é=1".to_owned()]),
            deleted: true,
            page_token: Some("o50".to_owned()),
        };
        let url = view.url("");
        let pairs = form_urlencoded::parse(url.trim_start_matches('?').as_bytes()).into_owned();
        assert_eq!(View::from_pairs(pairs).ok().unwrap(), view);
        assert_eq!(view.order_by(), ["metrics.`odd key` ASC"]);
        assert!(View::from_pairs(vec![("fliter".to_owned(), String::new())]).is_err());
        let tags = [Tag { key: "metria.view.best".to_owned(), value: url.trim_start_matches('?').to_owned() }];
        assert_eq!(View::saved(&tags, "best").ok().unwrap(), view);
        assert!(View::saved(&tags, "worst").is_err_and(|error| error.message().contains("worst")));
    }

    #[test]
    fn sorting_turns_round_at_the_second_click() {
        let view = View::default();
        assert!(view.head("", "status", "Status").url.contains("direction=desc"));
        let sorted = View { sort: "status".to_owned(), ..View::default() };
        let head = sorted.head("", "status", "Status");
        assert!(head.url.contains("direction=asc") && head.mark == "descending");
    }
}
