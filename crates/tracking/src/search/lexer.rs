//! A search text as tokens.

use super::SearchError;

/// Most bytes of a text.
const LONGEST: usize = 1_000_000;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A keyword or a key, dots included.
    Word(String),
    /// A text in quotes.
    Quoted(String),
    /// A number without a sign.
    Number(f64),
    /// Everything else that means something.
    Symbol(&'static str),
    /// Behind the last.
    End,
}

impl Token {
    /// How it is called in an error.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Quoted(text) => format!("the text '{text}'"),
            Self::Number(number) => format!("the number {number}"),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

const SYMBOLS: [&str; 14] = ["!=", ">=", "<=", "=", ">", "<", "(", ")", ",", ".", "+", "-", "*", "/"];

/// The tokens of a text, each with the byte where it begins; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, SearchError> {
    if text.len() > LONGEST {
        let got = format!("{} bytes", text.len());
        return Err(SearchError {
            text: text.to_owned(),
            position: 0,
            expected: format!("at most {LONGEST} bytes"),
            got,
        });
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.take_while(char::is_whitespace);
        let start = lexer.at;
        let token = lexer.next()?;
        let is_end = token == Token::End;
        tokens.push((token, start));
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let taken = &self.rest()[..bytes];
        self.at += bytes;
        taken
    }

    /// The characters from here on that a condition holds for.
    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        self.take(rest.find(|c| !holds(c)).unwrap_or(rest.len()))
    }

    fn error<T>(&self, start: usize, expected: String, got: String) -> Result<T, SearchError> {
        let position = self.text[..start].chars().count();
        Err(SearchError { text: self.text.to_owned(), position, expected, got })
    }

    fn next(&mut self) -> Result<Token, SearchError> {
        let mut ahead = self.rest().chars();
        let Some(first) = ahead.next() else { return Ok(Token::End) };
        let digit_follows = ahead.next().is_some_and(|c| c.is_ascii_digit());
        match first {
            quote @ ('\'' | '"' | '`') => self.quoted(quote),
            c if c.is_ascii_digit() || (c == '.' && digit_follows) => self.number(),
            c if is_word(c) && !matches!(c, '-' | '/') => Ok(Token::Word(self.take_while(is_word).to_owned())),
            c => match SYMBOLS.into_iter().find(|symbol| self.rest().starts_with(symbol)) {
                Some(symbol) => {
                    self.take(symbol.len());
                    Ok(Token::Symbol(symbol))
                }
                None => self.error(self.at, "a key, a comparison or a value".to_owned(), format!("`{c}`")),
            },
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Token, SearchError> {
        let start = self.at;
        self.take(quote.len_utf8());
        let text = self.take_while(|c| c != quote).to_owned();
        if self.rest().is_empty() {
            return self.error(start, format!("a closing {quote}"), Token::End.describe());
        }
        self.take(quote.len_utf8());
        Ok(Token::Quoted(text))
    }

    fn number(&mut self) -> Result<Token, SearchError> {
        let start = self.at;
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
        // The sign of an exponent belongs to the number; any other is an operation.
        if self.text[start..self.at].ends_with(['e', 'E']) && self.rest().starts_with(['+', '-']) {
            self.take(1);
            self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
        }
        let text = &self.text[start..self.at];
        match text.parse() {
            Ok(number) => Ok(Token::Number(number)),
            Err(_) => self.error(start, "a number".to_owned(), format!("`{text}`")),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | ':')
}
