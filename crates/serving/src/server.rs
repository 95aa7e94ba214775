//! Models in use: loaded at first need, swapped without dropping a request.

use crate::error::{Error, Result};
use crate::instances::Instances;
use crate::prediction_log::{LoggedPrediction, PredictionLog};
use crate::source::{ModelSource, ResolvedModel};
use metria_core::ids;
use metria_core::names::check_model_name;
use metria_core::time::{iso8601, now_ms};
use metria_learn::pipeline::{FittedPipeline, RowPrediction};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// Requests of more rows than this are computed on the CPU pool instead of on the spot.
const INLINE_ROWS: usize = 64;

/// What a server takes.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Most rows in one request.
    pub max_instances: usize,
    /// Most predictions under way at once.
    pub max_in_flight: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { max_instances: 10_000, max_in_flight: 1_024 }
    }
}

/// The answer to a prediction request.
#[derive(Clone, Debug, Serialize)]
pub struct PredictResponse {
    /// The predicted label of each row.
    pub predictions: Vec<Value>,
    /// The model.
    pub model_name: String,
    /// When the answer was ready, ISO 8601.
    pub timestamp: String,
    /// The version that answered.
    pub model_version: u32,
    /// What joins later labels to this prediction.
    pub request_id: String,
    /// The classes, in the order of the probabilities.
    pub classes: Vec<Value>,
    /// The probability of each class for each row.
    pub probabilities: Vec<Vec<f64>>,
    /// What was odd without being wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// How the server is.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// `healthy`.
    pub status: &'static str,
    /// Names of the models in memory.
    pub loaded_models: Vec<String>,
    /// Now, ISO 8601.
    pub timestamp: String,
}

/// The answer to a reload.
#[derive(Clone, Debug, Serialize)]
pub struct ReloadResponse {
    /// What was done.
    pub message: String,
    /// The version that serves now.
    pub model_version: u32,
}

/// What happened to a model since the server started.
#[derive(Debug, Default)]
pub struct ModelStats {
    /// Requests answered.
    pub answered: AtomicU64,
    /// Requests refused or failed.
    pub refused: AtomicU64,
    /// Rows predicted.
    pub rows: AtomicU64,
}

/// A model in memory.
struct Loaded {
    version: u32,
    pipeline: Arc<FittedPipeline>,
}

/// The place of one model; its lock is held while it is loaded, so that it is loaded once.
#[derive(Default)]
struct Slot {
    loaded: RwLock<Option<Arc<Loaded>>>,
    loading: tokio::sync::Mutex<()>,
    stats: ModelStats,
}

impl Slot {
    fn get(&self) -> Option<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, loaded: Loaded) -> Arc<Loaded> {
        let loaded = Arc::new(loaded);
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded.clone());
        loaded
    }
}

/// Serves the Production version of every registered model. Cheap to clone.
#[derive(Clone)]
pub struct ModelServer(Arc<Inner>);

struct Inner {
    source: Arc<dyn ModelSource>,
    log: PredictionLog,
    limits: ServerLimits,
    slots: RwLock<HashMap<String, Arc<Slot>>>,
    in_flight: AtomicUsize,
}

/// Counts a prediction as under way until it is dropped.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl ModelServer {
    /// A server without models; each is loaded at first use.
    #[must_use]
    pub fn new(source: Arc<dyn ModelSource>, log: PredictionLog, limits: ServerLimits) -> Self {
        Self(Arc::new(Inner { source, log, limits, slots: RwLock::default(), in_flight: AtomicUsize::new(0) }))
    }

    /// Answers a request body `{"instances": [...]}`; the answer is in the log when this returns.
    ///
    /// # Errors
    /// When the body is wrong (the message names the field), the model cannot be had, the server is busy, or the log
    /// cannot be written.
    pub async fn predict(&self, model: &str, body: &[u8], request_id: Option<String>) -> Result<PredictResponse> {
        let _under_way = self.enter()?;
        check_model_name(model).map_err(|error| Error::Request(error.to_string()))?;
        let (slot, loaded) = self.loaded(model).await?;
        let answer = self.answer(model, &loaded, body, request_id).await;
        match &answer {
            Ok(response) => {
                slot.stats.answered.fetch_add(1, Ordering::Relaxed);
                slot.stats.rows.fetch_add(response.predictions.len() as u64, Ordering::Relaxed);
            }
            Err(_) => {
                slot.stats.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        answer
    }

    fn enter(&self) -> Result<InFlight<'_>> {
        let before = self.0.in_flight.fetch_add(1, Ordering::AcqRel);
        let guard = InFlight(&self.0.in_flight);
        if before >= self.0.limits.max_in_flight {
            return Err(Error::Busy { in_flight: before });
        }
        Ok(guard)
    }

    async fn answer(
        &self,
        model: &str,
        loaded: &Loaded,
        body: &[u8],
        request_id: Option<String>,
    ) -> Result<PredictResponse> {
        let instances = Instances::parse(body, self.0.limits.max_instances, &loaded.pipeline)?;
        let started = Instant::now();
        let unknown = instances.unknown_fields(&loaded.pipeline);
        let (instances, answers) = predict_all(instances, &loaded.pipeline).await?;
        let classes = loaded.pipeline.classes();
        let time_ms = now_ms();
        let logged = LoggedPrediction {
            request_id: request_id.unwrap_or_else(ids::new_id),
            model: model.to_owned(),
            version: loaded.version,
            time_ms,
            latency_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            inputs: instances.rows,
            predictions: answers.iter().map(|answer| classes.json(answer.class)).collect(),
            probabilities: answers.into_iter().map(|answer| answer.proba).collect(),
        };
        self.0.log.write(&logged)?;
        let warnings = (!unknown.is_empty())
            .then(|| format!("the model does not use the fields {}", unknown.join(", ")))
            .into_iter()
            .collect();
        Ok(PredictResponse {
            predictions: logged.predictions,
            model_name: logged.model,
            timestamp: iso8601(time_ms),
            model_version: logged.version,
            request_id: logged.request_id,
            classes: (0..classes.len()).map(|class| classes.json(class)).collect(),
            probabilities: logged.probabilities,
            warnings,
        })
    }

    fn slot(&self, model: &str) -> Option<Arc<Slot>> {
        self.0.slots.read().unwrap_or_else(PoisonError::into_inner).get(model).cloned()
    }

    /// The model in memory, loaded now if it was not.
    async fn loaded(&self, model: &str) -> Result<(Arc<Slot>, Arc<Loaded>)> {
        if let Some(slot) = self.slot(model)
            && let Some(loaded) = slot.get()
        {
            return Ok((slot, loaded));
        }
        // The name is resolved first, so that names nobody registered take no memory.
        let resolved = self.0.source.production_version(model).await?;
        let slot =
            self.0.slots.write().unwrap_or_else(PoisonError::into_inner).entry(model.to_owned()).or_default().clone();
        let _loading = slot.loading.lock().await;
        if let Some(loaded) = slot.get() {
            return Ok((slot.clone(), loaded));
        }
        let loaded = self.load(&slot, &resolved).await?;
        Ok((slot.clone(), loaded))
    }

    async fn load(&self, slot: &Slot, resolved: &ResolvedModel) -> Result<Arc<Loaded>> {
        let pipeline = self.0.source.load(resolved).await?;
        Ok(slot.set(Loaded { version: resolved.version, pipeline }))
    }

    /// Takes the version that is in Production now; requests under way end on the old one, which also stays when the
    /// new one cannot be loaded.
    ///
    /// # Errors
    /// When the new version cannot be had.
    pub async fn reload(&self, model: &str) -> Result<ReloadResponse> {
        check_model_name(model).map_err(|error| Error::Request(error.to_string()))?;
        let Some((slot, old)) = self.slot(model).and_then(|slot| slot.get().map(|old| (slot, old))) else {
            let (_, loaded) = self.loaded(model).await?;
            return Ok(reloaded(model, loaded.version));
        };
        let _loading = slot.loading.lock().await;
        let keep = |source| Error::Reload { model: model.to_owned(), kept: old.version, source };
        let resolved = self.0.source.production_version(model).await.map_err(keep)?;
        let keep = |source| Error::Reload { model: model.to_owned(), kept: old.version, source };
        let pipeline = self.0.source.load(&resolved).await.map_err(keep)?;
        let loaded = slot.set(Loaded { version: resolved.version, pipeline });
        Ok(reloaded(model, loaded.version))
    }

    /// How the server is.
    #[must_use]
    pub fn health(&self) -> Health {
        let slots = self.0.slots.read().unwrap_or_else(PoisonError::into_inner);
        let mut loaded_models: Vec<String> =
            slots.iter().filter(|(_, slot)| slot.get().is_some()).map(|(name, _)| name.clone()).collect();
        loaded_models.sort();
        Health { status: "healthy", loaded_models, timestamp: iso8601(now_ms()) }
    }

    /// Answered and refused requests and predicted rows of each model.
    #[must_use]
    pub fn stats(&self) -> BTreeMap<String, [u64; 3]> {
        let slots = self.0.slots.read().unwrap_or_else(PoisonError::into_inner);
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = |stats: &ModelStats| [read(&stats.answered), read(&stats.refused), read(&stats.rows)];
        slots.iter().map(|(name, slot)| (name.clone(), counts(&slot.stats))).collect()
    }

    /// Logged predictions of a model since a time.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn logged(&self, model: &str, since_ms: i64) -> std::io::Result<Vec<LoggedPrediction>> {
        self.0.log.read(model, since_ms)
    }
}

fn reloaded(model: &str, version: u32) -> ReloadResponse {
    ReloadResponse { message: format!("Model {model} reloaded (version {version})"), model_version: version }
}

async fn predict_all(instances: Instances, pipeline: &Arc<FittedPipeline>) -> Result<(Instances, Vec<RowPrediction>)> {
    let all = |instances: &Instances, pipeline: &FittedPipeline| -> Result<Vec<RowPrediction>> {
        (0..instances.rows.len()).map(|index| instances.predict(pipeline, index)).collect()
    };
    if instances.rows.len() <= INLINE_ROWS {
        let answers = all(&instances, pipeline)?;
        return Ok((instances, answers));
    }
    let pipeline = pipeline.clone();
    metria_runtime::run_cpu(move || all(&instances, &pipeline).map(|answers| (instances, answers))).await?
}
