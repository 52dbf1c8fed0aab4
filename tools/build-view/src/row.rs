//! A row of text: a mark, words, and facts. The facts stay when the words are cut.

use libcli::{columns, cut, sanitise};

/// The meaning of a row, which has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A step that is done.
    Done,
    /// A cached step, or something that matters less.
    Quiet,
    /// A failure.
    Failed,
    /// A running step or transfer.
    Running,
    /// Text as it is.
    Plain,
}

/// The text, the facts and the kind of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    kind: Kind,
    text: String,
    facts: Vec<String>,
    /// Whether it is a text that must not be cut.
    whole: bool,
}

/// Facts are left out if the words would get fewer columns than this.
const WORDS: usize = 12;

impl Row {
    /// A row that is cut to the terminal's width. On a narrow terminal the last `facts` are left out first.
    pub fn new(kind: Kind, text: &str, facts: Vec<String>) -> Self {
        Self { kind, text: sanitise(text), facts, whole: false }
    }

    /// A row that is shown whole, on several lines of the terminal if need be.
    pub fn whole(kind: Kind, text: &str) -> Self {
        Self { kind, text: sanitise(text), facts: Vec::new(), whole: true }
    }

    /// The row in at most `width` columns, unless it is whole.
    pub fn text(&self, width: usize) -> String {
        if self.whole {
            return self.text.clone();
        }
        let tail =
            |count: usize| self.facts[..count].iter().map(|fact| format!("  {fact}")).collect::<String>();
        let least = WORDS.min(columns(&self.text));
        let fits = |count: &usize| columns(&tail(*count)) + least <= width;
        let tail = tail((0..=self.facts.len()).rev().find(fits).unwrap_or(0));
        cut(&self.text, width.saturating_sub(columns(&tail))) + &tail
    }

    /// The row in at most `width` columns, with the colour of its kind.
    pub fn coloured(&self, width: usize) -> String {
        let text = self.text(width);
        let code = match self.kind {
            Kind::Plain => return text,
            Kind::Quiet => 2,
            Kind::Failed => 31,
            // The mark alone.
            Kind::Done => return marked(&text, 32),
            Kind::Running => return marked(&text, 36),
        };
        format!("\x1b[{code}m{text}\x1b[m")
    }
}

fn marked(text: &str, code: u8) -> String {
    match text.split_once(' ') {
        Some((mark, rest)) => format!("\x1b[{code}m{mark}\x1b[m {rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_before_facts_and_facts_give_way_at_the_end() {
        let facts = vec!["12.4s".to_owned(), "210.0 MB".to_owned()];
        let row = Row::new(Kind::Done, "✓ build 3/7 RUN make -j4 all", facts);
        for (width, text) in [
            (79, "✓ build 3/7 RUN make -j4 all  12.4s  210.0 MB"),
            (40, "✓ build 3/7 RUN make -…  12.4s  210.0 MB"),
            (19, "✓ build 3/7…  12.4s"),
            (12, "✓ build 3/7…"),
            (0, ""),
        ] {
            assert_eq!(row.text(width), text);
        }
        assert_eq!(row.coloured(19), "\x1b[32m✓\x1b[m build 3/7…  12.4s");
        let whole = Row::whole(Kind::Failed, "a \x1b[2J long text");
        assert_eq!(whole.text(3), "a ?[2J long text");
        assert_eq!(whole.coloured(3), "\x1b[31ma ?[2J long text\x1b[m");
    }
}
