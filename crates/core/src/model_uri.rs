//! Model URIs: `models:/name/3`, `models:/name/Production`, `models:/name@alias`, `models:/name/latest`,
//! `runs:/ID/path`, `models:/m-ID`, `m-ID` and `file:`.

use crate::error::{ErrorKind, Kinded};
use crate::names::{NameError, check_artifact_path, check_model_name};
use crate::stage::ModelStage;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelUri {
    /// A version in the registry.
    Registered {
        /// The registered model's name.
        name: String,
        /// Which version.
        selector: VersionSelector,
    },
    /// An artifact of a run.
    Run {
        /// The run.
        run_id: String,
        /// The model folder below the run's artifacts.
        path: String,
    },
    /// A logged model by its own identifier (`m-…`).
    Logged(String),
    /// A model folder on this machine.
    File(PathBuf),
}

/// Which version of a registered model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionSelector {
    /// By number.
    Version(u32),
    /// The newest in a stage.
    Stage(ModelStage),
    /// The one an alias points to.
    Alias(String),
    /// The newest of all.
    Latest,
}

/// A text that is no model URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelUriError {
    /// No known form.
    #[error(
        "a model URI must be `models:/NAME/VERSION`, `models:/NAME/STAGE`, `models:/NAME@ALIAS`, `runs:/RUN_ID/PATH`, `models:/m-ID`, `m-ID` or a folder; got `{0}`"
    )]
    Form(String),
    /// A known form with a bad name in it.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Kinded for ModelUriError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl FromStr for ModelUri {
    type Err = ModelUriError;

    fn from_str(text: &str) -> Result<Self, ModelUriError> {
        let form = || ModelUriError::Form(text.to_owned());
        if let Some(rest) = text.strip_prefix("models:/") {
            if let Some(id) = logged(rest.trim_start_matches('/')) {
                return Ok(Self::Logged(id.to_owned()));
            }
            return registered(rest.trim_start_matches('/')).ok_or_else(form)?;
        }
        if let Some(rest) = text.strip_prefix("runs:/") {
            let (run_id, path) = rest.split_once('/').ok_or_else(form)?;
            if run_id.is_empty() {
                return Err(form());
            }
            return Ok(Self::Run { run_id: run_id.to_owned(), path: check_artifact_path(path)?.to_owned() });
        }
        if let Some(rest) = text.strip_prefix("file:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return Ok(Self::File(PathBuf::from(path)));
        }
        if let Some(id) = logged(text) {
            return Ok(Self::Logged(id.to_owned()));
        }
        if text.is_empty() || text.contains("://") {
            return Err(form());
        }
        Ok(Self::File(PathBuf::from(text)))
    }
}

/// The identifier of a logged model, if it is one.
fn logged(text: &str) -> Option<&str> {
    (text.starts_with("m-") && !text.contains(['/', '@'])).then_some(text)
}

fn registered(rest: &str) -> Option<Result<ModelUri, ModelUriError>> {
    let (name, selector) = match rest.rsplit_once('/') {
        Some((name, version)) => {
            let selector = if version.eq_ignore_ascii_case("latest") {
                VersionSelector::Latest
            } else if let Ok(number) = version.parse::<u32>() {
                VersionSelector::Version(number)
            } else {
                VersionSelector::Stage(version.parse().ok()?)
            };
            (name, selector)
        }
        None => {
            let (name, alias) = rest.split_once('@')?;
            if alias.is_empty() {
                return None;
            }
            (name, VersionSelector::Alias(alias.to_owned()))
        }
    };
    Some(match check_model_name(name) {
        Ok(()) => Ok(ModelUri::Registered { name: name.to_owned(), selector }),
        Err(error) => Err(error.into()),
    })
}

impl fmt::Display for ModelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered { name, selector } => match selector {
                VersionSelector::Version(version) => write!(f, "models:/{name}/{version}"),
                VersionSelector::Stage(stage) => write!(f, "models:/{name}/{stage}"),
                VersionSelector::Alias(alias) => write!(f, "models:/{name}@{alias}"),
                VersionSelector::Latest => write!(f, "models:/{name}/latest"),
            },
            Self::Run { run_id, path } => write!(f, "runs:/{run_id}/{path}"),
            Self::Logged(id) => f.write_str(id),
            Self::File(path) => write!(f, "file://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_round_trips() {
        for text in [
            "models:/credit/3",
            "models:/credit/Production",
            "models:/credit@champion",
            "models:/credit/latest",
            "runs:/0123456789abcdef0123456789abcdef/model",
            "m-42",
            "file:///tmp/model",
        ] {
            let uri: ModelUri = text.parse().expect(text);
            assert_eq!(uri.to_string(), text);
        }
    }

    #[test]
    fn logged_models_have_two_forms() {
        assert_eq!("models:/m-42".parse(), Ok(ModelUri::Logged("m-42".to_owned())));
        let version = ModelUri::Registered { name: "m-42".to_owned(), selector: VersionSelector::Version(3) };
        assert_eq!("models:/m-42/3".parse(), Ok(version));
        let alias = VersionSelector::Alias("best".to_owned());
        assert_eq!("models:/m-42@best".parse(), Ok(ModelUri::Registered { name: "m-42".to_owned(), selector: alias }));
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "models:/credit",
            "models:/credit/nowhere",
            "models:/a/b/3",
            "models:/../3",
            "models:/credit@",
            "runs:/id",
            "runs:/id/../../etc",
            "s3://bucket/model",
            "",
        ] {
            assert!(text.parse::<ModelUri>().is_err(), "{text}");
        }
    }
}
