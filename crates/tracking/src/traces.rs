//! Traces: the rules over what clients and OpenTelemetry exporters send.

use crate::Tracking;
use crate::error::{Error, Result};
use crate::trace_search::{parse_trace_filter, parse_trace_order};
use metria_core::ids;
use metria_core::names::{NameError, check_key};
use metria_core::time::now_ms;
use metria_store::traces::FINALIZED;
use metria_store::{Assessment, Page, Span, Tag, TraceInfo, TraceQuery, TraceSelection};
use serde::Serialize;

/// Most characters of a tag or of metadata; what is longer is cut.
const VALUE_LENGTH: usize = 8_000;
/// Most characters of a preview; what is longer is cut.
const PREVIEW_LENGTH: usize = 1_000;
const TRACE_ID_LENGTH: usize = 128;
const MOST_RESULTS: usize = 500;
const MOST_LINKS: usize = 100;
/// The tag that tells clients where the spans are.
pub(crate) const SPANS_LOCATION: &str = "mlflow.trace.spansLocation";
/// Its value where they are in the store.
pub(crate) const IN_STORE: &str = "TRACKING_STORE";
/// The tag that tells clients where the files of a trace go.
const ARTIFACT_LOCATION: &str = "mlflow.artifactLocation";
/// The metadata in which clients say how many spans there are.
const SIZE_STATS: &str = "mlflow.trace.sizeStats";

/// A search as people write it.
#[derive(Clone, Debug)]
pub struct SearchTraces {
    /// In these experiments; empty means all.
    pub experiment_ids: Vec<String>,
    /// MLflow's filter language for traces.
    pub filter: String,
    /// Such as `timestamp_ms DESC`.
    pub order_by: Vec<String>,
    /// Traces on a page, 1 to 500.
    pub max_results: usize,
    /// The token of the page before.
    pub page_token: Option<String>,
}

impl Default for SearchTraces {
    fn default() -> Self {
        Self {
            experiment_ids: Vec::new(),
            filter: String::new(),
            order_by: Vec::new(),
            max_results: 100,
            page_token: None,
        }
    }
}

/// A trace with its spans.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trace {
    /// The trace.
    pub info: TraceInfo,
    /// Its spans, the roots first, then by start.
    pub spans: Vec<Span>,
}

impl Trace {
    /// Whether all spans have come that the client said there are.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let told = find(&self.info.metadata, SIZE_STATS).and_then(|text| {
            let stats: serde_json::Value = serde_json::from_str(text).ok()?;
            usize::try_from(stats.get("num_spans")?.as_u64()?).ok()
        });
        !self.spans.is_empty() && told.is_none_or(|told| self.spans.len() >= told)
    }
}

/// How often two conditions hold, alone and together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correlation {
    /// Traces that are looked at.
    pub total: u64,
    /// Those that the first holds for.
    pub first: u64,
    /// Those that the second holds for.
    pub second: u64,
    /// Those that both hold for.
    pub both: u64,
}

pub(crate) fn find<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
}

/// Up to so many characters of a text.
pub(crate) fn cut(text: &mut String, most: usize) {
    if let Some((at, _)) = text.char_indices().nth(most) {
        text.truncate(at);
    }
}

fn check_count(what: &str, most: usize, got: usize) -> Result<()> {
    if got <= most { Ok(()) } else { Err(Error::Limit { what: what.to_owned(), most, got }) }
}

/// Keys are checked; long values are cut, as MLflow's clients expect of traces.
pub(crate) fn checked_tags(tags: &mut [Tag]) -> Result<()> {
    for tag in tags {
        check_key("key", &tag.key)?;
        cut(&mut tag.value, VALUE_LENGTH);
    }
    Ok(())
}

/// An id names a folder and stands in URLs, so it has letters, digits and `-_.:` only, and no dot first.
fn check_trace_id(trace_id: &str) -> Result<()> {
    check_count("characters in a trace id", TRACE_ID_LENGTH, trace_id.chars().count())?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    match trace_id.chars().find(|c| !fits(*c)) {
        None if !trace_id.starts_with('.') => Ok(()),
        found => {
            let found = found.unwrap_or('.').escape_default().to_string();
            Err(NameError::Character { what: "trace id", found, name: trace_id.to_owned() }.into())
        }
    }
}

/// Where the files of a trace go, as a tag.
pub(crate) fn artifact_tag(experiment_location: &str, trace_id: &str) -> Tag {
    let root = experiment_location.trim_end_matches('/');
    Tag { key: ARTIFACT_LOCATION.to_owned(), value: format!("{root}/traces/{trace_id}/artifacts") }
}

impl Tracking {
    /// Writes what a client tells about a trace, and returns it as it now is. Files of the trace go below the location
    /// of its experiment that is given. With `is_final`, spans that come later change neither its times nor its state.
    ///
    /// # Errors
    /// When an id or a key is refused, or the experiment is not there or deleted.
    pub async fn start_trace(
        &self,
        mut info: TraceInfo,
        experiment_location: &str,
        is_final: bool,
    ) -> Result<TraceInfo> {
        if info.trace_id.is_empty() {
            info.trace_id = ids::new_id();
        }
        check_trace_id(&info.trace_id)?;
        checked_tags(&mut info.tags)?;
        checked_tags(&mut info.metadata)?;
        info.tags.push(artifact_tag(experiment_location, &info.trace_id));
        if is_final {
            info.metadata.push(Tag { key: FINALIZED.to_owned(), value: "true".to_owned() });
        }
        for preview in [&mut info.request_preview, &mut info.response_preview].into_iter().flatten() {
            cut(preview, PREVIEW_LENGTH);
        }
        for assessment in &mut info.assessments {
            assessment.trace_id.clone_from(&info.trace_id);
            complete(assessment)?;
        }
        Ok(self.store.start_trace(info).await?)
    }

    /// One trace without its spans.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_trace_info(&self, trace_id: &str) -> Result<TraceInfo> {
        let found = self.store.get_traces(&[trace_id.to_owned()]).await?.pop();
        found.ok_or_else(|| Error::NotFound(format!("Trace with ID '{trace_id}' not found.")))
    }

    /// The traces of these ids that are there, without their spans.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get_trace_infos(&self, trace_ids: &[String]) -> Result<Vec<TraceInfo>> {
        Ok(self.store.get_traces(trace_ids).await?)
    }

    /// The traces of these ids that are there, with their spans.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get_traces(&self, trace_ids: &[String]) -> Result<Vec<Trace>> {
        let infos = self.store.get_traces(trace_ids).await?;
        let mut spans = std::collections::HashMap::<String, Vec<Span>>::new();
        for span in self.store.get_spans(trace_ids).await? {
            spans.entry(span.trace_id.clone()).or_default().push(span);
        }
        let with_spans = |info: TraceInfo| Trace { spans: spans.remove(&info.trace_id).unwrap_or_default(), info };
        Ok(infos.into_iter().map(with_spans).collect())
    }

    /// One trace with its spans.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_trace(&self, trace_id: &str) -> Result<Trace> {
        let found = self.get_traces(&[trace_id.to_owned()]).await?.pop();
        found.ok_or_else(|| Error::NotFound(format!("Trace with ID {trace_id} is not found.")))
    }

    /// One page of traces, without their spans.
    ///
    /// # Errors
    /// When the filter, an order or the token cannot be read.
    pub async fn search_traces(&self, search: &SearchTraces) -> Result<Page<TraceInfo>> {
        check_count("traces on a page", MOST_RESULTS, search.max_results)?;
        let orders = search.order_by.iter().map(|text| parse_trace_order(text));
        let query = TraceQuery {
            experiment_ids: search.experiment_ids.clone(),
            conditions: parse_trace_filter(&search.filter)?,
            order_by: orders.collect::<std::result::Result<_, _>>()?,
            limit: search.max_results,
            page_token: search.page_token.clone(),
        };
        Ok(self.store.search_traces(&query).await?)
    }

    /// How often two conditions hold among the traces of experiments, where a base condition does.
    ///
    /// # Errors
    /// When a filter cannot be read.
    pub async fn correlate_traces(
        &self,
        experiment_ids: &[String],
        first: &str,
        second: &str,
        base: &str,
    ) -> Result<Correlation> {
        let [first, second, base] =
            [parse_trace_filter(first)?, parse_trace_filter(second)?, parse_trace_filter(base)?];
        let count = async |conditions: Vec<metria_store::TraceCondition>| {
            let experiment_ids = experiment_ids.to_vec();
            let query = TraceQuery { experiment_ids, conditions, limit: 1, ..TraceQuery::default() };
            self.store.count_traces(&query).await
        };
        Ok(Correlation {
            total: count(base.clone()).await?,
            first: count([base.clone(), first.clone()].concat()).await?,
            second: count([base.clone(), second.clone()].concat()).await?,
            both: self.count_both(experiment_ids, [base, first, second]).await?,
        })
    }

    /// Conditions on spans that come from two filters may hold for two spans, so the traces are compared by their ids.
    async fn count_both(
        &self,
        ids: &[String],
        [base, first, second]: [Vec<metria_store::TraceCondition>; 3],
    ) -> Result<u64> {
        let mut found = self.matching_ids(ids, [base.clone(), first].concat()).await?;
        let second: std::collections::HashSet<String> =
            self.matching_ids(ids, [base, second].concat()).await?.into_iter().collect();
        found.retain(|id| second.contains(id));
        Ok(found.len() as u64)
    }

    async fn matching_ids(&self, ids: &[String], conditions: Vec<metria_store::TraceCondition>) -> Result<Vec<String>> {
        let mut query =
            TraceQuery { experiment_ids: ids.to_vec(), conditions, limit: MOST_RESULTS, ..TraceQuery::default() };
        let mut found = Vec::new();
        loop {
            let page = self.store.search_traces(&query).await?;
            found.extend(page.items.into_iter().map(|info| info.trace_id));
            query.page_token = page.next_page_token;
            if query.page_token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Writes or replaces a tag.
    ///
    /// # Errors
    /// When the key is refused or the trace is not there.
    pub async fn set_trace_tag(&self, trace_id: &str, mut tag: Tag) -> Result<()> {
        checked_tags(std::slice::from_mut(&mut tag))?;
        Ok(self.store.set_trace_tag(trace_id, tag).await?)
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// When the trace or the tag is not there.
    pub async fn delete_trace_tag(&self, trace_id: &str, key: &str) -> Result<()> {
        Ok(self.store.delete_trace_tag(trace_id, key).await?)
    }

    /// Deletes traces of an experiment with their spans, and returns their ids.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_traces(&self, experiment_id: &str, which: TraceSelection) -> Result<Vec<String>> {
        Ok(self.store.delete_traces(experiment_id, which).await?)
    }

    /// Says that traces belong to a run.
    ///
    /// # Errors
    /// When there are more than 100, or the run is not there.
    pub async fn link_traces_to_run(&self, trace_ids: &[String], run_id: &str) -> Result<()> {
        check_count("traces to link in one request", MOST_LINKS, trace_ids.len())?;
        self.store.get_run(run_id).await?;
        Ok(self.store.link_traces_to_run(trace_ids, run_id).await?)
    }

    /// Says which versions of prompts (`name/version`) a trace used.
    ///
    /// # Errors
    /// When the trace is not there.
    pub async fn link_prompts(&self, trace_id: &str, prompts: &[String]) -> Result<()> {
        Ok(self.store.link_prompts(trace_id, prompts).await?)
    }

    /// Writes a new assessment and returns it as it is kept.
    ///
    /// # Errors
    /// When its name is refused, or the trace or what it overrides is not there.
    pub async fn create_assessment(&self, mut assessment: Assessment) -> Result<Assessment> {
        complete(&mut assessment)?;
        self.store.create_assessment(assessment.clone()).await?;
        Ok(assessment)
    }

    /// One assessment.
    ///
    /// # Errors
    /// When the trace or the assessment is not there.
    pub async fn get_assessment(&self, trace_id: &str, assessment_id: &str) -> Result<Assessment> {
        let said = self.get_trace_info(trace_id).await?.assessments;
        said.into_iter().find(|said| said.assessment_id == assessment_id).ok_or_else(|| {
            Error::NotFound(format!("Assessment with ID '{assessment_id}' not found for trace '{trace_id}'"))
        })
    }

    /// Replaces an assessment: name, value, error, rationale and metadata.
    ///
    /// # Errors
    /// When its name is refused or it is not there.
    pub async fn update_assessment(&self, mut assessment: Assessment) -> Result<Assessment> {
        check_key("assessment name", &assessment.name)?;
        assessment.last_update_time_ms = now_ms();
        Ok(self.store.update_assessment(assessment).await?)
    }

    /// Deletes an assessment; nothing happens when it is not there.
    ///
    /// # Errors
    /// When the trace is not there.
    pub async fn delete_assessment(&self, trace_id: &str, assessment_id: &str) -> Result<()> {
        Ok(self.store.delete_assessment(trace_id, assessment_id).await?)
    }
}

/// Gives a new assessment its id and times.
fn complete(assessment: &mut Assessment) -> Result<()> {
    check_key("assessment name", &assessment.name)?;
    checked_tags(&mut assessment.metadata)?;
    assessment.metadata.sort_by(|a, b| a.key.cmp(&b.key));
    if assessment.assessment_id.is_empty() {
        assessment.assessment_id = format!("a-{}", ids::new_id());
    }
    if assessment.create_time_ms == 0 {
        assessment.create_time_ms = now_ms();
    }
    if assessment.last_update_time_ms == 0 {
        assessment.last_update_time_ms = assessment.create_time_ms;
    }
    Ok(())
}
