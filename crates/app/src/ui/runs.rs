//! The runs of an experiment as a table: filtered, sorted, with the columns that somebody chose.

use super::format::{Moment, Number, duration};
use super::page::{PageResult, render};
use crate::http::{HttpError, Path, Query};
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use form_urlencoded::Serializer;
use metria_core::ErrorKind;
use metria_store::{Page, Run};
use metria_tracking::SearchRuns;
use std::collections::BTreeSet;

/// Runs on a page.
const PAGE: usize = 50;
/// Columns that are shown when nobody chose, as far as there are any.
const USUAL: [&str; 4] = ["metrics.accuracy", "metrics.f1_score", "metrics.roc_auc", "params.estimator"];
/// Columns that can be sorted by besides metrics, params and tags.
const ATTRIBUTES: [(&str, &str); 3] = [("run_name", "Run"), ("status", "Status"), ("start_time", "Started")];

/// What the address asks for.
#[derive(Clone, Debug, Default, PartialEq)]
struct View {
    filter: String,
    sort: String,
    ascending: bool,
    /// Columns such as `metrics.accuracy`; `None` when nobody chose.
    columns: Option<Vec<String>>,
    page_token: Option<String>,
}

impl View {
    fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self, HttpError> {
        let mut view = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "filter" => view.filter = value,
                "sort" => view.sort = value,
                "direction" => view.ascending = value == "asc",
                "columns" => drop(view.columns.get_or_insert_default()),
                "column" => view.columns.get_or_insert_default().push(value),
                "page" => view.page_token = Some(value),
                other => {
                    let known = "filter, sort, direction, columns, column, page";
                    let message = format!("unknown parameter `{other}`; known are {known}");
                    return Err(HttpError::new(ErrorKind::InvalidInput, message));
                }
            }
        }
        Ok(view)
    }

    /// The address that asks for this view.
    fn url(&self) -> String {
        let mut query = Serializer::new(String::from("?"));
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
        if let Some(token) = &self.page_token {
            query.append_pair("page", token);
        }
        query.finish()
    }

    /// The order in MLflow's language.
    fn order_by(&self) -> Vec<String> {
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

    fn head(&self, key: &str, label: &str) -> Head {
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
        Head { label: label.to_owned(), url: next.url(), mark }
    }
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    experiment: String,
    view: View,
    problem: Option<String>,
    heads: Vec<Head>,
    choices: Vec<Choice>,
    rows: Vec<Row>,
    first_url: Option<String>,
    next_url: Option<String>,
}

struct Head {
    label: String,
    url: String,
    /// `ascending`, `descending` or nothing, as `aria-sort` says it.
    mark: &'static str,
}

struct Choice {
    column: String,
    chosen: bool,
}

struct Row {
    run_id: String,
    name: String,
    status: &'static str,
    started: Moment,
    duration: String,
    cells: Vec<Cell>,
}

struct Cell {
    text: String,
    whole: String,
    is_number: bool,
}

/// `GET /experiments/{experiment_id}`.
pub(super) async fn page(
    State(state): State<AppState>,
    Path(experiment_id): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> PageResult {
    let view = View::from_pairs(pairs)?;
    let experiment = state.tracking().get_experiment(&experiment_id).await?;
    let search = SearchRuns {
        experiment_ids: vec![experiment_id],
        filter: view.filter.clone(),
        order_by: view.order_by(),
        max_results: PAGE,
        page_token: view.page_token.clone(),
        ..SearchRuns::default()
    };
    // A filter that cannot be read is said beside the filter, which stays to be mended.
    let (found, problem) = match state.tracking().search_runs(&search).await {
        Ok(found) => (found, None),
        Err(error @ metria_tracking::Error::Search(_)) => {
            (Page { items: Vec::new(), next_page_token: None }, Some(error.to_string()))
        }
        Err(error) => return Err(error.into()),
    };
    let known = known_columns(&found.items);
    let shown: Vec<String> = match &view.columns {
        Some(columns) => columns.clone(),
        None => USUAL.iter().filter(|column| known.contains(**column)).map(|column| (*column).to_owned()).collect(),
    };
    let heads = ATTRIBUTES.iter().map(|(key, label)| view.head(key, label));
    let heads = heads.chain(shown.iter().map(|column| view.head(column, short(column)))).collect();
    let first_url = view.page_token.is_some().then(|| View { page_token: None, ..view.clone() }.url());
    let next_url = found.next_page_token.map(|token| View { page_token: Some(token), ..view.clone() }.url());
    let choices = known.iter().chain(shown.iter()).collect::<BTreeSet<_>>().into_iter();
    render(&RunsPage {
        experiment: experiment.name,
        problem,
        heads,
        choices: choices.map(|column| Choice { column: column.clone(), chosen: shown.contains(column) }).collect(),
        rows: found.items.iter().map(|run| row(run, &shown)).collect(),
        first_url,
        next_url,
        view,
    })
}

/// A column without its entity, unless that would hide what it is.
fn short(column: &str) -> &str {
    column.strip_prefix("metrics.").or_else(|| column.strip_prefix("params.")).unwrap_or(column)
}

fn known_columns(runs: &[Run]) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for run in runs {
        known.extend(run.metrics.iter().map(|metric| format!("metrics.{}", metric.key)));
        known.extend(run.params.iter().map(|param| format!("params.{}", param.key)));
        known.extend(run.tags.iter().map(|tag| format!("tags.{}", tag.key)));
    }
    known
}

fn row(run: &Run, columns: &[String]) -> Row {
    Row {
        run_id: run.info.run_id.clone(),
        name: run.info.run_name.clone(),
        status: run.info.status.as_str(),
        started: Moment::new(run.info.start_time_ms),
        duration: duration(&run.info),
        cells: columns.iter().map(|column| cell(run, column)).collect(),
    }
}

fn cell(run: &Run, column: &str) -> Cell {
    let (entity, key) = column.split_once('.').unwrap_or(("", column));
    if entity == "metrics" {
        let value = run.metrics.iter().find(|metric| metric.key == key).map(|metric| Number(metric.value));
        return Cell {
            text: value.as_ref().map(Number::to_string).unwrap_or_default(),
            whole: value.as_ref().map(Number::whole).unwrap_or_default(),
            is_number: true,
        };
    }
    let text = match entity {
        "params" => run.params.iter().find(|param| param.key == key).map(|param| param.value.clone()),
        "tags" => run.tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.clone()),
        _ => None,
    };
    let text = text.unwrap_or_default();
    Cell { whole: text.clone(), text, is_number: false }
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
            page_token: Some("o50".to_owned()),
        };
        let pairs = form_urlencoded::parse(view.url().trim_start_matches('?').as_bytes()).into_owned().collect();
        assert_eq!(View::from_pairs(pairs).ok().unwrap(), view);
        assert_eq!(view.order_by(), ["metrics.`odd key` ASC"]);
        assert!(View::from_pairs(vec![("fliter".to_owned(), String::new())]).is_err());
    }

    #[test]
    fn sorting_turns_round_at_the_second_click() {
        let view = View::default();
        assert!(view.head("status", "Status").url.contains("direction=desc"));
        let sorted = View { sort: "status".to_owned(), ..View::default() };
        let head = sorted.head("status", "Status");
        assert!(head.url.contains("direction=asc") && head.mark == "descending");
    }
}
