//! The file of a fitted pipeline: `METRIAPL`, format version (u32), SHA-256 of the payload, payload (MessagePack).
//!
//! Nothing in it runs code. What is read is checked before it is used: the digest first, then every tree.

use super::fitted::FittedPipeline;
use super::format_v1::PipelineV1;
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"METRIAPL";

/// The newest version of the format, which is the one that is written.
pub const FORMAT_VERSION: u32 = 2;

/// Magic, version and digest.
const HEADER: usize = 8 + 4 + 32;

impl FittedPipeline {
    /// The pipeline as bytes; the same pipeline gives the same bytes.
    ///
    /// # Panics
    /// Never: every part of a pipeline can be written.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload = rmp_serde::to_vec_named(self).expect("a pipeline has no map with odd keys");
        let mut bytes = Vec::with_capacity(HEADER + payload.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(&payload));
        bytes.extend_from_slice(&payload);
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote, now or in an earlier version.
    ///
    /// # Errors
    /// [`Error::Format`] when the bytes are damaged or something else, [`Error::NewerFormat`] when a newer program
    /// wrote them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = |what: &str| Err(Error::Format(what.to_owned()));
        if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
            return wrong("it does not begin as a pipeline does");
        }
        let version = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        if version > FORMAT_VERSION {
            return Err(Error::NewerFormat { found: version, known: FORMAT_VERSION });
        }
        let payload = &bytes[HEADER..];
        if Sha256::digest(payload)[..] != bytes[12..HEADER] {
            return wrong("its content does not match its checksum");
        }
        let pipeline: Self = match version {
            0 => return wrong("there is no format version 0"),
            1 => parse::<PipelineV1>(payload)?.upgraded()?,
            _ => parse(payload)?,
        };
        pipeline.restored()
    }
}

fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<T> {
    rmp_serde::from_slice(payload).map_err(|error| Error::Format(error.to_string()))
}
