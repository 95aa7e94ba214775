//! An S3-compatible bucket: how it is reached, and addresses that let others reach one object of it.

use crate::error::{Error, NoAnswer, Result};
use crate::sigv4;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use metria_core::time::now_ms;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path as StorePath;
use object_store::signer::Signer as _;
use object_store::{ClientConfigKey, RetryConfig};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// How long a request may take to be answered, or a piece of its answer to come.
pub(crate) const ANSWER: Duration = Duration::from_secs(70);
/// How long a piece of an upload may take on its way.
pub(crate) const PIECE: Duration = Duration::from_secs(300);
/// Where a bucket is when nobody says.
const REGION: &str = "us-east-1";

/// A bucket.
pub(crate) struct S3 {
    /// Its client.
    pub(crate) client: Arc<AmazonS3>,
    region: String,
}

impl S3 {
    /// The bucket of that name, reached as the `AWS_*` variables of the environment say. Nothing is asked of it yet.
    pub(crate) fn open(root: &str, bucket: &str) -> Result<Self> {
        let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        let told = |key| builder.get_config_value(&key);
        let keys = [
            AmazonS3ConfigKey::AccessKeyId,
            AmazonS3ConfigKey::WebIdentityTokenFile,
            AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
            AmazonS3ConfigKey::ContainerCredentialsFullUri,
            AmazonS3ConfigKey::MetadataEndpoint,
        ];
        // The client would ask the network for the role of this machine, which most have not.
        if told(AmazonS3ConfigKey::SkipSignature).as_deref() != Some("true")
            && !keys.into_iter().any(|key| told(key).is_some())
        {
            return Err(Error::NoKey(root.to_owned()));
        }
        let endpoint = told(AmazonS3ConfigKey::S3Endpoint).or_else(|| told(AmazonS3ConfigKey::Endpoint));
        let plain = endpoint.is_some_and(|url| url.starts_with("http://"));
        let region = told(AmazonS3ConfigKey::Region).unwrap_or_else(|| REGION.to_owned());
        let client = |key| AmazonS3ConfigKey::Client(key);
        // A body may take as long as it needs; what must not is watched by `within` and `watched`.
        let builder = builder
            .with_config(client(ClientConfigKey::Timeout), "1 day")
            .with_config(client(ClientConfigKey::ConnectTimeout), "10 seconds");
        let builder = if plain { builder.with_config(client(ClientConfigKey::AllowHttp), "true") } else { builder };
        let retry = RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
        let client = builder
            .with_region(&region)
            .with_retry(retry)
            .build()
            .map_err(|source| Error::Bucket { root: root.to_owned(), source })?;
        Ok(Self { client: Arc::new(client), region })
    }

    /// Whether there is an object of just that name, whatever there is below it.
    pub(crate) async fn has(&self, path: &StorePath) -> object_store::Result<bool> {
        let first = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        let found = self.client.list_paginated(Some(path.as_ref()), first).await?;
        Ok(found.result.objects.first().is_some_and(|object| object.location == *path))
    }

    /// An address with which anybody can do one thing to one object for a while.
    pub(crate) async fn signed(
        &self,
        method: &str,
        path: &StorePath,
        query: &[(&str, &str)],
        valid: Duration,
    ) -> object_store::Result<String> {
        let key = within(ANSWER, self.client.credentials().get_credential()).await?;
        // The client signs no queries, but it knows where the object is.
        let url = self.client.signed_url(Default::default(), path, valid).await?;
        let url = url.as_str().split('?').next().unwrap_or_default();
        let signer = sigv4::Signer {
            key_id: &key.key_id,
            secret_key: &key.secret_key,
            token: key.token.as_deref(),
            region: &self.region,
            now_ms: now_ms(),
            valid,
        };
        Ok(signer.sign(method, url, query))
    }
}

/// Waits for an answer, but not for ever.
pub(crate) async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = object_store::Result<T>> + Send,
) -> object_store::Result<T> {
    tokio::time::timeout(patience, answer).await.unwrap_or_else(|_| Err(no_answer(patience)))
}

/// The pieces of a body, each waited for, but not for ever.
pub(crate) fn watched(
    pieces: BoxStream<'static, object_store::Result<Bytes>>,
) -> impl Stream<Item = object_store::Result<Bytes>> + Send + 'static {
    stream::unfold(Some(pieces), |pieces| async {
        let mut pieces = pieces?;
        match tokio::time::timeout(ANSWER, pieces.next()).await {
            Ok(piece) => piece.map(|piece| (piece, Some(pieces))),
            Err(_) => Some((Err(no_answer(ANSWER)), None)),
        }
    })
    // Compression asks once more after the end.
    .fuse()
}

fn no_answer(patience: Duration) -> object_store::Error {
    object_store::Error::Generic { store: "artifacts", source: Box::new(NoAnswer(patience)) }
}
