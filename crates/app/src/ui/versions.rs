//! Two versions of a model side by side.

use super::format::{Number, segment};
use super::page::{PageResult, render};
use crate::http::{Path, Query};
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use metria_tracking::VersionSide;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Which two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    version1: u32,
    version2: u32,
}

#[derive(Template)]
#[template(path = "versions.html")]
struct VersionsPage {
    name: String,
    url: String,
    version1: u32,
    version2: u32,
    metrics: Vec<MetricRow>,
    params: Vec<ParamRow>,
}

struct MetricRow {
    key: String,
    values: [Option<Number>; 2],
    /// The second less the first.
    change: Option<Number>,
    differs: bool,
}

struct ParamRow {
    key: String,
    values: [Option<String>; 2],
    differs: bool,
}

/// `GET /models/{name}/compare?version1=&version2=`.
pub(super) async fn page(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> PageResult {
    let found = state.tracking().compare_versions(&name, asked.version1, asked.version2).await?;
    let sides = [&found.version1, &found.version2];
    let mut metrics: Vec<MetricRow> =
        keys(&sides.map(|side| &side.metrics)).into_iter().map(|key| metric_row(key, sides)).collect();
    let mut params: Vec<ParamRow> = keys(&sides.map(|side| &side.params))
        .into_iter()
        .map(|key| {
            let values = sides.map(|side| side.params.get(key).cloned());
            ParamRow { key: key.to_owned(), differs: values[0] != values[1], values }
        })
        .collect();
    metrics.sort_by_key(|row| !row.differs);
    params.sort_by_key(|row| !row.differs);
    render(&VersionsPage {
        url: format!("/models/{}", segment(&name)),
        name,
        version1: asked.version1,
        version2: asked.version2,
        metrics,
        params,
    })
}

fn metric_row(key: &str, sides: [&VersionSide; 2]) -> MetricRow {
    let values = sides.map(|side| side.metrics.get(key).copied());
    let change = match values {
        [Some(one), Some(other)] => Some(Number(other - one)),
        _ => None,
    };
    let bits = values.map(|value| value.map(f64::to_bits));
    MetricRow { key: key.to_owned(), differs: bits[0] != bits[1], values: values.map(|v| v.map(Number)), change }
}

fn keys<'a, T>(maps: &[&'a BTreeMap<String, T>; 2]) -> BTreeSet<&'a str> {
    maps.iter().flat_map(|map| map.keys().map(String::as_str)).collect()
}
