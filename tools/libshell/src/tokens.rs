//! A script's words and operators, and their position in the text.

/// A word or an operator.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A word without its quotes and escapes.
    Word(String),
    /// `&&`, `||`, `;`, `&`, `|`, a line end, or a bracket that groups commands, with its offset.
    Operator(&'static str, usize),
    /// A comment, up to the end of its line.
    Comment,
}

/// The tokens of a whole script.
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<Token>,
    /// Whether each quote and each `${` is closed.
    pub(crate) closed: bool,
}

const OPERATORS: [&str; 10] = ["&&", "||", ";", "&", "|", "\n", "(", ")", "{", "}"];

struct Lexer<'a> {
    script: &'a str,
    at: usize,
    word: String,
    found: Tokens,
}

/// Reads any text as a script. If a shell would refuse it, it is read as far as possible.
pub(crate) fn tokens(script: &str) -> Tokens {
    let found = Tokens { tokens: Vec::new(), closed: true };
    let mut lexer = Lexer { script, at: 0, word: String::new(), found };
    while let Some(c) = lexer.next() {
        lexer.read(c);
    }
    lexer.end_word();
    lexer.found
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.script[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn read(&mut self, c: char) {
        let start = self.at - c.len_utf8();
        match c {
            '"' | '\'' | '`' => self.quoted(c),
            '\\' => match self.next() {
                Some('\n') | None => {}
                Some(escaped) => self.word.push(escaped),
            },
            '#' if self.word.is_empty() => {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                self.found.tokens.push(Token::Comment);
            }
            '{' if self.word.ends_with('$') => self.parameter(),
            c => match self.operator(start) {
                Some(operator) => {
                    self.end_word();
                    self.at = start + operator.len();
                    self.found.tokens.push(Token::Operator(operator, start));
                }
                None if c.is_whitespace() => self.end_word(),
                None => self.word.push(c),
            },
        }
    }

    fn operator(&self, start: usize) -> Option<&'static str> {
        let text = &self.script[start..];
        let operator = OPERATORS.into_iter().find(|operator| text.starts_with(operator))?;
        // A redirection such as 2>&1 or &>file, or braces within a word such as a/{b,c}.
        let redirects = operator == "&" && (self.word.ends_with(['>', '<']) || text.starts_with("&>"));
        let inside = match operator {
            "{" => !self.word.is_empty(),
            "}" => self.word.contains('{'),
            _ => redirects,
        };
        (!inside).then_some(operator)
    }

    /// Reads the rest of a quoted part. Backquotes stay, because the text between them is not a word.
    fn quoted(&mut self, quote: char) {
        let kept = (quote == '`').then_some(quote);
        self.word.extend(kept);
        while let Some(c) = self.next() {
            match c {
                c if c == quote => return self.word.extend(kept),
                '\\' if quote != '\'' => {
                    let next = self.next();
                    self.word.extend((!next.is_some_and(|next| "\"$`\\\n".contains(next))).then_some('\\'));
                    self.word.extend(next.filter(|&next| next != '\n'));
                }
                c => self.word.push(c),
            }
        }
        self.found.closed = false;
    }

    /// Reads the rest of `${…}`, which is one part of a word whatever it contains.
    fn parameter(&mut self) {
        self.word.push('{');
        let mut depth = 1;
        while let Some(c) = self.next() {
            match c {
                '"' | '\'' | '`' => {
                    self.quoted(c);
                    continue;
                }
                '\\' => {
                    let escaped = self.next();
                    self.word.extend(escaped);
                    continue;
                }
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            self.word.push(c);
            if depth == 0 {
                return;
            }
        }
        self.found.closed = false;
    }

    /// Empty quotes alone are not a word here, because no command has an empty name.
    fn end_word(&mut self) {
        if !self.word.is_empty() {
            self.found.tokens.push(Token::Word(std::mem::take(&mut self.word)));
        }
    }
}
