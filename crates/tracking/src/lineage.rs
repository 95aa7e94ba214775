//! Where a model version comes from: the data that its run read, the run, its parents, the version.

use crate::Tracking;
use crate::error::Result;
use metria_core::time::iso8601;
use metria_core::{ErrorKind, Kinded, ModelUri, VersionSelector};
use metria_store::{ModelVersion, Run};
use serde::Serialize;
use std::collections::BTreeMap;

/// The tag by which a run names the run that it is part of.
const PARENT: &str = "mlflow.parentRunId";
/// Most steps from a version back to where it was copied from, or from a run to its parent.
const FARTHEST: usize = 20;

/// What a node of a lineage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LineageKind {
    /// A dataset, by its digest.
    Dataset,
    /// A run.
    Run,
    /// A version of a registered model.
    ModelVersion,
    /// A registered model.
    Model,
}

/// One thing in a lineage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineageNode {
    /// Unique in the graph: `dataset:DIGEST`, `runs:/ID`, `models:/NAME/VERSION` or `models:/NAME`.
    pub id: String,
    /// What it is.
    pub kind: LineageKind,
    /// Its name for people.
    pub name: String,
    /// What else is known: stage, aliases, status, commit, digest …
    pub facts: BTreeMap<String, String>,
}

/// That one thing led to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineageEdge {
    /// Where it comes from.
    pub from: String,
    /// Where it goes.
    pub to: String,
    /// How: `read as training`, `contains`, `registered as`, `copied to`, `version of`.
    pub relation: String,
}

/// A graph from the data to a model, the version that was asked about first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lineage {
    /// Each thing once.
    pub nodes: Vec<LineageNode>,
    /// How they hang together.
    pub edges: Vec<LineageEdge>,
}

impl Lineage {
    fn has(&self, id: &str) -> bool {
        self.nodes.iter().any(|node| node.id == id)
    }

    fn node(&mut self, id: &str, kind: LineageKind, name: &str, facts: Vec<(&str, String)>) {
        if !self.has(id) {
            let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
            let facts = facts.map(|(key, value)| (key.to_owned(), value)).collect();
            self.nodes.push(LineageNode { id: id.to_owned(), kind, name: name.to_owned(), facts });
        }
    }

    fn edge(&mut self, from: &str, to: &str, relation: &str) {
        let edge = LineageEdge { from: from.to_owned(), to: to.to_owned(), relation: relation.to_owned() };
        if !self.edges.contains(&edge) {
            self.edges.push(edge);
        }
    }

    /// What leads to a node, in the order it was found.
    pub fn sources<'a>(&'a self, id: &'a str) -> impl Iterator<Item = (&'a LineageNode, &'a str)> {
        let edges = self.edges.iter().filter(move |edge| edge.to == id);
        edges.filter_map(|edge| Some((self.nodes.iter().find(|node| node.id == edge.from)?, edge.relation.as_str())))
    }
}

fn tag(run: &Run, key: &str) -> String {
    run.tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.clone()).unwrap_or_default()
}

fn version_id(version: &ModelVersion) -> String {
    format!("models:/{}/{}", version.name, version.version)
}

impl Tracking {
    /// The graph from the data to a version and its model. What is no more is still named, with `removed` among its
    /// facts.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn lineage(&self, name: &str, version: u32) -> Result<Lineage> {
        let mut lineage = Lineage::default();
        let mut version = self.get_version(name, version).await?;
        let first = version_id(&version);
        for _ in 0..FARTHEST {
            let id = version_id(&version);
            self.add_version(&mut lineage, &version).await?;
            let Some(source) = self.copied_from(&version).await? else { break };
            let source_id = version_id(&source);
            let known = lineage.has(&source_id);
            if !known {
                self.add_version(&mut lineage, &source).await?;
            }
            lineage.edge(&source_id, &id, "copied to");
            if known {
                break;
            }
            version = source;
        }
        let model = self.get_model(name).await?;
        let id = format!("models:/{name}");
        lineage.node(&id, LineageKind::Model, name, vec![("description", model.description)]);
        lineage.edge(&first, &id, "version of");
        Ok(lineage)
    }

    async fn add_version(&self, lineage: &mut Lineage, version: &ModelVersion) -> Result<()> {
        let id = version_id(version);
        let model = self.get_model(&version.name).await?;
        let aliases = model.aliases.iter().filter(|(_, of)| *of == version.version).map(|(alias, _)| alias.as_str());
        let facts = vec![
            ("stage", version.stage.to_string()),
            ("aliases", aliases.collect::<Vec<_>>().join(", ")),
            ("source", version.source.clone()),
            ("registered", iso8601(version.creation_time_ms)),
            ("by", version.user_id.clone()),
        ];
        lineage.node(&id, LineageKind::ModelVersion, &format!("{}/{}", version.name, version.version), facts);
        if let Some(run_id) = &version.run_id {
            self.add_run(lineage, run_id).await?;
            lineage.edge(&format!("runs:/{run_id}"), &id, "registered as");
        }
        Ok(())
    }

    /// The version of which a version is a copy.
    async fn copied_from(&self, version: &ModelVersion) -> Result<Option<ModelVersion>> {
        let Ok(ModelUri::Registered { name, selector: VersionSelector::Version(number) }) = version.source.parse()
        else {
            return Ok(None);
        };
        match self.get_version(&name, number).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A run with what it read, and the runs that it is part of.
    async fn add_run(&self, lineage: &mut Lineage, run_id: &str) -> Result<()> {
        let mut run_id = run_id.to_owned();
        for _ in 0..FARTHEST {
            let id = format!("runs:/{run_id}");
            let run = match self.get_run(&run_id).await {
                Ok(run) => run,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    lineage.node(&id, LineageKind::Run, &run_id, vec![("removed", "yes".to_owned())]);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let facts = vec![
                ("experiment", run.info.experiment_id.clone()),
                ("status", run.info.status.as_str().to_owned()),
                ("started", iso8601(run.info.start_time_ms)),
                ("by", run.info.user_id.clone()),
                ("commit", tag(&run, "mlflow.source.git.commit")),
            ];
            lineage.node(&id, LineageKind::Run, &run.info.run_name, facts);
            for input in &run.inputs {
                let dataset = format!("dataset:{}", input.digest);
                let facts = vec![("digest", input.digest.clone()), ("source", input.source.clone())];
                lineage.node(&dataset, LineageKind::Dataset, &input.name, facts);
                let relation = input.context.as_ref().map_or("read".to_owned(), |context| format!("read as {context}"));
                lineage.edge(&dataset, &id, &relation);
            }
            let parent = tag(&run, PARENT);
            if parent.is_empty() {
                return Ok(());
            }
            let parent_id = format!("runs:/{parent}");
            let known = lineage.has(&parent_id);
            lineage.edge(&parent_id, &id, "contains");
            if known {
                return Ok(());
            }
            run_id = parent;
        }
        Ok(())
    }
}
