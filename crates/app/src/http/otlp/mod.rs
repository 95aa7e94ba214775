//! OpenTelemetry's protocol over HTTP: `POST /v1/traces`, in Protocol Buffers or JSON, plain, gzip or deflate.
//!
//! [OTLP 1.x](https://opentelemetry.io/docs/specs/otlp/#otlphttp) decides. The experiment comes in the header
//! `x-mlflow-experiment-id` (`0` without one), a run to link the traces to in `x-mlflow-run-id`. Metrics, logs and gRPC
//! are not taken.

mod convert;
mod proto;
#[cfg(test)]
mod tests;

use super::error::HttpError;
use super::extract::read_body;
use crate::state::AppState;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use convert::{Converted, convert};
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use metria_core::ErrorKind;
use metria_runtime::run_cpu;
use prost::Message as _;
use proto::{ExportTraceServiceRequest, ExportTraceServiceResponse, PartialSuccess, Refusal};
use serde_json::json;
use std::io::Read;

/// Most bytes of a body once it is unpacked.
const UNPACKED_BYTES: u64 = 256 << 20;

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/v1/traces", post(export))
}

/// How a request is written, and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Proto,
    Json,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        match text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Some(Self::Proto),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    fn response(self, status: StatusCode, proto: Vec<u8>, json: &serde_json::Value) -> Response {
        match self {
            Self::Proto => (status, [(header::CONTENT_TYPE, "application/x-protobuf")], proto).into_response(),
            Self::Json => (status, axum::Json(json)).into_response(),
        }
    }

    /// All was taken, or all but some spans.
    fn answer(self, rejected: i64, reason: &str) -> Response {
        if rejected == 0 {
            return self.response(StatusCode::OK, Vec::new(), &json!({}));
        }
        let partial = PartialSuccess { rejected_spans: rejected, error_message: reason.to_owned() };
        let message = ExportTraceServiceResponse { partial_success: Some(partial) };
        let in_json = json!({"partialSuccess": {"rejectedSpans": rejected.to_string(), "errorMessage": reason}});
        self.response(StatusCode::OK, message.encode_to_vec(), &in_json)
    }

    /// Nothing was taken. Exporters try again after 429, 502, 503 and 504 only.
    fn refuse(self, error: &HttpError) -> Response {
        let status = match error.status() {
            StatusCode::TOO_MANY_REQUESTS => StatusCode::SERVICE_UNAVAILABLE,
            status => status,
        };
        let code = match status {
            StatusCode::NOT_FOUND => 5,
            StatusCode::SERVICE_UNAVAILABLE => 14,
            StatusCode::CONFLICT => 9,
            StatusCode::PAYLOAD_TOO_LARGE => 8,
            status if status.is_server_error() => 13,
            _ => 3,
        };
        let refusal = Refusal { code, message: error.message().to_owned() };
        self.response(status, refusal.encode_to_vec(), &json!({"code": code, "message": error.message()}))
    }
}

fn invalid(message: impl Into<String>) -> HttpError {
    HttpError::new(ErrorKind::InvalidInput, message)
}

async fn export(State(state): State<AppState>, request: Request) -> Response {
    let headers = request.headers().clone();
    let Some(encoding) = Encoding::of(&headers) else {
        let message = "the content type must be application/x-protobuf or application/json";
        return invalid(message).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response();
    };
    match take(&state, encoding, &headers, request).await {
        Ok((rejected, reason)) => encoding.answer(rejected, &reason),
        Err(error) => encoding.refuse(&error),
    }
}

/// Writes the spans of a request; says how many could not be taken, and why the first could not.
async fn take(
    state: &AppState,
    encoding: Encoding,
    headers: &HeaderMap,
    request: Request,
) -> Result<(i64, String), HttpError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let experiment_id = text("x-mlflow-experiment-id").filter(|id| !id.is_empty()).unwrap_or("0").to_owned();
    let packing = text(header::CONTENT_ENCODING.as_str()).unwrap_or("identity").to_ascii_lowercase();
    let run_id = text("x-mlflow-run-id").map(str::to_owned);
    let body = read_body(state, request).await?;
    let Converted { resources, rejected, reason } = read(encoding, packing, body).await?;
    let tracking = state.tracking();
    let experiment = tracking.get_experiment(&experiment_id).await?;
    let location = super::compat::mlflow::public_uri(state, &experiment.artifact_location);
    let roots = tracking.log_spans(&experiment_id, &location, resources).await?;
    if let Some(run_id) = run_id.filter(|id| !id.is_empty()) {
        for ids in roots.chunks(100) {
            if let Err(error) = tracking.link_traces_to_run(ids, &run_id).await {
                tracing::warn!(%error, run.id = %run_id, "traces were taken, but could not be linked to run {run_id}");
            }
        }
    }
    Ok((rejected, reason))
}

/// Small bodies are read in place; large ones would keep others waiting.
async fn read(encoding: Encoding, packing: String, body: Bytes) -> Result<Converted, HttpError> {
    const SMALL: usize = 64 << 10;
    let is_small = body.len() <= SMALL;
    let work = move || {
        let unpacked = unpack(&packing, &body)?;
        parse(encoding, unpacked.as_deref().unwrap_or(&body)).map(convert)
    };
    if is_small { work() } else { run_cpu(work).await? }
}

/// The bytes of a packed body; nothing when it is not packed.
fn unpack(packing: &str, body: &[u8]) -> Result<Option<Vec<u8>>, HttpError> {
    let read = |reader: &mut dyn Read| {
        let mut bytes = Vec::new();
        reader.take(UNPACKED_BYTES + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    let unpacked = match packing {
        "" | "identity" => return Ok(None),
        "gzip" => read(&mut GzDecoder::new(body)),
        // Some send the bare stream under that name.
        "deflate" => read(&mut ZlibDecoder::new(body)).or_else(|_| read(&mut DeflateDecoder::new(body))),
        other => {
            let message = format!("the content encoding must be gzip, deflate or identity; got `{other}`");
            return Err(invalid(message).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
    };
    let bytes = unpacked.map_err(|error| invalid(format!("the body cannot be unpacked as {packing}: {error}")))?;
    if bytes.len() as u64 > UNPACKED_BYTES {
        let message = format!("the unpacked body is larger than {UNPACKED_BYTES} bytes, which is the limit");
        return Err(HttpError::new(ErrorKind::TooLarge, message));
    }
    Ok(Some(bytes))
}

fn parse(encoding: Encoding, body: &[u8]) -> Result<ExportTraceServiceRequest, HttpError> {
    match encoding {
        Encoding::Proto => ExportTraceServiceRequest::decode(body)
            .map_err(|error| invalid(format!("the body is not an ExportTraceServiceRequest: {error}"))),
        Encoding::Json => serde_json::from_slice(body)
            .map_err(|error| invalid(format!("the body is not an ExportTraceServiceRequest in JSON: {error}"))),
    }
}
