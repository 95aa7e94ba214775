//! The search language over traces: conditions joined by AND, such as
//! `attributes.status = 'ERROR' AND tags.team = 'risk' AND span.name LIKE 'call%' AND feedback.quality > 0.5`.

use crate::search::SearchError;
use metria_store::traces::SOURCE_RUN;
use metria_store::{Comparison, TraceCondition, TraceField, TraceOrder};
use std::iter::Peekable;
use std::str::CharIndices;

/// The tag that holds a trace's name.
pub const TRACE_NAME: &str = "mlflow.traceName";

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

/// Tokens of a text, one ahead.
struct Parser<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    token: Token,
    start: usize,
}

type Parsed<T> = Result<T, SearchError>;

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Parsed<Self> {
        let mut parser = Self { text, chars: text.char_indices().peekable(), token: Token::End, start: 0 };
        parser.advance()?;
        Ok(parser)
    }

    fn error<T>(&self, expected: impl Into<String>) -> Parsed<T> {
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
    fn advance(&mut self) -> Parsed<Token> {
        self.take_while(char::is_whitespace);
        self.start = self.chars.peek().map_or(self.text.len(), |(at, _)| *at);
        let next = match self.chars.peek().map(|(_, c)| *c) {
            None => Token::End,
            Some(quote @ ('\'' | '"' | '`')) => self.quoted(quote)?,
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+') => self.number()?,
            Some(c) if is_word(c) => Token::Word(self.take_while(is_word).to_owned()),
            Some(c) => self.symbol(c)?,
        };
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn quoted(&mut self, quote: char) -> Parsed<Token> {
        self.chars.next();
        let text = self.take_while(|c| c != quote).to_owned();
        if self.chars.next().is_none() {
            self.token = Token::End;
            return self.error(format!("a closing {quote}"));
        }
        Ok(Token::Quoted(text))
    }

    fn number(&mut self) -> Parsed<Token> {
        let text = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
        match text.parse() {
            Ok(number) => Ok(Token::Number(number)),
            Err(_) => {
                self.token = Token::Word(text.to_owned());
                self.error("a number")
            }
        }
    }

    fn symbol(&mut self, first: char) -> Parsed<Token> {
        let rest = &self.text[self.start..];
        let known = ["!=", ">=", "<=", "=", ">", "<", "(", ")", ","];
        if let Some(symbol) = known.into_iter().find(|symbol| rest.starts_with(symbol)) {
            for _ in symbol.chars() {
                self.chars.next();
            }
            return Ok(Token::Symbol(symbol));
        }
        self.token = Token::Word(first.to_string());
        self.error("a key, a comparison or a value")
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(&self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn keyword(&mut self, keyword: &str) -> Parsed<()> {
        if !self.is_keyword(keyword) {
            return self.error(keyword);
        }
        self.advance().map(|_| ())
    }

    /// `tags.team`, `` metadata.`odd key` ``, `span.name`, `` span.attributes.`a.b` ``, `status`.
    fn key(&mut self) -> Parsed<(TraceField, String)> {
        const KEYS: &str = "attributes, tags, metadata, span, feedback, expectation, issue, or an attribute alone";
        let Token::Word(word) = self.token.clone() else { return self.error(KEYS) };
        let (name, key) = word.split_once('.').unwrap_or(("attributes", &word));
        let mut name = name.to_ascii_lowercase();
        let mut key = key.to_owned();
        if name == "span"
            && let Some(rest) = key.strip_prefix("attributes.")
        {
            (name, key) = ("span.attributes".to_owned(), rest.to_owned());
        }
        if key.is_empty() {
            self.advance()?;
            match self.token.clone() {
                Token::Quoted(text) if !text.is_empty() => key = text,
                _ => return self.error("a key in quotes"),
            }
        }
        let found = match name.as_str() {
            "attribute" | "attributes" | "trace" => match attribute(&key) {
                Some(found) => found,
                None => return self.error(ATTRIBUTES),
            },
            "tag" | "tags" => (TraceField::Tag, key),
            "metadata" | "request_metadata" if key == SOURCE_RUN => (TraceField::Run, String::new()),
            "metadata" | "request_metadata" => (TraceField::Metadata, key),
            "span" if ["name", "type", "status"].contains(&key.as_str()) => (TraceField::Span, key),
            "span" if key == "content" => (TraceField::SpanText, String::new()),
            "span" => return self.error("span.name, span.type, span.status, span.content or span.attributes.KEY"),
            "span.attributes" => (TraceField::SpanAttribute, key),
            "feedback" => (TraceField::Feedback, key),
            "expectation" => (TraceField::Expectation, key),
            "issue" if key == "id" => (TraceField::Issue, String::new()),
            "issue" => return self.error("issue.id"),
            _ => return self.error(KEYS),
        };
        self.advance()?;
        Ok(found)
    }

    fn condition(&mut self) -> Parsed<TraceCondition> {
        let (field, key) = self.key()?;
        let start = self.start;
        let numeric = field == TraceField::Attribute && metria_store::trace_query::is_number(&key);
        let judged = matches!(field, TraceField::Feedback | TraceField::Expectation);
        let comparison = match self.token {
            Token::Symbol(_) if numeric => self.number_comparison()?,
            Token::Symbol(symbol) if judged && !matches!(symbol, "=" | "!=") => self.number_comparison()?,
            _ if numeric => return self.error("one of =, !=, >, >=, <, <="),
            _ => self.text_comparison()?,
        };
        let is_equal = matches!(comparison, Comparison::TextEquals(_));
        if matches!(field, TraceField::Issue | TraceField::Prompt) && !is_equal {
            self.start = start;
            return self.error("=");
        }
        // What the run is compared with by anything else is the metadata alone.
        if field == TraceField::Run && !is_equal {
            return Ok(TraceCondition { field: TraceField::Metadata, key: SOURCE_RUN.to_owned(), comparison });
        }
        Ok(TraceCondition { field, key, comparison })
    }

    fn number_comparison(&mut self) -> Parsed<Comparison> {
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

    fn text_comparison(&mut self) -> Parsed<Comparison> {
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

    fn text_after(&mut self, make: fn(String) -> Comparison) -> Parsed<Comparison> {
        self.advance()?;
        Ok(make(self.text()?))
    }

    fn text(&mut self) -> Parsed<String> {
        let Token::Quoted(text) = self.token.clone() else { return self.error("a text in quotes") };
        self.advance()?;
        Ok(text)
    }

    fn symbol_token(&mut self, symbol: &'static str) -> Parsed<()> {
        if self.token != Token::Symbol(symbol) {
            return self.error(format!("`{symbol}`"));
        }
        self.advance().map(|_| ())
    }

    /// `('a', 'b')`, after IN.
    fn list(&mut self) -> Parsed<Vec<String>> {
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

const ATTRIBUTES: &str = "one of trace_id, experiment_id, name, status, timestamp_ms, execution_time_ms, end_time_ms, \
                          client_request_id, run_id, prompt, text";

fn attribute(key: &str) -> Option<(TraceField, String)> {
    let name = match key.to_ascii_lowercase().as_str() {
        "name" => return Some((TraceField::Tag, TRACE_NAME.to_owned())),
        "run_id" => return Some((TraceField::Run, String::new())),
        "prompt" => return Some((TraceField::Prompt, String::new())),
        "text" => return Some((TraceField::SpanText, String::new())),
        "request_id" | "trace_id" => "trace_id",
        "timestamp" | "timestamp_ms" | "request_time" | "request_time_ms" => "request_time_ms",
        "execution_time" | "execution_time_ms" | "execution_duration" | "execution_duration_ms" => {
            "execution_duration_ms"
        }
        "end_time" | "end_time_ms" => "end_time_ms",
        "status" | "state" => "state",
        "client_request_id" => "client_request_id",
        "experiment_id" => "experiment_id",
        _ => return None,
    };
    Some((TraceField::Attribute, name.to_owned()))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | ':')
}

/// Reads a filter; the empty text is no condition.
///
/// # Errors
/// [`SearchError`] with the place.
pub fn parse_trace_filter(text: &str) -> Parsed<Vec<TraceCondition>> {
    let mut parser = Parser::new(text)?;
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

/// Reads an order such as `timestamp_ms DESC`; ascending when nothing is said.
///
/// # Errors
/// [`SearchError`] with the place.
pub fn parse_trace_order(text: &str) -> Parsed<TraceOrder> {
    let mut parser = Parser::new(text)?;
    let (field, key) = match parser.key()? {
        (TraceField::Run, _) => (TraceField::Metadata, SOURCE_RUN.to_owned()),
        (field @ (TraceField::Attribute | TraceField::Tag | TraceField::Metadata), key) => (field, key),
        _ => {
            parser.start = 0;
            return parser.error("an attribute, a tag or metadata to order by");
        }
    };
    let ascending = !parser.is_keyword("DESC");
    if parser.is_keyword("ASC") || parser.is_keyword("DESC") {
        parser.advance()?;
    }
    if parser.token != Token::End {
        return parser.error("ASC, DESC or the end");
    }
    Ok(TraceOrder { field, key, ascending })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (TraceField, String, Comparison) {
        let mut conditions = parse_trace_filter(text).expect(text);
        assert_eq!(conditions.len(), 1, "{text}");
        let condition = conditions.remove(0);
        (condition.field, condition.key, condition.comparison)
    }

    #[test]
    fn every_form() {
        let text = |t: &str| t.to_owned();
        let equals = |t: &str| Comparison::TextEquals(text(t));
        for (filter, expected) in [
            ("status = 'OK'", (TraceField::Attribute, text("state"), equals("OK"))),
            ("trace.status != \"OK\"", (TraceField::Attribute, text("state"), Comparison::TextNotEquals(text("OK")))),
            ("timestamp > 5", (TraceField::Attribute, text("request_time_ms"), Comparison::Greater(5.0))),
            ("attributes.execution_time_ms <= 1e3", {
                (TraceField::Attribute, text("execution_duration_ms"), Comparison::LessOrEqual(1_000.0))
            }),
            ("request_id IN ('a', 'b')", {
                (TraceField::Attribute, text("trace_id"), Comparison::In(vec![text("a"), text("b")]))
            }),
            ("name LIKE 'f%'", (TraceField::Tag, text(TRACE_NAME), Comparison::Like(text("f%")))),
            ("tags.`odd key` = 'x'", (TraceField::Tag, text("odd key"), equals("x"))),
            ("tag.mlflow.x is null", (TraceField::Tag, text("mlflow.x"), Comparison::IsNull)),
            ("request_metadata.`mlflow.modelId` = 'm'", (TraceField::Metadata, text("mlflow.modelId"), equals("m"))),
            ("metadata.mlflow.sourceRun = 'r'", (TraceField::Run, text(""), equals("r"))),
            ("attribute.run_id = 'r'", (TraceField::Run, text(""), equals("r"))),
            ("run_id != 'r'", { (TraceField::Metadata, text(SOURCE_RUN), Comparison::TextNotEquals(text("r"))) }),
            ("prompt = 'p/1'", (TraceField::Prompt, text(""), equals("p/1"))),
            ("trace.text ILIKE '%a%'", (TraceField::SpanText, text(""), Comparison::ILike(text("%a%")))),
            ("span.name = 'x'", (TraceField::Span, text("name"), equals("x"))),
            ("span.attributes.model = 'x'", (TraceField::SpanAttribute, text("model"), equals("x"))),
            ("span.attributes.`a b.c` = 'x'", (TraceField::SpanAttribute, text("a b.c"), equals("x"))),
            ("feedback.quality >= 0.5", (TraceField::Feedback, text("quality"), Comparison::GreaterOrEqual(0.5))),
            ("feedback.\"a b\" = 'yes'", (TraceField::Feedback, text("a b"), equals("yes"))),
            ("expectation.x IS NOT NULL", (TraceField::Expectation, text("x"), Comparison::IsNotNull)),
            ("issue.id = 'iss-1'", (TraceField::Issue, text(""), equals("iss-1"))),
        ] {
            assert_eq!(one(filter), expected, "{filter}");
        }
        assert_eq!(parse_trace_filter(" ").unwrap(), []);
        assert_eq!(parse_trace_filter("status = 'OK' and tags.a = 'b' AND span.type = 'LLM'").unwrap().len(), 3);
    }

    #[test]
    fn errors_tell_the_place() {
        for (filter, position, expected) in [
            ("status = OK", 9, "in quotes"),
            ("timestamp > '1'", 12, "without quotes"),
            ("timestamp LIKE '1'", 10, "one of ="),
            ("status = 'a' OR status = 'b'", 13, "AND"),
            ("colour = 'x'", 0, "trace_id"),
            ("params.a = 'x'", 0, "attributes"),
            ("span.kind = 'x'", 0, "span.name"),
            ("issue.id LIKE 'x'", 9, "="),
            ("tags.a RLIKE 'x'", 7, "LIKE"),
            ("tags.a = 'x", 9, "closing"),
            ("feedback.q < 'a'", 13, "without quotes"),
            ("status IN ()", 11, "in quotes"),
            ("tags. = 'x'", 6, "in quotes"),
        ] {
            let error = parse_trace_filter(filter).expect_err(filter);
            assert_eq!(error.position, position, "{error}");
            assert!(error.expected.contains(expected), "{error}");
        }
    }

    #[test]
    fn orders() {
        let order = parse_trace_order("timestamp_ms DESC").unwrap();
        assert_eq!(
            (order.field, order.key.as_str(), order.ascending),
            (TraceField::Attribute, "request_time_ms", false)
        );
        assert_eq!(parse_trace_order("tags.team").unwrap().key, "team");
        assert_eq!(parse_trace_order("run_id ASC").unwrap().field, TraceField::Metadata);
        for wrong in ["", "span.name", "feedback.q DESC", "text", "status DOWN"] {
            assert!(parse_trace_order(wrong).is_err(), "{wrong}");
        }
    }
}
