//! `metria models`: the registry.

use super::train::{gate_policy, print_outcome, user};
use super::{Context, output};
use anyhow::Result;
use clap::Subcommand;
use metria::{Registration, Workspace};
use metria_core::ModelStage;
use metria_core::time::iso8601;
use metria_tracking::{ComparedRow, Lineage, LineageKind, LineageNode, VersionsComparison};
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// Every registered model with its versions in use
    List,
    /// One model: versions, stages, aliases, transitions and the gate's decisions
    Show {
        /// The model
        name: String,
    },
    /// Make a run's model the next version of a name
    Register {
        /// The model: runs:/RUN_ID/PATH
        model_uri: String,
        /// The name to register under
        name: String,
        /// For people
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Move a version to a stage; Production needs the gate's consent or a recorded override
    Promote {
        /// The model
        name: String,
        /// The version
        version: u32,
        /// None, Staging, Production or Archived
        #[arg(default_value = "Production")]
        stage: ModelStage,
        /// Why
        #[arg(long, default_value = "")]
        description: String,
        /// Promote although the gate did not let it through; the reason is recorded
        #[arg(long, value_name = "REASON")]
        override_gate: Option<String>,
    },
    /// Point an alias at a version, or remove it
    Alias {
        /// The model
        name: String,
        /// The alias
        alias: String,
        /// The version; without it the alias is removed
        version: Option<u32>,
    },
    /// Params, metrics and signatures of versions side by side, what differs first
    Compare {
        /// The model
        name: String,
        /// Two or more versions
        #[arg(required = true, num_args = 2..)]
        versions: Vec<u32>,
    },
    /// Where a version comes from: its run, the data that was read, the runs and versions before
    Lineage {
        /// The model
        name: String,
        /// The version
        version: u32,
    },
    /// Back to the version that was in Production, or another stage, before
    Rollback {
        /// The model
        name: String,
        /// Production or Staging
        #[arg(long, default_value = "Production")]
        stage: ModelStage,
    },
    /// Ask the gate about a version with the metrics of its run, without promoting
    Gate {
        /// The model
        name: String,
        /// The version
        version: u32,
        /// The least a metric must reach; may be repeated
        #[arg(long = "minimum", value_name = "METRIC=VALUE")]
        minimums: Vec<String>,
    },
}

impl Models {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let workspace = context.workspace().await?;
        let done = self.run_in(&workspace, context).await;
        workspace.close().await;
        done
    }

    async fn run_in(self, workspace: &Workspace, context: &Context) -> Result<()> {
        let tracking = &workspace.tracking;
        match self {
            Self::List => list(workspace, context).await,
            Self::Show { name } => show(context, &tracking.model_details(&name).await?),
            Self::Register { model_uri, name, description } => {
                metria_core::names::check_model_name(&name)?;
                let registration = Registration { name, model_uri, description: Some(description), user: user() };
                let version = workspace.register_model(&registration).await?;
                say(context, &version, &format!("{} has version {} now", version.name, version.version))
            }
            Self::Promote { name, version, stage, description, override_gate } => {
                let version = tracking.promote(&name, version, stage, &user(), &description, override_gate).await?;
                say(context, &version, &format!("version {} of {name} is in {} now", version.version, version.stage))
            }
            Self::Alias { name, alias, version: Some(version) } => {
                tracking.set_alias(&name, &alias, version).await?;
                let told = serde_json::json!({"name": name, "alias": alias, "version": version});
                say(context, &told, &format!("models:/{name}@{alias} is version {version} now"))
            }
            Self::Alias { name, alias, version: None } => {
                tracking.delete_alias(&name, &alias).await?;
                let told = serde_json::json!({"name": name, "alias": alias, "version": null});
                say(context, &told, &format!("models:/{name}@{alias} is no more"))
            }
            Self::Compare { name, versions } => {
                if versions.len() > 100 {
                    let got = versions.len();
                    return Err(output::Usage(format!("at most 100 versions are compared; got {got}")).into());
                }
                compare(context, &workspace.compare_versions(&name, &versions).await?)
            }
            Self::Lineage { name, version } => lineage(context, &tracking.lineage(&name, version).await?),
            Self::Rollback { name, stage } => {
                let version = tracking.rollback_in(&name, stage, &user()).await?;
                say(context, &version, &format!("version {} of {name} is in {stage} again", version.version))
            }
            Self::Gate { name, version, minimums } => {
                let outcome = tracking.ask_gate(&name, version, &gate_policy(&minimums)?).await?;
                let outcome = metria::GateOutcome {
                    version: tracking.get_version(&name, version).await?,
                    champion: outcome.compared_with,
                    decision: outcome,
                };
                if context.json {
                    output::json(&outcome.decision)?;
                } else {
                    print_outcome(&outcome);
                }
                match outcome.decision.passed {
                    true => Ok(()),
                    false => Err(output::GateSaidNo(outcome.decision.reason).into()),
                }
            }
        }
    }
}

async fn list(workspace: &Workspace, context: &Context) -> Result<()> {
    let models = workspace.tracking.list_models().await?;
    if context.json {
        return output::json(&models);
    }
    if models.is_empty() {
        output::line("no models; make one with `metria train DATA.csv --target COLUMN --register NAME`");
        return Ok(());
    }
    let mut rows = Vec::new();
    for model in models {
        let versions = workspace.tracking.list_versions(&model.name).await?;
        let production = versions.iter().find(|version| version.stage == ModelStage::Production);
        rows.push(vec![
            model.name,
            versions.len().to_string(),
            production.map_or_else(String::new, |version| version.version.to_string()),
            iso8601(model.last_update_time_ms),
        ]);
    }
    output::table(&["model", "versions", "in production", "changed"], &rows);
    Ok(())
}

fn show(context: &Context, details: &metria_tracking::ModelDetails) -> Result<()> {
    if context.json {
        return output::json(details);
    }
    output::line(format!("{}  {}", details.model.name, details.model.description));
    let aliases = |version: u32| {
        let names = details.model.aliases.iter().filter(|(_, to)| *to == version).map(|(name, _)| name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let rows: Vec<Vec<String>> = details
        .versions
        .iter()
        .map(|version| {
            let run = version.run_id.clone().unwrap_or_default();
            vec![
                version.version.to_string(),
                version.stage.to_string(),
                aliases(version.version),
                run,
                iso8601(version.creation_time_ms),
            ]
        })
        .collect();
    output::table(&["version", "stage", "aliases", "run", "registered"], &rows);
    for transition in &details.transitions {
        output::line(format!(
            "{}  version {}: {} -> {} by {}  {}",
            iso8601(transition.time_ms),
            transition.version,
            transition.from_stage,
            transition.to_stage,
            transition.user_id,
            transition.description
        ));
    }
    for decision in &details.decisions {
        let answer = if decision.passed { "passed" } else { "refused" };
        output::line(format!(
            "{}  gate {answer} version {}: {}",
            iso8601(decision.time_ms),
            decision.version,
            decision.reason
        ));
    }
    Ok(())
}

fn compare(context: &Context, all: &VersionsComparison) -> Result<()> {
    if context.json {
        return output::json(all);
    }
    let mut rows: Vec<(bool, Vec<String>)> = Vec::new();
    for row in &all.metrics {
        rows.push((row.differs, cells("metrics.", row, |value| output::number(*value))));
    }
    for row in &all.params {
        rows.push((row.differs, cells("params.", row, Clone::clone)));
    }
    for row in &all.signature {
        rows.push((row.differs, cells("", row, Clone::clone)));
    }
    // What differs first, whatever it is.
    rows.sort_by_key(|(differs, _)| !differs);
    let names: Vec<String> = all.versions.iter().map(|version| format!("version {}", version.version)).collect();
    let header: Vec<&str> = std::iter::once("").chain(names.iter().map(String::as_str)).collect();
    output::table(&header, &rows.into_iter().map(|(_, cells)| cells).collect::<Vec<_>>());
    Ok(())
}

fn cells<T>(kind: &str, row: &ComparedRow<T>, shown: impl Fn(&T) -> String) -> Vec<String> {
    let values = row.values.iter().map(|value| value.as_ref().map_or_else(String::new, &shown));
    std::iter::once(format!("{kind}{}", row.key)).chain(values).collect()
}

fn lineage(context: &Context, lineage: &Lineage) -> Result<()> {
    if context.json {
        return output::json(lineage);
    }
    if let Some(first) = lineage.nodes.first() {
        output::line(described(first));
        sources(lineage, &first.id, "", &mut vec![first.id.clone()]);
    }
    Ok(())
}

/// What leads to a node, as branches of a tree. What was met on the way is not told again.
fn sources(lineage: &Lineage, id: &str, indent: &str, above: &mut Vec<String>) {
    let found: Vec<_> = lineage.sources(id).collect();
    for (at, (node, relation)) in found.iter().enumerate() {
        let (branch, below) = if at + 1 == found.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
        output::line(format!("{indent}{branch}{relation}: {}", described(node)));
        if !above.contains(&node.id) {
            above.push(node.id.clone());
            sources(lineage, &node.id, &format!("{indent}{below}"), above);
            above.pop();
        }
    }
}

fn described(node: &LineageNode) -> String {
    let facts =
        node.facts.iter().filter(|(key, _)| key.as_str() != "source").map(|(key, value)| format!("{key} {value}"));
    let id = match node.kind {
        LineageKind::Dataset => format!("dataset {}", node.name),
        LineageKind::Run => format!("{} ({})", node.id, node.name),
        LineageKind::ModelVersion | LineageKind::Model => node.id.clone(),
    };
    std::iter::once(id).chain(facts).collect::<Vec<_>>().join("  ")
}

fn say(context: &Context, value: &impl Serialize, text: &str) -> Result<()> {
    if context.json {
        return output::json(value);
    }
    output::line(text);
    Ok(())
}
