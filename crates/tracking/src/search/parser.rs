//! Tokens as expressions, by recursive descent.

use super::lexer::{Token, tokens};
use super::{SearchError, Subject, entity, is_number};
use metria_store::query::MOST_PARTS;
use metria_store::{Arithmetic, Comparison, Condition, Entity, Expression, Operator, OrderBy, Statistic, Term};

/// How deep parentheses, NOT and signs may be nested.
const DEEPEST: usize = 50;

const NUMBER: &str = "a number, without quotes, or the key of one";
const OPERATORS: &str = "one of =, !=, >, >=, <, <=";

type Result<T> = std::result::Result<T, SearchError>;

/// A text and the place in it.
pub(super) struct Parser<'a> {
    subject: Subject,
    text: &'a str,
    tokens: Vec<(Token, usize)>,
    at: usize,
    depth: usize,
    parts: usize,
    /// Whether only conditions joined by AND are understood.
    plain: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn new(subject: Subject, text: &'a str) -> Result<Self> {
        Ok(Self { subject, text, tokens: tokens(text)?, at: 0, depth: 0, parts: 0, plain: false })
    }

    /// The whole text as expressions that must all hold.
    pub(super) fn filter(mut self) -> Result<Vec<Expression>> {
        if self.is_end() {
            return Ok(Vec::new());
        }
        let whole = self.any()?;
        if !self.is_end() {
            return self.error("AND, OR or the end");
        }
        Ok(match whole {
            Expression::All(all) => all,
            one => vec![one],
        })
    }

    /// The whole text as conditions joined by AND.
    pub(super) fn conditions(mut self) -> Result<Vec<Condition>> {
        self.plain = true;
        let mut conditions = Vec::new();
        while !self.is_end() {
            if !conditions.is_empty() {
                self.keyword("AND")?;
            }
            let start = self.at;
            match self.comparison()? {
                Expression::Condition(condition) => conditions.push(condition),
                _ => {
                    self.at = start;
                    return self.error("a key, compared with a value");
                }
            }
        }
        Ok(conditions)
    }

    /// The whole text as a key.
    pub(super) fn only_key(mut self) -> Result<(Entity, String)> {
        let key = self.key()?;
        if self.is_end() { Ok(key) } else { self.error("the end") }
    }

    /// The whole text as an order.
    pub(super) fn order(mut self) -> Result<OrderBy> {
        let (entity, key) = match self.function()? {
            Some(found) => found,
            None => self.key()?,
        };
        if entity == Entity::Dataset {
            return self.error("a metric, param, tag or attribute to order by");
        }
        let ascending = !self.is_keyword("DESC");
        if self.is_keyword("ASC") || self.is_keyword("DESC") {
            self.advance();
        }
        if !self.is_end() {
            return self.error("ASC, DESC or the end");
        }
        Ok(OrderBy { entity, key, ascending })
    }

    fn token(&self) -> &Token {
        // The last token is the end, and nothing goes beyond it.
        &self.tokens[self.at].0
    }

    fn is_end(&self) -> bool {
        *self.token() == Token::End
    }

    fn advance(&mut self) {
        if !self.is_end() {
            self.at += 1;
        }
    }

    fn error<T>(&self, expected: impl Into<String>) -> Result<T> {
        self.refusal(expected, self.token().describe())
    }

    fn refusal<T>(&self, expected: impl Into<String>, got: String) -> Result<T> {
        let position = self.text[..self.tokens[self.at].1].chars().count();
        Err(SearchError { text: self.text.to_owned(), position, expected: expected.into(), got })
    }

    /// Counts a comparison, an operation or a joint.
    fn part(&mut self) -> Result<()> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return self.refusal(format!("a filter of at most {MOST_PARTS} comparisons and operations"), "more".into());
        }
        Ok(())
    }

    /// Reads one level deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.refusal(format!("at most {DEEPEST} levels of parentheses, NOT and signs"), "more".into());
        }
        let inner = read(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.token(), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn keyword(&mut self, keyword: &str) -> Result<()> {
        if !self.is_keyword(keyword) {
            return self.error(keyword);
        }
        self.advance();
        Ok(())
    }

    fn is_symbol(&self, symbol: &'static str) -> bool {
        *self.token() == Token::Symbol(symbol)
    }

    fn symbol(&mut self, symbol: &'static str) -> Result<()> {
        if !self.is_symbol(symbol) {
            return self.error(format!("`{symbol}`"));
        }
        self.advance();
        Ok(())
    }

    fn any(&mut self) -> Result<Expression> {
        self.joined("OR", Self::all, one_of, |inner| match inner {
            Expression::Any(inner) => Ok(inner),
            other => Err(other),
        })
    }

    fn all(&mut self) -> Result<Expression> {
        self.joined("AND", Self::not, Expression::All, |inner| match inner {
            Expression::All(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// One or more, joined by a keyword; what is joined by the same keyword in parentheses becomes part of the whole.
    fn joined(
        &mut self,
        keyword: &str,
        read: fn(&mut Self) -> Result<Expression>,
        make: fn(Vec<Expression>) -> Expression,
        inner: fn(Expression) -> std::result::Result<Vec<Expression>, Expression>,
    ) -> Result<Expression> {
        let first = read(self)?;
        if !self.is_keyword(keyword) {
            return Ok(first);
        }
        self.part()?;
        let mut all = Vec::new();
        let mut add = |expression| match inner(expression) {
            Ok(inner) => all.extend(inner),
            Err(other) => all.push(other),
        };
        add(first);
        while self.is_keyword(keyword) {
            self.advance();
            add(read(self)?);
        }
        Ok(make(all))
    }

    fn not(&mut self) -> Result<Expression> {
        if self.is_keyword("NOT") {
            self.advance();
            self.part()?;
            return Ok(Expression::Not(Box::new(self.deeper(Self::not)?)));
        }
        if self.is_symbol("(") && !self.parenthesis_is_number() {
            self.advance();
            let inner = self.deeper(Self::any)?;
            self.symbol(")")?;
            return Ok(inner);
        }
        self.comparison()
    }

    /// Whether what is in the parentheses that begin here is a number: it is when something is computed or compared with
    /// it.
    fn parenthesis_is_number(&self) -> bool {
        let mut open = 0_usize;
        for (at, (token, _)) in self.tokens.iter().enumerate().skip(self.at) {
            match token {
                Token::Symbol("(") => open += 1,
                Token::Symbol(")") if open == 1 => {
                    return matches!(
                        self.tokens.get(at + 1),
                        Some((Token::Symbol("+" | "-" | "*" | "/" | "=" | "!=" | ">" | ">=" | "<" | "<="), _))
                    );
                }
                Token::Symbol(")") => open -= 1,
                _ => {}
            }
        }
        false
    }

    /// `metrics.accuracy`, `params."odd key"`, `start_time`.
    fn key(&mut self) -> Result<(Entity, String)> {
        let Token::Word(word) = self.token().clone() else {
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
                Subject::Experiments | Subject::Models | Subject::Versions | Subject::Datasets => {
                    self.error("tags or attributes")
                }
            };
        };
        let key = if key.is_empty() {
            self.advance();
            match self.token().clone() {
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
        self.advance();
        Ok((entity, key))
    }

    /// `min(metrics.loss)`; nothing when no function begins here.
    fn function(&mut self) -> Result<Option<(Entity, String)>> {
        let Token::Word(name) = self.token() else { return Ok(None) };
        let follows = self.tokens.get(self.at + 1).map(|(token, _)| token);
        if follows != Some(&Token::Symbol("(")) || self.plain || self.subject != Subject::Runs {
            return Ok(None);
        }
        let entity = match name.to_ascii_lowercase().as_str() {
            "min" => Entity::Series(Statistic::Min),
            "max" => Entity::Series(Statistic::Max),
            "first" => Entity::Series(Statistic::First),
            "last" => Entity::Metric,
            "count" => Entity::Series(Statistic::Count),
            "mean" => Entity::Series(Statistic::Mean),
            _ => return self.error("min, max, first, last, count or mean of a metric"),
        };
        self.advance();
        self.symbol("(")?;
        let start = self.at;
        let (of, key) = self.key()?;
        if of != Entity::Metric {
            self.at = start;
            return self.error("a metric");
        }
        self.symbol(")")?;
        Ok(Some((entity, key)))
    }

    fn comparison(&mut self) -> Result<Expression> {
        self.part()?;
        let begins_number = matches!(self.token(), Token::Number(_) | Token::Symbol("(" | "-" | "+"));
        if !begins_number && self.infinity().is_none() && !self.is_function() {
            let start = self.at;
            let (entity, key) = self.key()?;
            if !is_number(entity, &key) {
                let comparison = self.text_comparison()?;
                return Ok(Expression::Condition(Condition { entity, key, comparison }));
            }
            self.at = start;
        }
        if self.plain && begins_number {
            return self.error("a key such as metrics.accuracy, params.depth, tags.team or start_time");
        }
        self.number_comparison()
    }

    fn is_function(&self) -> bool {
        let follows = self.tokens.get(self.at + 1).map(|(token, _)| token);
        !self.plain && matches!(self.token(), Token::Word(_)) && follows == Some(&Token::Symbol("("))
    }

    fn number_comparison(&mut self) -> Result<Expression> {
        let start = self.at;
        let left = self.sum()?;
        if let Term::Value { entity, key } = &left
            && self.is_keyword("IS")
            && !self.plain
        {
            let comparison = self.presence()?;
            return Ok(Expression::Condition(Condition { entity: *entity, key: key.clone(), comparison }));
        }
        let Token::Symbol(symbol) = *self.token() else { return self.error(OPERATORS) };
        let operator = match symbol {
            "=" => Operator::Equals,
            "!=" => Operator::NotEquals,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            _ => return self.error(OPERATORS),
        };
        self.advance();
        let right = self.sum()?;
        Ok(match (left, right) {
            (Term::Number(_), Term::Number(_)) => {
                self.at = start;
                return self.error("the key of a number on one side of the comparison");
            }
            (Term::Value { entity, key }, Term::Number(number)) => condition(entity, key, operator, number),
            (Term::Number(number), Term::Value { entity, key }) => condition(entity, key, operator.mirrored(), number),
            (left, right) => Expression::Numbers { left, operator, right },
        })
    }

    fn sum(&mut self) -> Result<Term> {
        self.operations(Self::product, &[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)])
    }

    fn product(&mut self) -> Result<Term> {
        self.operations(Self::signed, &[("*", Arithmetic::Multiply), ("/", Arithmetic::Divide)])
    }

    /// One or more numbers with operations of one rank between them, from left to right.
    fn operations(
        &mut self,
        read: fn(&mut Self) -> Result<Term>,
        operations: &[(&'static str, Arithmetic)],
    ) -> Result<Term> {
        let mut left = read(self)?;
        while let Some((_, operation)) = operations.iter().find(|(symbol, _)| self.is_symbol(symbol) && !self.plain) {
            self.advance();
            // The number and what is done with it.
            self.part()?;
            self.part()?;
            let right = read(self)?;
            left = match (left, right) {
                (Term::Number(left), Term::Number(right)) => {
                    Term::Number(operation.of(left, right).unwrap_or(f64::NAN))
                }
                (left, right) => Term::Operation { left: left.into(), operation: *operation, right: right.into() },
            };
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Term> {
        let is_minus = self.is_symbol("-");
        if !is_minus && !self.is_symbol("+") {
            return self.number();
        }
        self.advance();
        self.part()?;
        let term = self.deeper(Self::signed)?;
        Ok(match term {
            term if !is_minus => term,
            Term::Number(number) => Term::Number(-number),
            term => Term::Minus(Box::new(term)),
        })
    }

    fn number(&mut self) -> Result<Term> {
        if self.is_symbol("(") && !self.plain {
            self.advance();
            let inner = self.deeper(Self::sum)?;
            self.symbol(")")?;
            return Ok(inner);
        }
        let literal = match self.token() {
            Token::Number(number) => Some(*number),
            _ => self.infinity(),
        };
        if let Some(number) = literal {
            self.advance();
            return Ok(Term::Number(number));
        }
        if let Some((entity, key)) = self.function()? {
            return Ok(Term::Value { entity, key });
        }
        if !matches!(self.token(), Token::Word(_)) {
            return self.error(NUMBER);
        }
        let start = self.at;
        let (entity, key) = self.key()?;
        if !is_number(entity, &key) {
            self.at = start;
            return self.error(NUMBER);
        }
        Ok(Term::Value { entity, key })
    }

    /// `inf`, `infinity` and `nan`, which are numbers.
    fn infinity(&self) -> Option<f64> {
        match self.token() {
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "inf" | "infinity" => Some(f64::INFINITY),
                "nan" => Some(f64::NAN),
                _ => None,
            },
            _ => None,
        }
    }

    fn text_comparison(&mut self) -> Result<Comparison> {
        match self.token().clone() {
            Token::Symbol("=") => self.text_after(Comparison::TextEquals),
            Token::Symbol("!=") => self.text_after(Comparison::TextNotEquals),
            Token::Word(_) if self.is_keyword("LIKE") => self.text_after(Comparison::Like),
            Token::Word(_) if self.is_keyword("ILIKE") => self.text_after(Comparison::ILike),
            Token::Word(_) if self.is_keyword("IN") => Ok(Comparison::In(self.list()?)),
            Token::Word(_) if self.is_keyword("NOT") => {
                self.advance();
                if !self.is_keyword("IN") {
                    return self.error("IN");
                }
                Ok(Comparison::NotIn(self.list()?))
            }
            Token::Word(_) if self.is_keyword("IS") => self.presence(),
            _ => self.error("one of =, !=, LIKE, ILIKE, IN, NOT IN, IS NULL, IS NOT NULL"),
        }
    }

    /// `IS NULL` and `IS NOT NULL`.
    fn presence(&mut self) -> Result<Comparison> {
        self.advance();
        let negated = self.is_keyword("NOT");
        if negated {
            self.advance();
        }
        self.keyword("NULL")?;
        Ok(if negated { Comparison::IsNotNull } else { Comparison::IsNull })
    }

    fn text_after(&mut self, make: fn(String) -> Comparison) -> Result<Comparison> {
        self.advance();
        Ok(make(self.text()?))
    }

    fn text(&mut self) -> Result<String> {
        let text = match self.token().clone() {
            Token::Quoted(text) => text,
            // Clients search logged models by `params.depth = 3`.
            Token::Number(_) if self.subject == Subject::LoggedModels => {
                let end = self.tokens.get(self.at + 1).map_or(self.text.len(), |(_, start)| *start);
                self.text[self.tokens[self.at].1..end].trim_end().to_owned()
            }
            _ => return self.error("a text in quotes"),
        };
        self.advance();
        Ok(text)
    }

    /// `('a', 'b')`, after IN.
    fn list(&mut self) -> Result<Vec<String>> {
        self.advance();
        self.symbol("(")?;
        let mut values = vec![self.text()?];
        while self.is_symbol(",") {
            self.advance();
            values.push(self.text()?);
        }
        self.symbol(")")?;
        Ok(values)
    }
}

/// At least one must hold. Texts that the same key may have are one list, which an index can answer.
fn one_of(any: Vec<Expression>) -> Expression {
    let mut texts: Vec<&String> = Vec::new();
    let mut of: Option<(Entity, &String)> = None;
    for expression in &any {
        let Expression::Condition(Condition { entity, key, comparison }) = expression else {
            return Expression::Any(any);
        };
        match comparison {
            Comparison::TextEquals(text) if of.is_none_or(|of| of == (*entity, key)) => texts.push(text),
            Comparison::In(list) if of.is_none_or(|of| of == (*entity, key)) => texts.extend(list),
            _ => return Expression::Any(any),
        }
        of = Some((*entity, key));
    }
    let Some((entity, key)) = of else { return Expression::Any(any) };
    let (key, comparison) = (key.clone(), Comparison::In(texts.into_iter().cloned().collect()));
    Expression::Condition(Condition { entity, key, comparison })
}

fn condition(entity: Entity, key: String, operator: Operator, number: f64) -> Expression {
    let make = match operator {
        Operator::Equals => Comparison::NumberEquals,
        Operator::NotEquals => Comparison::NumberNotEquals,
        Operator::Greater => Comparison::Greater,
        Operator::GreaterOrEqual => Comparison::GreaterOrEqual,
        Operator::Less => Comparison::Less,
        Operator::LessOrEqual => Comparison::LessOrEqual,
    };
    Expression::Condition(Condition { entity, key, comparison: make(number) })
}
