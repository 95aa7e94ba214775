//! MLflow's search language: conditions joined by AND, such as
//! `metrics.accuracy > 0.8 AND params.model = 'forest' AND tags.team ILIKE 'a%'`.

use metria_store::logged_models::LOGGED_MODEL_ATTRIBUTES;
use metria_store::query::RUN_ATTRIBUTES;
use metria_store::{Comparison, Condition, Entity, OrderBy};
use std::iter::Peekable;
use std::str::CharIndices;

/// A text that is not of the language, with the place where it stops being so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position} of `{text}`: {expected} is expected; got {got}")]
pub struct SearchError {
    /// The whole text.
    pub text: String,
    /// Characters before the place.
    pub position: usize,
    /// What may stand there.
    pub expected: String,
    /// What stands there.
    pub got: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Number(f64),
    Symbol(&'static str),
    End,
}

impl Token {
    fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Quoted(text) => format!("the text '{text}'"),
            Self::Number(number) => format!("the number {number}"),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// What is searched, which decides what a condition may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Runs: metrics, params, tags, attributes and datasets.
    Runs,
    /// Experiments: tags and attributes.
    Experiments,
    /// Registered models: tags and attributes.
    Models,
    /// Model versions: tags and attributes.
    Versions,
    /// Logged models: metrics, params, tags and attributes.
    LoggedModels,
}

impl Subject {
    fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::Runs => &RUN_ATTRIBUTES,
            Self::LoggedModels => &LOGGED_MODEL_ATTRIBUTES,
            Self::Experiments => &["name", "creation_time", "last_update_time"],
            Self::Models => &["name", "creation_timestamp", "last_updated_timestamp"],
            Self::Versions => {
                &["name", "run_id", "source_path", "version_number", "creation_timestamp", "last_updated_timestamp"]
            }
        }
    }

    pub(crate) fn attribute(self, key: &str) -> Option<&'static str> {
        let key = key.to_ascii_lowercase();
        let alias = match (self, key.as_str()) {
            (Self::Runs, "created") => "start_time",
            (Self::Runs, "run name") => "run_name",
            (Self::Runs, "user") => "user_id",
            (Self::Models | Self::Versions, "timestamp") => "last_updated_timestamp",
            (Self::LoggedModels, "creation_timestamp" | "creation_timestamp_ms") => "creation_time",
            (Self::LoggedModels, "last_updated_timestamp" | "last_updated_timestamp_ms") => "last_update_time",
            (_, other) => other,
        };
        self.attributes().iter().copied().find(|name| *name == alias)
    }

    fn has(self, entity: Entity) -> bool {
        match self {
            Self::Runs => true,
            Self::LoggedModels => entity != Entity::Dataset,
            Self::Experiments | Self::Models | Self::Versions => matches!(entity, Entity::Attribute | Entity::Tag),
        }
    }
}

/// Tokens of a text, one ahead.
struct Parser<'a> {
    subject: Subject,
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    token: Token,
    start: usize,
}

impl<'a> Parser<'a> {
    fn new(subject: Subject, text: &'a str) -> Result<Self, SearchError> {
        let mut parser = Self { subject, text, chars: text.char_indices().peekable(), token: Token::End, start: 0 };
        parser.advance()?;
        Ok(parser)
    }

    fn error<T>(&self, expected: impl Into<String>) -> Result<T, SearchError> {
        let position = self.text[..self.start].chars().count();
        let got = self.token.describe();
        Err(SearchError { text: self.text.to_owned(), position, expected: expected.into(), got })
    }

    /// The characters from here on that a condition holds for.
    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'a str {
        let start = self.chars.peek().map_or(self.text.len(), |(at, _)| *at);
        while self.chars.next_if(|(_, c)| holds(*c)).is_some() {}
        let end = self.chars.peek().map_or(self.text.len(), |(at, _)| *at);
        &self.text[start..end]
    }

    /// Moves on and returns the token that was there.
    fn advance(&mut self) -> Result<Token, SearchError> {
        self.take_while(char::is_whitespace);
        self.start = self.chars.peek().map_or(self.text.len(), |(at, _)| *at);
        let next = match self.chars.peek().map(|(_, c)| *c) {
            None => Token::End,
            Some(quote @ ('\'' | '"' | '`')) => self.quoted(quote)?,
            Some(c) if c.is_ascii_digit() || c == '-' || c == '+' => self.number()?,
            Some(c) if is_word(c) => Token::Word(self.take_while(is_word).to_owned()),
            Some(_) => self.symbol()?,
        };
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn quoted(&mut self, quote: char) -> Result<Token, SearchError> {
        self.chars.next();
        let text = self.take_while(|c| c != quote).to_owned();
        if self.chars.next().is_none() {
            self.token = Token::End;
            return self.error(format!("a closing {quote}"));
        }
        Ok(Token::Quoted(text))
    }

    fn number(&mut self) -> Result<Token, SearchError> {
        let text = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
        match text.parse() {
            Ok(number) => Ok(Token::Number(number)),
            Err(_) => {
                self.token = Token::Word(text.to_owned());
                self.error("a number")
            }
        }
    }

    fn symbol(&mut self) -> Result<Token, SearchError> {
        let rest = &self.text[self.start..];
        let known = ["!=", ">=", "<=", "=", ">", "<", "(", ")", ",", "."];
        if let Some(symbol) = known.into_iter().find(|symbol| rest.starts_with(symbol)) {
            for _ in symbol.chars() {
                self.chars.next();
            }
            return Ok(Token::Symbol(symbol));
        }
        let got = rest.chars().next().unwrap_or_default();
        self.token = Token::Word(got.to_string());
        self.error("a key, a comparison or a value")
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(&self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), SearchError> {
        if !self.is_keyword(keyword) {
            return self.error(keyword);
        }
        self.advance().map(|_| ())
    }

    fn symbol_token(&mut self, symbol: &'static str) -> Result<(), SearchError> {
        if self.token != Token::Symbol(symbol) {
            return self.error(format!("`{symbol}`"));
        }
        self.advance().map(|_| ())
    }

    /// `metrics.accuracy`, `params."odd key"`, `start_time`.
    fn key(&mut self) -> Result<(Entity, String), SearchError> {
        let Token::Word(word) = self.token.clone() else {
            return self.error("a key such as metrics.accuracy, params.depth, tags.team or start_time");
        };
        let (entity, key) = match word.split_once('.') {
            Some((name, key)) => (entity(name), key.to_owned()),
            None => (Some(Entity::Attribute), word.clone()),
        };
        let Some(entity) = entity.filter(|entity| self.subject.has(*entity)) else {
            return match self.subject {
                Subject::Runs => self.error("metrics, params, tags, attributes or datasets"),
                Subject::LoggedModels => self.error("metrics, params, tags or attributes"),
                Subject::Experiments | Subject::Models | Subject::Versions => self.error("tags or attributes"),
            };
        };
        let key = if key.is_empty() {
            self.advance()?;
            match self.token.clone() {
                Token::Quoted(text) => text,
                _ => return self.error("a key in quotes"),
            }
        } else {
            key
        };
        let key = match entity {
            Entity::Attribute => match self.subject.attribute(&key) {
                Some(name) => name.to_owned(),
                None => return self.error(format!("one of {}", self.subject.attributes().join(", "))),
            },
            Entity::Dataset if !["name", "digest", "context"].contains(&key.as_str()) => {
                return self.error("datasets.name, datasets.digest or datasets.context");
            }
            _ => key,
        };
        self.advance()?;
        Ok((entity, key))
    }

    fn condition(&mut self) -> Result<Condition, SearchError> {
        let (entity, key) = self.key()?;
        let numeric = entity == Entity::Metric || (entity == Entity::Attribute && is_number(&key));
        let comparison = if numeric { self.number_comparison()? } else { self.text_comparison()? };
        Ok(Condition { entity, key, comparison })
    }

    fn number_comparison(&mut self) -> Result<Comparison, SearchError> {
        let Token::Symbol(operator) = self.token else { return self.error("one of =, !=, >, >=, <, <=") };
        let make = match operator {
            "=" => Comparison::NumberEquals,
            "!=" => Comparison::NumberNotEquals,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            _ => return self.error("one of =, !=, >, >=, <, <="),
        };
        self.advance()?;
        let Token::Number(number) = self.token else { return self.error("a number, without quotes") };
        self.advance()?;
        Ok(make(number))
    }

    fn text_comparison(&mut self) -> Result<Comparison, SearchError> {
        match self.token.clone() {
            Token::Symbol("=") => self.text_after(Comparison::TextEquals),
            Token::Symbol("!=") => self.text_after(Comparison::TextNotEquals),
            Token::Word(_) if self.is_keyword("LIKE") => self.text_after(Comparison::Like),
            Token::Word(_) if self.is_keyword("ILIKE") => self.text_after(Comparison::ILike),
            Token::Word(_) if self.is_keyword("IN") => Ok(Comparison::In(self.list()?)),
            Token::Word(_) if self.is_keyword("NOT") => {
                self.advance()?;
                if !self.is_keyword("IN") {
                    return self.error("IN");
                }
                Ok(Comparison::NotIn(self.list()?))
            }
            Token::Word(_) if self.is_keyword("IS") => {
                self.advance()?;
                let negated = self.is_keyword("NOT");
                if negated {
                    self.advance()?;
                }
                self.keyword("NULL")?;
                Ok(if negated { Comparison::IsNotNull } else { Comparison::IsNull })
            }
            _ => self.error("one of =, !=, LIKE, ILIKE, IN, NOT IN, IS NULL, IS NOT NULL"),
        }
    }

    fn text_after(&mut self, make: fn(String) -> Comparison) -> Result<Comparison, SearchError> {
        self.advance()?;
        Ok(make(self.text()?))
    }

    fn text(&mut self) -> Result<String, SearchError> {
        let text = match self.token.clone() {
            Token::Quoted(text) => text,
            // Clients search logged models by `params.depth = 3`.
            Token::Number(_) if self.subject == Subject::LoggedModels => {
                let end = self.chars.peek().map_or(self.text.len(), |(at, _)| *at);
                self.text[self.start..end].to_owned()
            }
            _ => return self.error("a text in quotes"),
        };
        self.advance()?;
        Ok(text)
    }

    /// `('a', 'b')`, after IN.
    fn list(&mut self) -> Result<Vec<String>, SearchError> {
        self.advance()?;
        self.symbol_token("(")?;
        let mut values = vec![self.text()?];
        while self.token == Token::Symbol(",") {
            self.advance()?;
            values.push(self.text()?);
        }
        self.symbol_token(")")?;
        Ok(values)
    }
}

/// Whether an attribute is a time or a number.
fn is_number(attribute: &str) -> bool {
    ["_time", "_timestamp", "_number"].iter().any(|ending| attribute.ends_with(ending))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | ':')
}

fn entity(name: &str) -> Option<Entity> {
    match name.to_ascii_lowercase().as_str() {
        "metric" | "metrics" => Some(Entity::Metric),
        "param" | "params" | "parameter" | "parameters" => Some(Entity::Param),
        "tag" | "tags" => Some(Entity::Tag),
        "attribute" | "attributes" | "attr" | "run" => Some(Entity::Attribute),
        "dataset" | "datasets" => Some(Entity::Dataset),
        _ => None,
    }
}

/// Reads a filter; the empty text is no condition.
///
/// # Errors
/// [`SearchError`] with the place.
pub fn parse_filter(subject: Subject, text: &str) -> Result<Vec<Condition>, SearchError> {
    let mut parser = Parser::new(subject, text)?;
    if parser.token == Token::End {
        return Ok(Vec::new());
    }
    let mut conditions = vec![parser.condition()?];
    while parser.token != Token::End {
        parser.keyword("AND")?;
        conditions.push(parser.condition()?);
    }
    Ok(conditions)
}

/// Reads an order such as `metrics.accuracy DESC`; ascending when nothing is said.
///
/// # Errors
/// [`SearchError`] with the place.
pub fn parse_order_by(subject: Subject, text: &str) -> Result<OrderBy, SearchError> {
    let mut parser = Parser::new(subject, text)?;
    let (entity, key) = parser.key()?;
    if entity == Entity::Dataset {
        return parser.error("a metric, param, tag or attribute to order by");
    }
    let ascending = !parser.is_keyword("DESC");
    if parser.is_keyword("ASC") || parser.is_keyword("DESC") {
        parser.advance()?;
    }
    if parser.token != Token::End {
        return parser.error("ASC, DESC or the end");
    }
    Ok(OrderBy { entity, key, ascending })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (Entity, String, Comparison) {
        let mut conditions = parse_filter(Subject::Runs, text).expect(text);
        assert_eq!(conditions.len(), 1, "{text}");
        let condition = conditions.remove(0);
        (condition.entity, condition.key, condition.comparison)
    }

    #[test]
    fn every_form() {
        let text = |t: &str| t.to_owned();
        for (filter, expected) in [
            ("metrics.accuracy >= 0.9", (Entity::Metric, text("accuracy"), Comparison::GreaterOrEqual(0.9))),
            ("metric.`a b` < -1e-3", (Entity::Metric, text("a b"), Comparison::Less(-1e-3))),
            ("params.\"max depth\" = '10'", (Entity::Param, text("max depth"), Comparison::TextEquals(text("10")))),
            ("tag.mlflow.user != \"x\"", (Entity::Tag, text("mlflow.user"), Comparison::TextNotEquals(text("x")))),
            ("tags.team ilike 'A%'", (Entity::Tag, text("team"), Comparison::ILike(text("A%")))),
            ("params.x IS NOT NULL", (Entity::Param, text("x"), Comparison::IsNotNull)),
            ("run_id IN ('a', 'b')", (Entity::Attribute, text("run_id"), Comparison::In(vec![text("a"), text("b")]))),
            ("attributes.Created > 5", (Entity::Attribute, text("start_time"), Comparison::Greater(5.0))),
            ("datasets.digest NOT IN ('d')", (Entity::Dataset, text("digest"), Comparison::NotIn(vec![text("d")]))),
        ] {
            assert_eq!(one(filter), expected, "{filter}");
        }
        assert_eq!(parse_filter(Subject::Runs, "  ").unwrap(), []);
        assert_eq!(
            parse_filter(Subject::Runs, "metrics.a > 1 and params.b = 'c' AND tags.d IS NULL").unwrap().len(),
            3
        );
    }

    #[test]
    fn logged_models() {
        let conditions = parse_filter(
            Subject::LoggedModels,
            "creation_timestamp > 5 AND params.depth = 3.50 AND metrics.`a b` <= 1 AND name = 'x' AND tags.t IN ('a', 7)",
        )
        .unwrap();
        let expected = [
            (Entity::Attribute, "creation_time", Comparison::Greater(5.0)),
            (Entity::Param, "depth", Comparison::TextEquals("3.50".to_owned())),
            (Entity::Metric, "a b", Comparison::LessOrEqual(1.0)),
            (Entity::Attribute, "name", Comparison::TextEquals("x".to_owned())),
            (Entity::Tag, "t", Comparison::In(vec!["a".to_owned(), "7".to_owned()])),
        ];
        for (got, (entity, key, comparison)) in conditions.into_iter().zip(expected) {
            assert_eq!((got.entity, got.key.as_str(), got.comparison), (entity, key, comparison));
        }
        for (filter, expected) in [
            ("datasets.name = 'x'", "metrics, params"),
            ("run_name = 'x'", "model_id"),
            ("metrics.a > 'x'", "a number"),
        ] {
            let error = parse_filter(Subject::LoggedModels, filter).expect_err(filter);
            assert!(error.expected.contains(expected), "{error}");
        }
    }

    #[test]
    fn errors_tell_the_place() {
        for (filter, position, expected) in [
            ("metrics.a > '1'", 12, "without quotes"),
            ("params.a = 1", 11, "in quotes"),
            ("metrics.a > 1 OR metrics.b > 2", 14, "AND"),
            ("cosmos.a = 'x'", 0, "metrics, params"),
            ("colour = 'x'", 0, "run_id"),
            ("tags.a = 'x", 9, "closing"),
            ("metrics.ü ! 3", 10, "a key, a comparison"),
            ("params.a IN ()", 13, "in quotes"),
            ("metrics.a >", 11, "a number"),
        ] {
            let error = parse_filter(Subject::Runs, filter).expect_err(filter);
            assert_eq!(error.position, position, "{error}");
            assert!(error.expected.contains(expected), "{error}");
        }
    }

    #[test]
    fn orders() {
        let order = parse_order_by(Subject::Runs, "metrics.accuracy DESC").unwrap();
        assert_eq!((order.entity, order.ascending), (Entity::Metric, false));
        assert!(parse_order_by(Subject::Runs, "start_time").unwrap().ascending);
        assert!(parse_order_by(Subject::Runs, "metrics.a DOWN").is_err());
        assert!(parse_order_by(Subject::Runs, "").is_err());
    }

    #[test]
    fn no_text_is_too_odd() {
        let pieces =
            ["metrics", ".", "a", " ", "'", "\"", "`", ">=", "(", ",", "ü", "1e", "-", "IN", "NOT", "IS", "\0", "AND"];
        let mut state = 1_u32;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..8 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(pieces[(state >> 16) as usize % pieces.len()]);
            }
            // Only a panic would be wrong.
            let _ = (parse_filter(Subject::Runs, &text), parse_order_by(Subject::Runs, &text));
        }
    }
}
