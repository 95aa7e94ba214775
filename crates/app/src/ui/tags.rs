//! Tags as pages show them: the note apart, what is ours for our own use left out.

use super::view::SAVED;
use metria_store::Tag;

/// The tag that holds a note in Markdown, by MLflow's name.
pub(super) const NOTE: &str = "mlflow.note.content";
/// The tag that says why a run failed.
pub(super) const ERROR: &str = "metria.error";

/// The note among some tags; an empty one is none.
pub(super) fn note(tags: &[Tag]) -> Option<&str> {
    tags.iter().find(|tag| tag.key == NOTE).map(|tag| tag.value.as_str()).filter(|text| !text.trim().is_empty())
}

/// The tags that are shown in a list.
pub(super) fn editable(tags: &[Tag]) -> Vec<Tag> {
    let shown = |tag: &&Tag| tag.key != NOTE && tag.key != ERROR && !tag.key.starts_with(SAVED);
    tags.iter().filter(shown).cloned().collect()
}
