//! Both sides again, one beside the other.

use crate::copy::{Copied, digest, points, texts};
use crate::error::Result;
use crate::side::{Mirror, Place, Problems, Source, SourceModel, SourceRun};
use metria_store::{Experiment, ModelVersion};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Most differences that are told one by one.
const MOST_TOLD: usize = 100;

/// One kind of thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableRow {
    /// Such as `runs`.
    pub what: &'static str,
    /// How many the source has.
    pub source: u64,
    /// How many of them are the same here.
    pub same: u64,
}

/// Something that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference(pub String);

/// The outcome of a check.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// One row a kind.
    pub rows: Vec<TableRow>,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// What is there but was not taken over.
    pub left_out: Vec<TableRow>,
}

impl Table {
    /// Whether everything is the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.rows.iter().all(|row| row.source == row.same)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Experiments,
    Runs,
    Params,
    Tags,
    Metrics,
    Measurements,
    Inputs,
    Files,
    Models,
    Versions,
    Aliases,
}

const KINDS: [&str; 11] = [
    "experiments",
    "runs",
    "params",
    "tags",
    "metrics",
    "measurements",
    "dataset inputs",
    "artifact files",
    "registered models",
    "model versions",
    "aliases",
];

struct Checker {
    rows: Vec<TableRow>,
    differences: Vec<Difference>,
}

impl Checker {
    fn count(&mut self, kind: Kind, source: usize, same: usize) {
        let row = &mut self.rows[kind as usize];
        row.source += source as u64;
        row.same += same as u64;
    }

    /// Counts one thing; what is wrong with it is told.
    fn one(&mut self, kind: Kind, wrong: Option<String>) {
        self.count(kind, 1, usize::from(wrong.is_none()));
        if let Some(wrong) = wrong {
            self.tell(wrong);
        }
    }

    fn tell(&mut self, wrong: String) {
        if self.differences.len() < MOST_TOLD {
            self.differences.push(Difference(wrong));
        }
    }

    /// Counts a map; what differs is told.
    fn map<V: PartialEq>(&mut self, kind: Kind, of: &str, source: &BTreeMap<&str, V>, here: &BTreeMap<&str, V>) {
        let mut same = 0;
        for (key, value) in source {
            if here.get(key) == Some(value) {
                same += 1;
            } else {
                let how = if here.contains_key(key) { "is another" } else { "is missing" };
                self.tell(format!("{} `{key}` of {of} {how}", KINDS[kind as usize]));
            }
        }
        self.count(kind, source.len(), same);
    }
}

/// Reads both sides again and compares what the source has with what is here: values, histories point by point, files
/// by digest. What is here besides is nobody's business.
///
/// # Errors
/// When a side cannot be read.
pub async fn check(source: &dyn Source, here: &dyn Mirror, copied: &Copied, problems: &Problems) -> Result<Table> {
    let rows = KINDS.iter().map(|what| TableRow { what, ..TableRow::default() }).collect();
    let mut checker = Checker { rows, differences: Vec::new() };
    let present: BTreeMap<String, Experiment> = here
        .experiments()
        .await?
        .into_iter()
        .map(|experiment| (experiment.experiment_id.clone(), experiment))
        .collect();
    for experiment in source.experiments().await? {
        let mine = copied.experiments.get(&experiment.experiment_id);
        let mine = mine.and_then(|mine| present.get(&mine.experiment_id));
        let named = format!("experiment {} (`{}`)", experiment.experiment_id, experiment.name);
        checker.one(Kind::Experiments, experiment_difference(&experiment, mine).map(|how| format!("{named} {how}")));
        let Some(mine) = mine else { continue };
        let mut page = None;
        loop {
            let (runs, next) = source.runs(&experiment, page).await?;
            for run in runs {
                let found = match here.run(mine, &run.run.info.run_id).await {
                    // The id is another's here; the copy has told it.
                    Err(error) if error.is_of_one_record() => None,
                    found => found?,
                };
                checker.run(source, here, (&experiment, mine), &run, found.as_ref()).await?;
            }
            page = next;
            if page.is_none() {
                break;
            }
        }
        for model in source.logged_models(&experiment).await? {
            let of = format!("the logged model {}", model.model_id);
            let (from, to) = (Place::Model(&experiment, &model), Place::Model(mine, &model));
            checker.files(source, here, from, to, &of).await?;
        }
    }
    let mine: BTreeMap<String, SourceModel> =
        here.models().await?.into_iter().map(|model| (model.model.name.clone(), model)).collect();
    for model in source.models().await? {
        checker.model(&model, mine.get(&model.model.name));
    }
    for problem in problems.list() {
        checker.tell(problem);
    }
    let left_out = source.left_out().await?;
    let left_out = left_out.into_iter().map(|(what, source)| TableRow { what, source, same: 0 }).collect();
    Ok(Table { rows: checker.rows, differences: checker.differences, left_out })
}

/// What differs; more tags here are fine, and so are other times where there was an experiment of the name before.
fn experiment_difference(source: &Experiment, here: Option<&Experiment>) -> Option<String> {
    let Some(here) = here else { return Some("is missing".to_owned()) };
    let merged = source.experiment_id != here.experiment_id || source.name == "Default";
    if source.name != here.name {
        return Some(format!("is called `{}`", here.name));
    }
    if source.lifecycle != here.lifecycle && !merged {
        return Some("is deleted on one side only".to_owned());
    }
    if source.creation_time_ms != here.creation_time_ms && !merged {
        return Some("has another creation time".to_owned());
    }
    let tags: BTreeSet<_> = here.tags.iter().map(|tag| (&tag.key, &tag.value)).collect();
    let lacking = source.tags.iter().find(|tag| !tags.contains(&(&tag.key, &tag.value)));
    lacking.map(|tag| format!("lacks the tag `{}`, or it has another value", tag.key))
}

impl Checker {
    async fn run(
        &mut self,
        source: &dyn Source,
        here: &dyn Mirror,
        (theirs, mine): (&Experiment, &Experiment),
        run: &SourceRun,
        found: Option<&SourceRun>,
    ) -> Result<()> {
        let run_id = &run.run.info.run_id;
        let of = format!("run {run_id}");
        let a = &run.run.info;
        let missing = SourceRun { run: crate::records::run(a.clone()), metric_keys: Vec::new() };
        let difference = match found.map(|found| &found.run.info) {
            None => Some("is missing"),
            Some(b) if a.run_name != b.run_name => Some("has another name"),
            Some(b) if a.status != b.status => Some("has another status"),
            Some(b) if (a.start_time_ms, a.end_time_ms) != (b.start_time_ms, b.end_time_ms) => Some("has other times"),
            Some(b) if a.user_id != b.user_id => Some("is of another user"),
            Some(b) if a.lifecycle != b.lifecycle => Some("is deleted on one side only"),
            Some(_) => None,
        };
        self.one(Kind::Runs, difference.map(|how| format!("{of} {how}")));
        let is_here = found.is_some();
        let found = found.unwrap_or(&missing);
        let ((params, tags), (params_here, tags_here)) = (texts(&run.run), texts(&found.run));
        self.map(Kind::Params, &of, &params, &params_here);
        self.map(Kind::Tags, &of, &tags, &tags_here);
        let same = run.run.inputs.iter().filter(|input| found.run.inputs.contains(input)).count();
        if same < run.run.inputs.len() {
            self.tell(format!("dataset inputs of {of} differ"));
        }
        self.count(Kind::Inputs, run.run.inputs.len(), same);
        for key in &run.metric_keys {
            let history = points(&source.history(theirs, &run.run, key).await?);
            let there = if is_here { points(&here.history(mine, &found.run, key).await?) } else { points(&[]) };
            let same = history.intersection(&there).count();
            self.count(Kind::Measurements, history.len(), same);
            let complete = same == history.len() && there.len() == same;
            self.one(Kind::Metrics, (!complete).then(|| format!("the history of the metric `{key}` of {of} differs")));
        }
        if is_here {
            let (from, to) = (Place::Run(theirs, &run.run), Place::Run(mine, &found.run));
            self.files(source, here, from, to, &of).await?;
        }
        Ok(())
    }

    async fn files(
        &mut self,
        source: &dyn Source,
        here: &dyn Mirror,
        from: Place<'_>,
        to: Place<'_>,
        of: &str,
    ) -> Result<()> {
        let files = match source.files(from).await {
            Ok(files) => files,
            // The copy has told it.
            Err(error) if error.is_of_one_record() => return Ok(()),
            Err(error) => return Err(error),
        };
        let there: BTreeSet<String> = here.files(to).await?.into_iter().collect();
        for path in files {
            let wrong = if !there.contains(&path) {
                Some(format!("the artifact `{path}` of {of} is missing"))
            } else if digest(source, from, &path).await? == digest(here, to, &path).await? {
                None
            } else {
                Some(format!("the artifact `{path}` of {of} has another content"))
            };
            self.one(Kind::Files, wrong);
        }
        Ok(())
    }

    fn model(&mut self, source: &SourceModel, here: Option<&SourceModel>) {
        let name = &source.model.name;
        let difference = match here.map(|here| &here.model) {
            None => Some("is missing".to_owned()),
            Some(here) if here.description != source.model.description => Some("has another description".to_owned()),
            Some(here) => {
                let tags: BTreeSet<_> = here.tags.iter().map(|tag| (&tag.key, &tag.value)).collect();
                let lacking = source.model.tags.iter().find(|tag| !tags.contains(&(&tag.key, &tag.value)));
                lacking.map(|tag| format!("lacks the tag `{}`, or it has another value", tag.key))
            }
        };
        self.one(Kind::Models, difference.map(|how| format!("the model `{name}` {how}")));
        for version in &source.versions {
            let mine = here.and_then(|here| here.versions.iter().find(|mine| mine.version == version.version));
            let difference = version_difference(version, mine);
            self.one(Kind::Versions, difference.map(|how| format!("version {} of `{name}` {how}", version.version)));
        }
        for (alias, version) in &source.model.aliases {
            let same = here.is_some_and(|here| here.model.aliases.contains(&(alias.clone(), *version)));
            self.one(Kind::Aliases, (!same).then(|| format!("the alias `{alias}` of `{name}` points elsewhere")));
        }
    }
}

fn version_difference(source: &ModelVersion, here: Option<&ModelVersion>) -> Option<&'static str> {
    let Some(here) = here else { return Some("is missing") };
    let tags = |version: &ModelVersion| -> BTreeSet<(String, String)> {
        version.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
    };
    let is = |same: bool, how: &'static str| (!same).then_some(how);
    is(source.stage == here.stage, "is in another stage")
        .or_else(|| is(source.source == here.source, "has another source"))
        .or_else(|| is(source.run_id == here.run_id, "is of another run"))
        .or_else(|| is(source.description == here.description, "has another description"))
        .or_else(|| is(source.creation_time_ms == here.creation_time_ms, "has another creation time"))
        .or_else(|| is(tags(source).is_subset(&tags(here)), "lacks a tag"))
}
