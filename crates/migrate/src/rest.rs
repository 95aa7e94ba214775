//! A server that speaks MLflow's REST protocol, read page by page.

use crate::error::{Error, Result};
use crate::names::check_path;
use crate::records::{self, DATASET_CONTEXT, DELETED_STAGE};
use crate::side::{LoggedModelFiles, Place, Problems, Source, SourceModel, SourceRun};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use metria_core::ModelStage;
use metria_store::{DatasetInput, Experiment, Metric, ModelVersion, RegisteredModel, Run, RunInfo, RunStatus};
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A stock server takes long over large pages.
const READ_TIMEOUT: Duration = Duration::from_secs(300);
/// Records on a page, and measurements.
const PAGE: u64 = 200;
const MEASUREMENTS: u64 = 25_000;

/// A server.
pub struct RestSource {
    client: Client,
    base: Url,
    problems: Problems,
}

impl RestSource {
    /// A server at an address. Nothing is asked yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(address: &str, problems: Problems) -> Result<Self> {
        let bad = || Error::Source(format!("the address must be `http://HOST[:PORT]` or `https://…`; got `{address}`"));
        let base = Url::parse(address.trim_end_matches('/')).map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(bad());
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Server { address: address.to_owned(), message: error.to_string() })?;
        Ok(Self { client, base, problems })
    }

    fn failed(&self, message: impl Into<String>) -> Error {
        Error::Server { address: self.base.to_string(), message: message.into() }
    }

    fn url(&self, path: &str) -> Result<Url> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| self.failed("the address has no path"))?
            .pop_if_empty()
            .extend(path.split('/'));
        Ok(url)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<reqwest::Response> {
        let mut request = self.client.request(method, self.url(path)?).query(query);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.failed(error.to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let message = serde_json::from_str::<Value>(&text).map_or(text, |body| string(&body["message"]));
        let message: String = message.chars().take(500).collect();
        Err(match status {
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => {
                Error::Record(format!("{path} answered {status}: {message}"))
            }
            _ => self.failed(format!("{path} answered {status}: {message}")),
        })
    }

    async fn json(&self, method: Method, path: &str, query: &[(&str, &str)], body: Option<&Value>) -> Result<Value> {
        let response = self.send(method, path, query, body).await?;
        response.json().await.map_err(|error| self.failed(format!("{path} gave no JSON: {error}")))
    }

    /// All pages of a list that is asked for by POST.
    async fn all(&self, path: &str, mut body: Value, list: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            let mut answer = self.json(Method::POST, path, &[], Some(&body)).await?;
            items.append(&mut take_list(&mut answer, list));
            match token(&answer) {
                Some(token) => body["page_token"] = token.into(),
                None => return Ok(items),
            }
        }
    }

    /// All pages of a list that is asked for by GET.
    async fn all_by_get(&self, path: &str, query: &[(&str, &str)], list: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut page = String::new();
        loop {
            let mut query = query.to_vec();
            if !page.is_empty() {
                query.push(("page_token", page.as_str()));
            }
            let mut answer = self.json(Method::GET, path, &query, None).await?;
            items.append(&mut take_list(&mut answer, list));
            match token(&answer) {
                Some(token) => page = token,
                None => return Ok(items),
            }
        }
    }

    fn version(&self, wire: &Value, storage_location: String) -> Option<ModelVersion> {
        let name = string(&wire["name"]);
        let stage = string(&wire["current_stage"]);
        let stage = if stage.is_empty() { "None".to_owned() } else { stage };
        if stage == DELETED_STAGE {
            return None;
        }
        let (Ok(stage), Some(number)) = (stage.parse::<ModelStage>(), integer(&wire["version"])) else {
            self.problems.add(format!("a version of `{name}` has no number or is in `{stage}`; left out"));
            return None;
        };
        let creation = integer(&wire["creation_timestamp"]).unwrap_or(0);
        Some(ModelVersion {
            description: string(&wire["description"]),
            source: string(&wire["source"]),
            storage_location,
            run_id: Some(string(&wire["run_id"])).filter(|run_id| !run_id.is_empty()),
            user_id: string(&wire["user_id"]),
            creation_time_ms: creation,
            last_update_time_ms: integer(&wire["last_updated_timestamp"]).unwrap_or(creation),
            tags: pairs(&wire["tags"]).into_iter().map(records::tag).collect(),
            ..records::version(&name, u32::try_from(number).ok()?, stage)
        })
    }

    /// The path below the server's own artifacts that a location names.
    fn proxied(location: &str) -> Option<String> {
        let rest = location.strip_prefix("mlflow-artifacts:")?;
        let path = match rest.strip_prefix("//") {
            Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
            None => rest.trim_start_matches('/'),
        };
        check_path("location", path).ok().map(str::to_owned)
    }
}

const TRACKING: &str = "api/2.0/mlflow";
const ARTIFACTS: &str = "api/2.0/mlflow-artifacts/artifacts";

/// A 64-bit number, which JSON may hold as text.
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn token(answer: &Value) -> Option<String> {
    Some(string(&answer["next_page_token"])).filter(|token| !token.is_empty())
}

fn take_list(answer: &mut Value, list: &str) -> Vec<Value> {
    answer.get_mut(list).and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default()
}

fn pairs(list: &Value) -> Vec<(String, String)> {
    let pairs = list.as_array().into_iter().flatten();
    let mut pairs: Vec<_> = pairs.map(|pair| (string(&pair["key"]), string(&pair["value"]))).collect();
    pairs.sort();
    pairs
}

fn input(wire: &Value) -> DatasetInput {
    let dataset = &wire["dataset"];
    let maybe = |value: &Value| Some(string(value)).filter(|text| !text.is_empty());
    let context = pairs(&wire["tags"]).into_iter().find(|(key, _)| key == DATASET_CONTEXT);
    DatasetInput {
        name: string(&dataset["name"]),
        digest: string(&dataset["digest"]),
        source_type: string(&dataset["source_type"]),
        source: string(&dataset["source"]),
        schema: maybe(&dataset["schema"]),
        profile: maybe(&dataset["profile"]),
        context: context.map(|(_, value)| value),
    }
}

fn run(wire: &Value) -> SourceRun {
    let (info, data) = (&wire["info"], &wire["data"]);
    let tags = pairs(&data["tags"]);
    let named = tags.iter().find(|(key, _)| key == "mlflow.runName").map(|(_, value)| value.clone());
    let run_info = RunInfo {
        run_id: string(&info["run_id"]),
        experiment_id: string(&info["experiment_id"]),
        run_name: Some(string(&info["run_name"])).filter(|name| !name.is_empty()).or(named).unwrap_or_default(),
        user_id: string(&info["user_id"]),
        status: RunStatus::from_name(&string(&info["status"])).unwrap_or_default(),
        start_time_ms: integer(&info["start_time"]).unwrap_or(0),
        end_time_ms: integer(&info["end_time"]).filter(|time| *time != 0),
        artifact_uri: string(&info["artifact_uri"]),
        lifecycle: records::lifecycle(info["lifecycle_stage"].as_str()),
    };
    let mut inputs: Vec<DatasetInput> =
        wire["inputs"]["dataset_inputs"].as_array().into_iter().flatten().map(input).collect();
    inputs.sort_by(|a, b| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
    let run = Run {
        params: pairs(&data["params"]).into_iter().map(records::param).collect(),
        tags: tags.into_iter().map(records::tag).collect(),
        inputs,
        ..records::run(run_info)
    };
    let metrics = data["metrics"].as_array().into_iter().flatten();
    let mut metric_keys: Vec<String> = metrics.map(|metric| string(&metric["key"])).collect();
    metric_keys.sort();
    metric_keys.dedup();
    SourceRun { run, metric_keys }
}

#[async_trait::async_trait]
impl Source for RestSource {
    fn name(&self) -> String {
        self.base.to_string()
    }

    async fn experiments(&self) -> Result<Vec<Experiment>> {
        let body = json!({"view_type": "ALL", "max_results": PAGE, "order_by": ["experiment_id ASC"]});
        let found = self.all(&format!("{TRACKING}/experiments/search"), body, "experiments").await?;
        let experiment = |wire: &Value| {
            let creation = integer(&wire["creation_time"]).unwrap_or(0);
            Experiment {
                lifecycle: records::lifecycle(wire["lifecycle_stage"].as_str()),
                creation_time_ms: creation,
                last_update_time_ms: integer(&wire["last_update_time"]).unwrap_or(creation),
                tags: pairs(&wire["tags"]).into_iter().map(records::tag).collect(),
                ..records::experiment(
                    &string(&wire["experiment_id"]),
                    string(&wire["name"]),
                    string(&wire["artifact_location"]),
                )
            }
        };
        Ok(found.iter().map(experiment).collect())
    }

    async fn runs(&self, experiment: &Experiment, page: Option<String>) -> Result<(Vec<SourceRun>, Option<String>)> {
        let mut body = json!({
            "experiment_ids": [experiment.experiment_id],
            "run_view_type": "ALL",
            "max_results": PAGE,
            "order_by": ["attributes.start_time ASC"],
        });
        if let Some(page) = page {
            body["page_token"] = page.into();
        }
        let answer = self.json(Method::POST, &format!("{TRACKING}/runs/search"), &[], Some(&body)).await?;
        let runs = answer["runs"].as_array().into_iter().flatten().map(run).collect();
        Ok((runs, token(&answer)))
    }

    async fn history(&self, _: &Experiment, run: &Run, key: &str) -> Result<Vec<Metric>> {
        let most = MEASUREMENTS.to_string();
        let query = [("run_id", run.info.run_id.as_str()), ("metric_key", key), ("max_results", &most)];
        let found = self.all_by_get(&format!("{TRACKING}/metrics/get-history"), &query, "metrics").await?;
        let metric = |wire: &Value| {
            let value =
                number(&wire["value"]).ok_or_else(|| self.failed(format!("the metric `{key}` has no value")))?;
            let (time, step) = (integer(&wire["timestamp"]), integer(&wire["step"]));
            Ok(records::metric(key, value, time.unwrap_or(0), step.unwrap_or(0)))
        };
        found.iter().map(metric).collect()
    }

    async fn logged_models(&self, experiment: &Experiment) -> Result<Vec<LoggedModelFiles>> {
        let body = json!({"experiment_ids": [experiment.experiment_id], "max_results": 50});
        let found = match self.all(&format!("{TRACKING}/logged-models/search"), body, "models").await {
            Ok(found) => found,
            // A server before MLflow 3 knows none.
            Err(Error::Record(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let model = |wire: &Value| LoggedModelFiles {
            model_id: string(&wire["info"]["model_id"]),
            location: string(&wire["info"]["artifact_uri"]),
        };
        Ok(found.iter().map(model).collect())
    }

    async fn files(&self, place: Place<'_>) -> Result<Vec<String>> {
        let root = match place {
            Place::Run(..) => None,
            Place::Model(_, model) => Some(Self::proxied(&model.location).ok_or_else(|| {
                Error::Record(format!("`{}` is not given out by the server; its files stay there", model.location))
            })?),
        };
        let mut files = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let answer = match (place, &root) {
                (Place::Run(_, run), _) => {
                    let query = [("run_id", run.info.run_id.as_str()), ("path", folder.as_str())];
                    let query = if folder.is_empty() { &query[..1] } else { &query[..] };
                    self.json(Method::GET, &format!("{TRACKING}/artifacts/list"), query, None).await?
                }
                (Place::Model(..), root) => {
                    let root = root.as_deref().unwrap_or_default();
                    let path = if folder.is_empty() { root.to_owned() } else { format!("{root}/{folder}") };
                    self.json(Method::GET, ARTIFACTS, &[("path", &path)], None).await?
                }
            };
            for entry in answer["files"].as_array().into_iter().flatten() {
                let told = string(&entry["path"]);
                // Of a run, paths are whole; of a folder of the proxy, they are names.
                let path = if root.is_some() && !folder.is_empty() { format!("{folder}/{told}") } else { told };
                if let Err(error) = check_path("artifact", &path) {
                    self.problems.add(format!("{error}; left out"));
                } else if entry["is_dir"].as_bool().unwrap_or(false) {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        Ok(files)
    }

    async fn open(&self, place: Place<'_>, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let response = match place {
            Place::Run(_, run) => {
                let query = [("run_id", run.info.run_id.as_str()), ("path", path)];
                self.send(Method::GET, "get-artifact", &query, None).await?
            }
            Place::Model(_, model) => {
                let root = Self::proxied(&model.location).unwrap_or_default();
                self.send(Method::GET, &format!("{ARTIFACTS}/{root}/{path}"), &[], None).await?
            }
        };
        let address = self.base.to_string();
        let broken =
            move |error: reqwest::Error| Error::Server { address: address.clone(), message: error.to_string() };
        Ok(response.bytes_stream().map_err(broken).boxed())
    }

    async fn models(&self) -> Result<Vec<SourceModel>> {
        let page = PAGE.to_string();
        let query = [("max_results", page.as_str())];
        let found =
            self.all_by_get(&format!("{TRACKING}/registered-models/search"), &query, "registered_models").await?;
        let mut models: BTreeMap<String, SourceModel> = BTreeMap::new();
        for wire in &found {
            let creation = integer(&wire["creation_timestamp"]).unwrap_or(0);
            let changed = integer(&wire["last_updated_timestamp"]).unwrap_or(creation);
            let mut aliases: Vec<(String, u32)> = wire["aliases"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|alias| Some((string(&alias["alias"]), u32::try_from(integer(&alias["version"])?).ok()?)))
                .collect();
            aliases.sort();
            let name = string(&wire["name"]);
            let model = RegisteredModel {
                tags: pairs(&wire["tags"]).into_iter().map(records::tag).collect(),
                aliases,
                ..records::model(&name, string(&wire["description"]), creation, changed)
            };
            models.insert(name, SourceModel { model, versions: Vec::new() });
        }
        for wire in self.all_by_get(&format!("{TRACKING}/model-versions/search"), &query, "model_versions").await? {
            let (name, number) = (string(&wire["name"]), integer(&wire["version"]).unwrap_or(0).to_string());
            let query = [("name", name.as_str()), ("version", number.as_str())];
            let told =
                self.json(Method::GET, &format!("{TRACKING}/model-versions/get-download-uri"), &query, None).await;
            let location = told.map_or_else(|_| string(&wire["source"]), |told| string(&told["artifact_uri"]));
            if let (Some(model), Some(version)) = (models.get_mut(&name), self.version(&wire, location)) {
                model.versions.push(version);
            }
        }
        Ok(models.into_values().collect())
    }

    async fn left_out(&self) -> Result<Vec<(&'static str, u64)>> {
        let mut models = 0;
        for experiment in self.experiments().await? {
            models += self.logged_models(&experiment).await?.len() as u64;
        }
        Ok(vec![("records of logged models", models)])
    }
}
