//! A client of `/api/v1`.

use crate::error::{Error, Result};
use crate::sink::{NewRun, RunSink};
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use metria_core::ErrorKind;
use metria_store::{Experiment, LogBatch, RunStatus};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// How long a connection may take to be made, and an answer to begin.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may be silent in the middle of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of a file that are read at once.
const PIECE: usize = 1 << 18;

/// A server's `/api/v1`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    base: Url,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize)]
struct ErrorDetail {
    kind: ErrorKind,
    message: String,
}

impl Api {
    /// A client of the server at an address such as `http://127.0.0.1:5000`. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address is not one of a server.
    pub fn new(address: &str) -> Result<Self> {
        let refused = || Error::Address(address.to_owned());
        let base = Url::parse(address.trim_end_matches('/')).map_err(|_| refused())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() || base.query().is_some() {
            return Err(refused());
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Away(error.to_string()))?;
        Ok(Self { client, base })
    }

    /// The server's address.
    #[must_use]
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> Result<RequestBuilder> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Error::Address(self.base.to_string()))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        let request = self.client.request(method, url);
        Ok(if query.is_empty() { request } else { request.query(query) })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| self.away(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        let (kind, message) = match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(ErrorBody { error }) => (error.kind, error.message),
            Err(_) => (kind_of(status), format!("{} answered {status}", self.address())),
        };
        let temporary = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED);
        Err(if temporary { Error::Away(message) } else { Error::Refused { kind, message } })
    }

    fn away(&self, error: &reqwest::Error) -> Error {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Error::Away(format!("{} cannot be reached: {cause}", self.address()))
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = self.send(request).await?;
        let body = response.bytes().await.map_err(|error| self.away(&error))?;
        serde_json::from_slice(&body).map_err(|error| Error::Refused {
            kind: ErrorKind::Unsupported,
            message: format!("{} gave an answer that cannot be read ({error}); is it a Metria server?", self.address()),
        })
    }

    /// What a path below `/api/v1` answers.
    ///
    /// # Errors
    /// When the server is away or refuses.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T> {
        self.json(self.request(Method::GET, path, query)?).await
    }

    /// Posts a JSON object to a path below `/api/v1`.
    ///
    /// # Errors
    /// When the server is away or refuses.
    pub async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T> {
        self.json(self.request(Method::POST, path, &[])?.json(body)).await
    }

    /// Sends a JSON object to a path below `/api/v1`; the answer has no content that matters.
    ///
    /// # Errors
    /// When the server is away or refuses.
    pub async fn send_json(&self, method: &str, path: &[&str], body: &impl serde::Serialize) -> Result<()> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Error::Invalid(format!("`{method}` is no method of HTTP")))?;
        self.send(self.request(method, path, &[])?.json(body)).await?;
        Ok(())
    }

    /// The content of an artifact of a run, piece by piece.
    ///
    /// # Errors
    /// When the server is away or there is no such file.
    pub async fn download(
        &self,
        run_id: &str,
        path: &str,
    ) -> Result<impl Stream<Item = Result<Bytes>> + Send + Unpin + use<>> {
        let segments: Vec<&str> = ["runs", run_id, "artifacts"].into_iter().chain(path.split('/')).collect();
        let response = self.send(self.request(Method::GET, &segments, &[])?).await?;
        let address = self.address().to_owned();
        let broken = move |error: reqwest::Error| Error::Away(format!("{address} broke off: {error}"));
        Ok(response.bytes_stream().map_err(broken).boxed())
    }

    /// The id of the experiment of that name, made when it is not there.
    ///
    /// # Errors
    /// When the server is away, or the name is refused or that of a deleted experiment.
    pub async fn experiment_id(&self, name: &str) -> Result<String> {
        let found: Vec<Experiment> = self.get(&["experiments"], &[("name", name)]).await?;
        if let Some(experiment) = found.into_iter().next() {
            return Ok(experiment.experiment_id);
        }
        match self.post::<Experiment>(&["experiments"], &json!({"name": name})).await {
            Ok(made) => Ok(made.experiment_id),
            Err(Error::Refused { kind: ErrorKind::AlreadyExists, message }) => {
                // Somebody was quicker, or the one of that name is deleted.
                let found: Vec<Experiment> = self.get(&["experiments"], &[("name", name)]).await?;
                let gone = || Error::Refused {
                    kind: ErrorKind::Conflict,
                    message: format!("{message}, but is deleted; restore it or use another name"),
                };
                found.into_iter().next().map(|experiment| experiment.experiment_id).ok_or_else(gone)
            }
            Err(error) => Err(error),
        }
    }
}

fn kind_of(status: StatusCode) -> ErrorKind {
    match status {
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::PermissionDenied,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::TooLarge,
        StatusCode::NOT_IMPLEMENTED => ErrorKind::Unsupported,
        status if status.is_server_error() => ErrorKind::Internal,
        _ => ErrorKind::InvalidInput,
    }
}

#[async_trait::async_trait]
impl RunSink for Api {
    async fn create_run(&self, run: &NewRun) -> Result<()> {
        let experiment_id = self.experiment_id(&run.experiment).await?;
        let body = json!({
            "run_id": run.run_id,
            "experiment_id": experiment_id,
            "run_name": run.run_name,
            "user_id": run.user_id,
            "start_time_ms": run.start_time_ms,
            "tags": run.tags,
        });
        self.send_json("POST", &["runs"], &body).await
    }

    async fn log(&self, run_id: &str, batch: &LogBatch) -> Result<()> {
        self.send_json("POST", &["runs", run_id, "log"], batch).await
    }

    async fn put_artifact(&self, run_id: &str, path: &str, file: &Path, sha256: &str) -> Result<()> {
        let opened = tokio::fs::File::open(file).await.map_err(Error::file("open", file))?;
        let size = opened.metadata().await.map_err(Error::file("look at", file))?.len();
        let segments: Vec<&str> = ["runs", run_id, "artifacts"].into_iter().chain(path.split('/')).collect();
        let body = reqwest::Body::wrap_stream(file_pieces(opened));
        let request = self.request(Method::PUT, &segments, &[("sha256", sha256)])?;
        self.send(request.header(reqwest::header::CONTENT_LENGTH, size).body(body)).await?;
        Ok(())
    }

    async fn finish(&self, run_id: &str, status: RunStatus, end_time_ms: i64) -> Result<()> {
        let body = json!({"status": status, "end_time_ms": end_time_ms});
        self.send_json("PATCH", &["runs", run_id], &body).await
    }
}

/// A file's content, piece by piece.
pub fn file_pieces(file: tokio::fs::File) -> impl Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(piece), file)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (address, told) in [
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("https://example.org/metria/", "https://example.org/metria"),
        ] {
            assert_eq!(Api::new(address).unwrap().address(), told);
        }
        for address in ["", "127.0.0.1:5000", "ftp://x", "http://", "http://x?y=1", "sqlite:a.db"] {
            let message = Api::new(address).unwrap_err().to_string();
            assert!(message.contains("http://HOST") && message.contains(address), "{message}");
        }
    }

    #[test]
    fn names_are_one_segment() {
        let api = Api::new("http://127.0.0.1:1/base").unwrap();
        let request = api.request(Method::GET, &["models", "a/b %?#"], &[("x", "1&2")]).unwrap().build().unwrap();
        assert_eq!(request.url().as_str(), "http://127.0.0.1:1/base/api/v1/models/a%2Fb%20%25%3F%23?x=1%262");
    }
}
