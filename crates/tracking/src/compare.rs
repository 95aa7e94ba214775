//! Runs and versions side by side.

use crate::Tracking;
use crate::error::Result;
use metria_store::{ModelVersion, Run, RunInfo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One param or metric of several runs; none where a run lacks it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComparedRow<T> {
    /// Its name.
    pub key: String,
    /// Its value in each run.
    pub values: Vec<Option<T>>,
    /// Whether the values differ.
    pub differs: bool,
}

/// Several runs side by side.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunComparison {
    /// The runs, in the order that was asked for.
    pub runs: Vec<RunInfo>,
    /// Every param of any of them.
    pub params: Vec<ComparedRow<String>>,
    /// Every metric of any of them.
    pub metrics: Vec<ComparedRow<f64>>,
}

/// One version with what its run logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionSide {
    /// The version.
    pub version: u32,
    /// Latest metrics of its run.
    pub metrics: BTreeMap<String, f64>,
    /// Params of its run.
    pub params: BTreeMap<String, String>,
}

/// Two versions side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionComparison {
    /// The one.
    pub version1: VersionSide,
    /// The other.
    pub version2: VersionSide,
}

/// Any number of versions side by side, the rows that differ first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionsComparison {
    /// The first of two versions; left out when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version1: Option<VersionSide>,
    /// The second of two versions; left out when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version2: Option<VersionSide>,
    /// The versions, in the order that was asked for.
    pub versions: Vec<ModelVersion>,
    /// Every metric of any of their runs.
    pub metrics: Vec<ComparedRow<f64>>,
    /// Every param of any of their runs.
    pub params: Vec<ComparedRow<String>>,
    /// Every column that one of them takes (`inputs.age`) or gives (`outputs.risk`), with its type.
    pub signature: Vec<ComparedRow<String>>,
}

impl Tracking {
    /// Params and metrics of any number of versions' runs side by side, with the signatures that the caller has read.
    ///
    /// # Errors
    /// When one of them is not there.
    pub async fn compare_many_versions(
        &self,
        name: &str,
        versions: &[u32],
        signatures: &[BTreeMap<String, String>],
    ) -> Result<VersionsComparison> {
        let mut found = Vec::with_capacity(versions.len());
        let mut sides = Vec::with_capacity(versions.len());
        for version in versions {
            found.push(self.get_version(name, *version).await?);
            sides.push(self.version_side(name, *version).await?);
        }
        let metrics = differing_first(rows(&sides, |side| side.metrics.clone()));
        let params = differing_first(rows(&sides, |side| side.params.clone()));
        let signature = differing_first(rows(signatures, Clone::clone));
        let (version1, version2) = match <[VersionSide; 2]>::try_from(sides) {
            Ok([one, other]) => (Some(one), Some(other)),
            Err(_) => (None, None),
        };
        Ok(VersionsComparison { version1, version2, versions: found, metrics, params, signature })
    }

    /// Params and metrics of several runs side by side.
    ///
    /// # Errors
    /// When one of them is not there.
    pub async fn compare_runs<S: AsRef<str>>(&self, run_ids: &[S]) -> Result<RunComparison> {
        let mut runs = Vec::with_capacity(run_ids.len());
        for run_id in run_ids {
            runs.push(self.get_run(run_id.as_ref()).await?);
        }
        let params = rows(&runs, |run| run.params.iter().map(|p| (p.key.clone(), p.value.clone())).collect());
        let metrics = rows(&runs, |run| run.metrics.iter().map(|m| (m.key.clone(), m.value)).collect());
        Ok(RunComparison { runs: runs.into_iter().map(|run| run.info).collect(), params, metrics })
    }

    /// Params and metrics of two versions' runs side by side.
    ///
    /// # Errors
    /// When one of them is not there.
    pub async fn compare_versions(&self, name: &str, version1: u32, version2: u32) -> Result<VersionComparison> {
        Ok(VersionComparison {
            version1: self.version_side(name, version1).await?,
            version2: self.version_side(name, version2).await?,
        })
    }

    pub(crate) async fn version_side(&self, name: &str, version: u32) -> Result<VersionSide> {
        let found = self.get_version(name, version).await?;
        let run = match &found.run_id {
            Some(run_id) => Some(self.get_run(run_id).await?),
            None => None,
        };
        let (metrics, params) = run.map_or_else(Default::default, |run: Run| {
            (
                run.metrics.into_iter().map(|metric| (metric.key, metric.value)).collect(),
                run.params.into_iter().map(|param| (param.key, param.value)).collect(),
            )
        });
        Ok(VersionSide { version, metrics, params })
    }
}

fn differing_first<T>(mut rows: Vec<ComparedRow<T>>) -> Vec<ComparedRow<T>> {
    rows.sort_by_key(|row| !row.differs);
    rows
}

fn rows<R, T: Clone + PartialEq>(runs: &[R], of: impl Fn(&R) -> BTreeMap<String, T>) -> Vec<ComparedRow<T>> {
    let maps: Vec<BTreeMap<String, T>> = runs.iter().map(of).collect();
    let keys: BTreeSet<&String> = maps.iter().flat_map(BTreeMap::keys).collect();
    keys.into_iter()
        .map(|key| {
            let values: Vec<Option<T>> = maps.iter().map(|map| map.get(key).cloned()).collect();
            let differs = values.windows(2).any(|pair| pair[0] != pair[1]);
            ComparedRow { key: key.clone(), values, differs }
        })
        .collect()
}
