//! `metria config`: what is set, and where it was said.

use super::{Context, output};
use crate::config::KEYS;
use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every key with its value and where that came from
    Show,
    /// Check the configuration; exit code 1 and the reason when something is wrong
    Check,
}

impl ConfigCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<()> {
        match self {
            Self::Show => show(context),
            Self::Check => check(context),
        }
    }
}

fn show(context: &Context) -> Result<()> {
    let config = context.config()?;
    let shown = |name: &str, value: &str| match (name, value) {
        ("store.url", "") => without_password(&config.store_url),
        ("store.url", url) => without_password(url),
        ("artifacts.root", "") => config.artifact_root.clone(),
        (_, value) => value.to_owned(),
    };
    if context.json {
        let entries: serde_json::Map<_, _> = context
            .raw
            .entries()
            .map(|(name, value, source)| {
                (name.to_owned(), json!({"value": shown(name, value), "source": source.to_string()}))
            })
            .collect();
        return output::json(&entries);
    }
    let rows: Vec<Vec<String>> = context
        .raw
        .entries()
        .zip(KEYS)
        .map(|((name, value, source), key)| {
            vec![name.to_owned(), shown(name, value), source.to_string(), key.help.to_owned()]
        })
        .collect();
    output::table(&["key", "value", "from", "meaning"], &rows);
    Ok(())
}

fn check(context: &Context) -> Result<()> {
    let config = context.config()?;
    if context.json {
        return output::json(&json!({"ok": true, "home": config.home}));
    }
    output::line(format!("the configuration is sound; home is {}", config.home.display()));
    Ok(())
}

/// A store URL whose password is shown as `***`.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@').map(|(user, host)| (user.split_once(':'), host)) {
        Some((Some((user, _)), host)) => format!("{scheme}://{user}:***@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden() {
        assert_eq!(without_password("postgres://me:s3:cr@t@db/x"), "postgres://me:***@db/x");
        assert_eq!(without_password("sqlite:/a/b"), "sqlite:/a/b");
        assert_eq!(without_password("postgres://db/x"), "postgres://db/x");
    }
}
