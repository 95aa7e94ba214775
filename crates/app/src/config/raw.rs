//! What was said, and where.

use super::keys::{KEYS, find, variable};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody said anything.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// A value or key that is refused.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refused {
    /// What is wrong, what is allowed, what came and from where.
    message: String,
    /// Where it came from.
    source_of_value: Source,
}

impl Refused {
    /// Whether it was said on the command line.
    pub(crate) fn on_command_line(&self) -> bool {
        self.source_of_value == Source::Flag
    }
}

/// Every key's value with its source.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    values: BTreeMap<&'static str, (String, Source)>,
}

impl Raw {
    /// Merges defaults, those of the command before those of all, then the file, the environment and the flags.
    ///
    /// # Errors
    /// When the file cannot be read or a key is unknown.
    pub(crate) fn load(file: Option<&Path>, defaults: &[(&str, &str)], flags: &[(&str, String)]) -> Result<Self> {
        let mut raw = Self::defaults();
        for (name, value) in defaults {
            raw.set(name, (*value).to_owned(), Source::Default)?;
        }
        let named = file.map(Path::to_path_buf).or_else(|| environment("METRIA_CONFIG").map(PathBuf::from));
        match named {
            Some(path) => raw.read_file(&path)?,
            None if Path::new("metria.toml").exists() => raw.read_file(Path::new("metria.toml"))?,
            None => {}
        }
        raw.read_environment()?;
        for (name, value) in flags {
            raw.set(name, value.clone(), Source::Flag)?;
        }
        Ok(raw)
    }

    fn defaults() -> Self {
        let mut values: BTreeMap<_, _> =
            KEYS.iter().map(|key| (key.name, (key.default.to_owned(), Source::Default))).collect();
        values.insert("home", (default_home(), Source::Default));
        Self { values }
    }

    fn read_file(&mut self, path: &Path) -> Result<()> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
        let table: toml::Table = text.parse().with_context(|| format!("{} is not valid TOML", path.display()))?;
        let mut flat = Vec::new();
        flatten("", &table, &mut flat);
        for (name, value) in flat {
            self.set(&name, value, Source::File(path.to_path_buf()))?;
        }
        Ok(())
    }

    fn read_environment(&mut self) -> Result<()> {
        for key in KEYS {
            let name = variable(key.name);
            if let Some(value) = environment(&name) {
                self.set(key.name, value, Source::Variable(name))?;
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: String, source: Source) -> Result<()> {
        let Some(key) = find(name) else {
            let nearest = metria_core::names::nearest(name, KEYS.iter().map(|key| key.name));
            let message = format!(
                "unknown configuration key `{name}` in {source}; the nearest known one is `{}`",
                nearest.unwrap_or("home")
            );
            return Err(Refused { message, source_of_value: source }.into());
        };
        self.values.insert(key.name, (value, source));
        Ok(())
    }

    /// Each key with its value and source.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, &str, &Source)> {
        KEYS.iter().map(|key| {
            let (value, source) = &self.values[key.name];
            (key.name, value.as_str(), source)
        })
    }

    pub(super) fn text(&self, name: &str) -> &str {
        &self.values[name].0
    }

    /// The refusal of a key's value: what is allowed, what came, and from where.
    pub(super) fn refuse(&self, name: &str, allowed: &str) -> anyhow::Error {
        let (value, source) = &self.values[name];
        let message = format!("{name} must be {allowed}; got `{value}` from {source}");
        Refused { message, source_of_value: source.clone() }.into()
    }

    /// A refusal in words of its own, for which the value of a key is to blame.
    pub(super) fn refuse_for(&self, name: &str, message: String) -> anyhow::Error {
        Refused { message, source_of_value: self.values[name].1.clone() }.into()
    }

    pub(super) fn boolean(&self, name: &str) -> Result<bool> {
        self.text(name).parse().map_err(|_| self.refuse(name, "true or false"))
    }

    pub(super) fn number(&self, name: &str, min: usize, max: usize) -> Result<usize> {
        match self.text(name).parse::<usize>() {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            _ => Err(self.refuse(name, &format!("a whole number from {min} to {max}"))),
        }
    }
}

fn flatten(prefix: &str, table: &toml::Table, flat: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&name, inner, flat),
            toml::Value::String(text) => flat.push((name, text.clone())),
            toml::Value::Array(items) => {
                let items: Vec<String> =
                    items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
                flat.push((name, items.join(",")));
            }
            other => flat.push((name, other.to_string())),
        }
    }
}

fn default_home() -> String {
    let under = |base: String, rest: &str| Path::new(&base).join(rest).display().to_string();
    if cfg!(target_os = "macos") {
        if let Some(home) = environment("HOME") {
            return under(home, "Library/Application Support/metria");
        }
    } else if cfg!(windows) {
        if let Some(data) = environment("LOCALAPPDATA") {
            return under(data, "metria");
        }
    } else if let Some(data) = environment("XDG_DATA_HOME") {
        return under(data, "metria");
    } else if let Some(home) = environment("HOME") {
        return under(home, ".local/share/metria");
    }
    "metria-home".to_owned()
}

/// A variable of the environment, when it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the one place where the environment is read")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_source_wins_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("metria.toml");
        std::fs::write(&file, "[server]\nport = 6001\nhost = \"127.0.0.2\"\n").unwrap();
        let flags = [("server.port", "7001".to_owned())];
        let raw = Raw::load(Some(&file), &[], &flags).unwrap();
        assert_eq!(raw.text("server.port"), "7001");
        assert_eq!(raw.values["server.port"].1, Source::Flag);
        assert_eq!(raw.text("server.host"), "127.0.0.2");
        assert_eq!(raw.values["server.host"].1, Source::File(file));
    }

    #[test]
    fn a_command_has_defaults_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("metria.toml");
        std::fs::write(&file, "[server]\nport = 6001\n").unwrap();
        let raw = Raw::load(Some(&file), &[("log.filter", "warn"), ("server.port", "0")], &[]).unwrap();
        assert_eq!(raw.values["log.filter"], ("warn".to_owned(), Source::Default));
        assert_eq!(raw.text("server.port"), "6001", "what the user says wins");
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("metria.toml");
        std::fs::write(&file, "[server]\nprot = 6001\n").unwrap();
        let message = Raw::load(Some(&file), &[], &[]).unwrap_err().to_string();
        assert!(message.contains("server.prot") && message.contains("`server.port`"), "{message}");
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let flags = [("server.port", "70000".to_owned())];
        let raw = Raw::load(None, &[], &flags).unwrap();
        let message = raw.number("server.port", 0, 65_535).unwrap_err().to_string();
        assert!(message.contains("0 to 65535") && message.contains("70000"), "{message}");
    }
}
