//! Traces in memory.

use super::{MemoryStore, Records, delete_tag, set_tag};
use crate::error::{Error, Result};
use crate::experiments::Lifecycle;
use crate::page_token::SortValue;
use crate::query::{Comparison, Page, Value};
use crate::runs::Tag;
use crate::text::{check_tags, check_texts};
use crate::trace_query::{TraceCondition, TraceField, TraceOrder, TracePlace, TraceQuery, is_number};
use crate::traces::{
    Assessment, AssessmentKind, FINALIZED, SOURCE_RUN, Span, TraceInfo, TraceSelection, TraceSpans, TraceStore,
};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A trace with everything that belongs to it.
#[derive(Debug, Default)]
pub(super) struct StoredTrace {
    pub(super) info: TraceInfo,
    spans: BTreeMap<String, Span>,
    assessments: BTreeMap<String, Assessment>,
    runs: BTreeSet<String>,
    prompts: BTreeSet<String>,
}

fn find<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
}

/// Times as numbers, exact within 285,000 years of 1970.
#[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53")]
fn time(time_ms: i64) -> Value<'static> {
    Value::Number(time_ms as f64)
}

impl StoredTrace {
    fn whole(&self) -> TraceInfo {
        let mut assessments: Vec<Assessment> = self.assessments.values().cloned().collect();
        assessments.sort_by_key(|assessment| assessment.create_time_ms);
        TraceInfo { assessments, ..self.info.clone() }
    }

    fn value(&self, field: TraceField, key: &str) -> Option<Value<'_>> {
        let info = &self.info;
        match (field, key) {
            (TraceField::Tag, key) => find(&info.tags, key).map(Value::Text),
            (TraceField::Metadata, key) => find(&info.metadata, key).map(Value::Text),
            (_, "trace_id") => Some(Value::Text(&info.trace_id)),
            (_, "experiment_id") => Some(Value::Text(&info.experiment_id)),
            (_, "client_request_id") => info.client_request_id.as_deref().map(Value::Text),
            (_, "state") => Some(Value::Text(info.state.as_str())),
            (_, "request_time_ms") => Some(time(info.request_time_ms)),
            (_, "execution_duration_ms") => info.execution_duration_ms.map(time),
            _ => Some(time(info.end_time_ms())),
        }
    }

    fn holds(&self, condition: &TraceCondition) -> bool {
        let TraceCondition { field, key, comparison } = condition;
        let text = match comparison {
            Comparison::TextEquals(text) => text.as_str(),
            _ => "",
        };
        match field {
            TraceField::Attribute | TraceField::Tag | TraceField::Metadata => {
                comparison.holds(self.value(*field, key).as_ref())
            }
            // These are looked at together.
            TraceField::Span | TraceField::SpanAttribute | TraceField::SpanText => true,
            TraceField::Feedback => self.is_said(AssessmentKind::Feedback, key, comparison),
            TraceField::Expectation => self.is_said(AssessmentKind::Expectation, key, comparison),
            TraceField::Issue => {
                self.assessments.values().any(|said| said.kind == AssessmentKind::Issue && said.name == text)
            }
            TraceField::Run => self.runs.contains(text) || find(&self.info.metadata, SOURCE_RUN) == Some(text),
            TraceField::Prompt => self.prompts.contains(text),
        }
    }

    fn is_said(&self, kind: AssessmentKind, name: &str, comparison: &Comparison) -> bool {
        let mut said = self.assessments.values().filter(|said| said.valid && said.kind == kind && said.name == name);
        if *comparison == Comparison::IsNull {
            return said.next().is_none();
        }
        said.any(|said| {
            let json = said.value.to_string();
            match comparison {
                Comparison::TextEquals(text) => json == *text || said.value == text.as_str(),
                Comparison::TextNotEquals(text) => json != *text && said.value != text.as_str(),
                Comparison::Like(_) | Comparison::ILike(_) | Comparison::IsNotNull => {
                    comparison.holds(Some(&Value::Text(&json)))
                }
                _ => comparison.holds(said.number().map(Value::Number).as_ref()),
            }
        })
    }

    fn is_wanted(&self, query: &TraceQuery) -> bool {
        let on_spans: Vec<&TraceCondition> = query
            .conditions
            .iter()
            .filter(|c| matches!(c.field, TraceField::Span | TraceField::SpanAttribute | TraceField::SpanText))
            .collect();
        (query.experiment_ids.is_empty() || query.experiment_ids.contains(&self.info.experiment_id))
            && query.conditions.iter().all(|condition| self.holds(condition))
            && (on_spans.is_empty() || self.spans.values().any(|span| on_spans.iter().all(|c| span_holds(span, c))))
    }

    fn sort_value(&self, order: &TraceOrder) -> SortValue {
        match (order.field, order.key.as_str()) {
            (TraceField::Attribute, "request_time_ms") => SortValue::Integer(self.info.request_time_ms),
            (TraceField::Attribute, "end_time_ms") => SortValue::Integer(self.info.end_time_ms()),
            (TraceField::Attribute, key) if is_number(key) => {
                self.info.execution_duration_ms.map_or(SortValue::Missing, SortValue::Integer)
            }
            (field, key) => match self.value(field, key) {
                Some(Value::Text(text)) => SortValue::Text(text.to_owned()),
                _ => SortValue::Missing,
            },
        }
    }

    fn place(&self, query: &TraceQuery) -> TracePlace {
        let keys = query.order_by.iter().map(|order| self.sort_value(order)).collect();
        TracePlace::new(query, keys, self.info.request_time_ms, self.info.trace_id.clone())
    }
}

fn span_holds(span: &Span, condition: &TraceCondition) -> bool {
    let TraceCondition { field, key, comparison } = condition;
    let compared = |text: &str| comparison.holds(Some(&Value::Text(text)));
    match (field, key.as_str()) {
        (TraceField::SpanText, _) => compared(&span.name) || compared(&span.content.to_json()),
        (TraceField::SpanAttribute, key) => match span.content.attributes.get(key) {
            None => false,
            Some(serde_json::Value::String(text)) => compared(text),
            Some(other) => compared(&other.to_string()),
        },
        (_, "name") => compared(&span.name),
        (_, "type") => span.span_type.as_deref().is_some_and(compared),
        _ => compared(span.status.as_str()),
    }
}

fn compare_keys(a: &SortValue, b: &SortValue, ascending: bool) -> Ordering {
    let ordering = match (a, b) {
        (SortValue::Missing, SortValue::Missing) => return Ordering::Equal,
        (SortValue::Missing, _) => return Ordering::Greater,
        (_, SortValue::Missing) => return Ordering::Less,
        (SortValue::Integer(a), SortValue::Integer(b)) => a.cmp(b),
        (SortValue::Text(a), SortValue::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    };
    if ascending { ordering } else { ordering.reverse() }
}

fn compare_places(order_by: &[TraceOrder], a: &TracePlace, b: &TracePlace) -> Ordering {
    let keys = order_by.iter().zip(a.keys.iter().zip(&b.keys));
    let by_keys =
        keys.fold(Ordering::Equal, |so_far, (order, (a, b))| so_far.then_with(|| compare_keys(a, b, order.ascending)));
    by_keys.then_with(|| b.request_time_ms.cmp(&a.request_time_ms)).then_with(|| a.trace_id.cmp(&b.trace_id))
}

impl Records {
    fn trace(&mut self, trace_id: &str) -> Result<&mut StoredTrace> {
        self.traces.get_mut(trace_id).ok_or_else(|| Error::NotFound { kind: "trace", id: trace_id.to_owned() })
    }

    fn open_experiment(&mut self, experiment_id: &str) -> Result<()> {
        if self.experiment(experiment_id)?.lifecycle == Lifecycle::Deleted {
            return Err(Error::Conflict(format!(
                "the experiment {experiment_id} is deleted; restore it before adding traces"
            )));
        }
        Ok(())
    }
}

fn start(records: &mut Records, info: TraceInfo) -> Result<TraceInfo> {
    records.open_experiment(&info.experiment_id)?;
    let stored = records.traces.entry(info.trace_id.clone()).or_default();
    let there = std::mem::take(&mut stored.info);
    stored.info = TraceInfo {
        request_preview: info.request_preview.or(there.request_preview),
        response_preview: info.response_preview.or(there.response_preview),
        metadata: there.metadata,
        tags: there.tags,
        assessments: Vec::new(),
        ..info
    };
    info.tags.into_iter().for_each(|tag| set_tag(&mut stored.info.tags, tag));
    info.metadata.into_iter().for_each(|tag| set_tag(&mut stored.info.metadata, tag));
    for assessment in info.assessments {
        stored.assessments.insert(assessment.assessment_id.clone(), assessment);
    }
    Ok(stored.whole())
}

fn log(records: &mut Records, TraceSpans { info, spans }: TraceSpans) {
    let stored = records.traces.entry(info.trace_id.clone()).or_default();
    if stored.info.trace_id.is_empty() {
        stored.info = TraceInfo { metadata: Vec::new(), tags: Vec::new(), assessments: Vec::new(), ..info.clone() };
    } else {
        let finalized = find(&stored.info.metadata, FINALIZED).is_some();
        stored.info.absorb(&info, finalized);
    }
    info.tags.into_iter().for_each(|tag| set_tag(&mut stored.info.tags, tag));
    for tag in info.metadata {
        if find(&stored.info.metadata, &tag.key).is_none() {
            set_tag(&mut stored.info.metadata, tag);
        }
    }
    stored.spans.extend(spans.into_iter().map(|span| (span.span_id.clone(), span)));
}

#[async_trait::async_trait]
impl TraceStore for MemoryStore {
    async fn start_trace(&self, info: TraceInfo) -> Result<TraceInfo> {
        info.check()?;
        self.with(|records| start(records, info))
    }

    async fn log_spans(&self, traces: Vec<TraceSpans>) -> Result<()> {
        traces.iter().try_for_each(TraceSpans::check)?;
        self.with(|records| {
            for trace in &traces {
                if !records.traces.contains_key(&trace.info.trace_id) {
                    records.open_experiment(&trace.info.experiment_id)?;
                }
            }
            traces.into_iter().for_each(|trace| log(records, trace));
            Ok(())
        })
    }

    async fn get_traces(&self, trace_ids: &[String]) -> Result<Vec<TraceInfo>> {
        self.with(|records| {
            let mut seen = BTreeSet::new();
            let ids = trace_ids.iter().filter(|id| seen.insert(id.as_str()));
            Ok(ids.filter_map(|id| records.traces.get(id)).map(StoredTrace::whole).collect())
        })
    }

    async fn get_spans(&self, trace_ids: &[String]) -> Result<Vec<Span>> {
        self.with(|records| {
            let ids: BTreeSet<&String> = trace_ids.iter().collect();
            let mut spans = Vec::new();
            for trace in ids.into_iter().filter_map(|id| records.traces.get(id)) {
                let mut of_trace: Vec<Span> = trace.spans.values().cloned().collect();
                of_trace.sort_by_key(|span| (span.parent_span_id.is_some(), span.start_time_ns));
                spans.append(&mut of_trace);
            }
            Ok(spans)
        })
    }

    async fn search_traces(&self, query: &TraceQuery) -> Result<Page<TraceInfo>> {
        query.check()?;
        let after = TracePlace::of(query)?;
        self.with(|records| {
            let wanted = records.traces.values().filter(|trace| trace.is_wanted(query));
            let mut found: Vec<(TracePlace, &StoredTrace)> = wanted.map(|trace| (trace.place(query), trace)).collect();
            found.sort_by(|(a, _), (b, _)| compare_places(&query.order_by, a, b));
            if let Some(after) = after {
                found.retain(|(place, _)| compare_places(&query.order_by, place, &after) == Ordering::Greater);
            }
            let more = found.len() > query.limit;
            found.truncate(query.limit);
            let next_page_token = found.last().filter(|_| more).map(|(place, _)| place.encode());
            Ok(Page { items: found.into_iter().map(|(_, trace)| trace.whole()).collect(), next_page_token })
        })
    }

    async fn count_traces(&self, query: &TraceQuery) -> Result<u64> {
        query.check()?;
        self.with(|records| Ok(records.traces.values().filter(|trace| trace.is_wanted(query)).count() as u64))
    }

    async fn set_trace_tag(&self, trace_id: &str, tag: Tag) -> Result<()> {
        check_tags([&tag])?;
        self.with(|records| {
            set_tag(&mut records.trace(trace_id)?.info.tags, tag);
            Ok(())
        })
    }

    async fn delete_trace_tag(&self, trace_id: &str, key: &str) -> Result<()> {
        self.with(|records| delete_tag(&mut records.trace(trace_id)?.info.tags, key))
    }

    async fn delete_traces(&self, experiment_id: &str, which: TraceSelection) -> Result<Vec<String>> {
        self.with(|records| {
            let mut found: Vec<(i64, String)> = records
                .traces
                .values()
                .map(|trace| &trace.info)
                .filter(|info| info.experiment_id == experiment_id)
                .filter(|info| which.max_request_time_ms.is_none_or(|most| info.request_time_ms <= most))
                .filter(|info| which.trace_ids.as_ref().is_none_or(|ids| ids.contains(&info.trace_id)))
                .map(|info| (info.request_time_ms, info.trace_id.clone()))
                .collect();
            found.sort();
            found.truncate(which.limit.unwrap_or(usize::MAX));
            let ids: Vec<String> = found.into_iter().map(|(_, id)| id).collect();
            for id in &ids {
                records.traces.remove(id);
            }
            Ok(ids)
        })
    }

    async fn link_traces_to_run(&self, trace_ids: &[String], run_id: &str) -> Result<()> {
        check_texts([run_id])?;
        self.with(|records| {
            for id in trace_ids {
                if let Some(trace) = records.traces.get_mut(id) {
                    trace.runs.insert(run_id.to_owned());
                }
            }
            Ok(())
        })
    }

    async fn link_prompts(&self, trace_id: &str, prompts: &[String]) -> Result<()> {
        check_texts(prompts)?;
        self.with(|records| {
            records.trace(trace_id)?.prompts.extend(prompts.iter().cloned());
            Ok(())
        })
    }

    async fn create_assessment(&self, assessment: Assessment) -> Result<()> {
        assessment.check()?;
        self.with(|records| {
            let there = &mut records.trace(&assessment.trace_id)?.assessments;
            if there.contains_key(&assessment.assessment_id) {
                return Err(Error::AlreadyExists { kind: "assessment", id: assessment.assessment_id });
            }
            if let Some(id) = &assessment.overrides {
                let overridden = there.get_mut(id);
                overridden.ok_or_else(|| Error::NotFound { kind: "assessment", id: id.clone() })?.valid = false;
            }
            there.insert(assessment.assessment_id.clone(), assessment);
            Ok(())
        })
    }

    async fn update_assessment(&self, assessment: Assessment) -> Result<Assessment> {
        assessment.check()?;
        self.with(|records| {
            let id = &assessment.assessment_id;
            let there = records.trace(&assessment.trace_id)?.assessments.get_mut(id);
            let there = there.ok_or_else(|| Error::NotFound { kind: "assessment", id: id.clone() })?;
            there.name = assessment.name;
            there.value = assessment.value;
            there.error = assessment.error;
            there.rationale = assessment.rationale;
            there.metadata = assessment.metadata;
            there.last_update_time_ms = assessment.last_update_time_ms;
            Ok(there.clone())
        })
    }

    async fn delete_assessment(&self, trace_id: &str, assessment_id: &str) -> Result<()> {
        self.with(|records| {
            let there = &mut records.trace(trace_id)?.assessments;
            let overridden = there.remove(assessment_id).and_then(|deleted| deleted.overrides);
            if let Some(overridden) = overridden.and_then(|id| there.get_mut(&id)) {
                overridden.valid = true;
            }
            Ok(())
        })
    }
}
