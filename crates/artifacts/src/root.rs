//! What an artifact root may be.

use crate::error::{Error, Result};
use metria_core::names::check_artifact_path;
use std::path::PathBuf;

/// Where artifacts are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket, and the path below which its objects are ours; empty for the whole bucket.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// Without slashes at its ends.
        prefix: String,
    },
}

impl Root {
    /// Reads a folder, a `file:` URL or `s3://BUCKET/PREFIX`.
    pub(crate) fn parse(root: &str) -> Result<Self> {
        let refused = || Error::Root(root.to_owned());
        match root.split_once(':') {
            Some(("file", rest)) => Ok(Self::Folder(PathBuf::from(rest.strip_prefix("//").unwrap_or(rest)))),
            Some(("s3", rest)) => {
                let rest = rest.strip_prefix("//").ok_or_else(refused)?;
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
                if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(named) || prefix.contains(['?', '#']) {
                    return Err(refused());
                }
                let prefix = check_artifact_path(prefix).map_err(|_| refused())?;
                Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
            }
            // A scheme has more than the one letter of a drive.
            Some((scheme, _)) if scheme.len() > 1 && !scheme.contains('/') => Err(refused()),
            _ => Ok(Self::Folder(PathBuf::from(root))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_folders_and_buckets() {
        let s3 = |bucket: &str, prefix: &str| Root::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        for (text, expected) in [
            ("artifacts", Root::Folder("artifacts".into())),
            ("/srv/a:b", Root::Folder("/srv/a:b".into())),
            ("file:/srv/a", Root::Folder("/srv/a".into())),
            ("file:///srv/a", Root::Folder("/srv/a".into())),
            ("s3://bucket", s3("bucket", "")),
            ("s3://bucket/", s3("bucket", "")),
            ("s3://my.bucket-1/team/ml/", s3("my.bucket-1", "team/ml")),
        ] {
            assert_eq!(Root::parse(text).unwrap(), expected, "{text}");
        }
        for text in [
            "s3:bucket/a",
            "s3://",
            "s3://ab",
            "s3://Bucket/a",
            "s3://key:secret@bucket/a",
            "s3://bucket/../other",
            "s3://bucket/a//b",
            "s3://bucket/a?x=1",
            "gs://bucket/a",
            "https://example.org/a",
        ] {
            let message = Root::parse(text).unwrap_err().to_string();
            assert!(message.contains(text) && message.contains("s3://BUCKET/PREFIX"), "{message}");
        }
    }
}
