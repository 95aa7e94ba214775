//! Prompts: they live in the registry as models and versions with a tag that tells them apart.

use metria_store::{Comparison, Condition, Entity, Tag};

/// The tag that tells prompts from models.
pub(crate) const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
/// The tag of a prompt's version that holds its template.
pub(crate) const TEXT: &str = "mlflow.prompt.text";
/// The tag that tells texts from chats.
pub(crate) const KIND: &str = "_mlflow_prompt_type";

/// Whether a registered model or version with these tags is a prompt; of two tags of one key the last counts.
#[must_use]
pub fn is_prompt(tags: &[Tag]) -> bool {
    let tag = tags.iter().rev().find(|tag| tag.key == IS_PROMPT);
    tag.is_some_and(|tag| tag.value.eq_ignore_ascii_case("true"))
}

/// Whether a search wants prompts; without a word about them it wants models. Its first condition on the tag decides.
pub(crate) fn asks_for_prompts(conditions: &[Condition]) -> bool {
    let first = conditions.iter().find(|condition| condition.entity == Entity::Tag && condition.key == IS_PROMPT);
    first.is_some_and(|condition| match &condition.comparison {
        Comparison::TextEquals(value) => value.eq_ignore_ascii_case("true"),
        Comparison::TextNotEquals(value) => value.eq_ignore_ascii_case("false"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Subject, parse_filter};

    #[test]
    fn the_first_condition_decides() {
        for (filter, expected) in [
            ("", false),
            ("name = 'a'", false),
            ("tags.`mlflow.prompt.is_prompt` = 'true'", true),
            ("tag.`mlflow.prompt.is_prompt` = 'TRUE' AND name = 'a'", true),
            ("tags.mlflow.prompt.is_prompt != 'false'", true),
            ("tags.`mlflow.prompt.is_prompt` != 'true'", false),
            ("tags.`mlflow.prompt.is_prompt` LIKE 'true'", false),
            ("tags.mlflow.prompt.is_prompt = 'false' AND tags.mlflow.prompt.is_prompt = 'true'", false),
        ] {
            let conditions = parse_filter(Subject::Models, filter).expect(filter);
            assert_eq!(asks_for_prompts(&conditions), expected, "{filter}");
        }
    }

    #[test]
    fn the_last_tag_counts() {
        let tag = |value: &str| Tag { key: IS_PROMPT.to_owned(), value: value.to_owned() };
        assert!(is_prompt(&[tag("false"), tag("True")]));
        assert!(!is_prompt(&[tag("true"), tag("no")]));
        assert!(!is_prompt(&[]));
    }
}
