//! Runs a compiled pattern over a text. It keeps all possible places in the pattern at once, as bits.

pub(crate) const SLASH: u32 = '/' as u32;
const ASCII: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// This character, or byte if the text is not UTF-8.
    Literal(u32),
    /// Any one character except `/`.
    One,
    /// Any characters except `/`.
    Star,
    /// Nothing, or any text that ends in `/`.
    Directories,
    /// Any text.
    Rest,
    /// One character in the ranges, or, if negated, not in them. It may be `/`.
    Class { negated: bool, ranges: Vec<(u32, u32)> },
}

impl Token {
    /// The character that the token matches, if there is only one.
    pub(crate) fn literal(&self) -> Option<u32> {
        match self {
            Self::Literal(c) => Some(*c),
            _ => None,
        }
    }
}

/// A pattern that can run. A place is the number of the token that comes next; the last place is the end.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    tokens: Vec<Token>,
    words: usize,
    /// For each ASCII character, the places whose token matches it.
    taking: Vec<u64>,
    /// The places of `*`, of `**` at the end, and of `**/`.
    star: Vec<u64>,
    rest: Vec<u64>,
    directories: Vec<u64>,
}

/// The current places. The caller keeps them from one run to the next.
#[derive(Debug, Default)]
pub(crate) struct Places {
    here: Vec<u64>,
    /// The places of `directories` that have matched something that does not end in a slash yet.
    inside: Vec<u64>,
    next: Vec<u64>,
}

impl Machine {
    pub(crate) fn new(tokens: Vec<Token>) -> Self {
        let words = tokens.len() / 64 + 1;
        let mut machine = Self {
            words,
            taking: vec![0; ASCII * words],
            star: vec![0; words],
            rest: vec![0; words],
            directories: vec![0; words],
            tokens,
        };
        for (at, token) in machine.tokens.iter().enumerate() {
            let (word, bit) = (at / 64, 1 << (at % 64));
            match token {
                Token::Star => machine.star[word] |= bit,
                Token::Rest => machine.rest[word] |= bit,
                Token::Directories => machine.directories[word] |= bit,
                Token::Literal(c) => {
                    if let Some(c) = usize::try_from(*c).ok().filter(|&c| c < ASCII) {
                        machine.taking[c * words + word] |= bit;
                    }
                }
                token => {
                    for (c, taking) in (0..).zip(machine.taking.chunks_exact_mut(words)) {
                        taking[word] |= if takes(token, c) { bit } else { 0 };
                    }
                }
            }
        }
        machine
    }

    /// Whether the pattern is the whole of `text`.
    pub(crate) fn matches(&self, text: &[u32], places: &mut Places) -> bool {
        self.start(places);
        text.iter().all(|&c| self.step(c, places)) && self.at_end(places)
    }

    /// Whether the pattern is the path `text`, or a directory above it.
    pub(crate) fn covers(&self, text: &[u32], places: &mut Places) -> bool {
        self.start(places);
        for &c in text {
            if c == SLASH && self.at_end(places) {
                return true;
            }
            if !self.step(c, places) {
                return false;
            }
        }
        self.at_end(places)
    }

    /// The first level, among those `tried`, at which the pattern matches the path `text`. 0 is the directory at the
    /// top.
    pub(crate) fn first_match(
        &self,
        text: &[u32],
        places: &mut Places,
        tried: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        self.start(places);
        let mut level = 0;
        for &c in text {
            if c == SLASH {
                if self.at_end(places) && tried(level) {
                    return Some(level);
                }
                level += 1;
            }
            if !self.step(c, places) {
                return None;
            }
        }
        (self.at_end(places) && tried(level)).then_some(level)
    }

    /// Whether some path below the directory `text` can match.
    pub(crate) fn leads_below(&self, text: &[u32], places: &mut Places) -> bool {
        self.start(places);
        text.iter().all(|&c| self.step(c, places)) && self.step(SLASH, places)
    }

    fn start(&self, places: &mut Places) {
        for set in [&mut places.here, &mut places.inside, &mut places.next] {
            set.clear();
            set.resize(self.words, 0);
        }
        places.here[0] = 1;
        self.skip_empty(&mut places.here);
    }

    fn at_end(&self, places: &Places) -> bool {
        places.here[self.words - 1] >> (self.tokens.len() % 64) & 1 == 1
    }

    /// Matches one character. Returns false if no place is left.
    fn step(&self, c: u32, places: &mut Places) -> bool {
        let mut carry = 0;
        let mut alive = 0;
        for word in 0..self.words {
            let here = places.here[word];
            let active = (here | places.inside[word]) & self.directories[word];
            let mut moving = here & self.taking(c, word);
            let mut staying = here & self.rest[word];
            match c {
                SLASH => moving |= active,
                _ => staying |= here & self.star[word],
            }
            places.inside[word] = active;
            places.next[word] = moving << 1 | carry | staying;
            carry = moving >> 63;
            alive |= active | places.next[word];
        }
        std::mem::swap(&mut places.here, &mut places.next);
        self.skip_empty(&mut places.here);
        alive != 0
    }

    fn taking(&self, c: u32, word: usize) -> u64 {
        match usize::try_from(c) {
            Ok(c) if c < ASCII => self.taking[c * self.words + word],
            _ => {
                let tokens = self.tokens.iter().skip(word * 64).take(64);
                tokens.enumerate().fold(0, |bits, (at, token)| bits | u64::from(takes(token, c)) << at)
            }
        }
    }

    /// Skips tokens that may match nothing.
    fn skip_empty(&self, here: &mut [u64]) {
        loop {
            let mut carry = 0;
            let mut more = 0;
            for (word, bits) in here.iter_mut().enumerate() {
                let empty = *bits & (self.star[word] | self.rest[word] | self.directories[word]);
                let new = (empty << 1 | carry) & !*bits;
                carry = empty >> 63;
                *bits |= new;
                more |= new;
            }
            if more == 0 {
                return;
            }
        }
    }
}

/// Whether a token for one character matches `c`.
fn takes(token: &Token, c: u32) -> bool {
    match token {
        Token::Literal(literal) => *literal == c,
        Token::One => c != SLASH,
        Token::Class { negated, ranges } => {
            let within = ranges.iter().any(|&(low, high)| low <= c && c <= high);
            within != *negated
        }
        Token::Star | Token::Rest | Token::Directories => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::{characters, compile};
    use proptest::prelude::*;

    /// The same result by trying everything: slow, but obviously right.
    fn plainly(tokens: &[Token], text: &[u32]) -> bool {
        let Some((token, rest)) = tokens.split_first() else { return text.is_empty() };
        match token {
            Token::Rest => (0..=text.len()).any(|at| plainly(rest, &text[at..])),
            Token::Star => {
                let end = text.iter().position(|&c| c == SLASH).unwrap_or(text.len());
                (0..=end).any(|at| plainly(rest, &text[at..]))
            }
            Token::Directories => {
                let ends = (0..text.len()).filter(|&at| text[at] == SLASH).map(|at| at + 1);
                std::iter::once(0).chain(ends).any(|at| plainly(rest, &text[at..]))
            }
            one => text.split_first().is_some_and(|(&c, text)| takes(one, c) && plainly(rest, text)),
        }
    }

    fn machine(pattern: &str) -> Machine {
        Machine::new(compile(pattern.as_bytes(), true).unwrap())
    }

    fn joined(parts: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
        proptest::collection::vec(proptest::sample::select(parts), 0..most).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn it_agrees_with_trying_everything(
            pattern in joined(&["a", "b", "*", "?", "/", "é", "**/", "**", "[a-b]", "[^a]"], 9),
            text in joined(&["a", "b", "c", "é", "/"], 12),
        ) {
            let (machine, text) = (machine(&pattern), characters(text.as_bytes()));
            prop_assert_eq!(machine.matches(&text, &mut Places::default()), plainly(&machine.tokens, &text));
        }

        #[test]
        fn where_nothing_leads_nothing_matches(
            pattern in joined(&["a", "b", "*", "?", "/", "**/"], 8),
            text in joined(&["a", "b", "/"], 8),
            below in joined(&["a", "b", "/"], 6),
        ) {
            let (machine, places) = (machine(&pattern), &mut Places::default());
            let (dir, whole) = (characters(text.as_bytes()), characters(format!("{text}/{below}").as_bytes()));
            prop_assert!(machine.leads_below(&dir, places) || !machine.matches(&whole, places));
        }
    }

    #[test]
    fn a_pattern_of_any_length_works() {
        let places = &mut Places::default();
        for length in [0, 1, 61, 62, 63, 64, 65, 126, 127, 128, 129, 300] {
            let (name, long) = ("aé".repeat(length), "a-é".repeat(length));
            let pattern = machine(&format!("{name}*{name}/z"));
            let matches = |text: &str, places: &mut _| pattern.matches(&characters(text.as_bytes()), places);
            assert!(matches(&format!("{name}{name}/z"), places), "{length}");
            assert!(matches(&format!("{name}{long}{name}/z"), places), "{length}");
            assert!(!matches(&format!("{name}{name}/zz"), places), "{length}");
            assert!(!matches(&format!("{name}/{name}/z"), places), "{length}");
        }
    }

    #[test]
    fn a_directory_covers_what_is_in_it() {
        for (pattern, path, covered) in [
            ("a/*", "a/b/c", true),
            ("a", "ab/c", false),
            ("**/tmp", "x/tmp/y", true),
            ("**/tmp", "x/tmpy", false),
            ("a/b/c", "a/b", false),
        ] {
            let text = characters(path.as_bytes());
            assert_eq!(machine(pattern).covers(&text, &mut Places::default()), covered, "{pattern} {path}");
        }
    }

    #[test]
    fn a_directory_that_can_hold_no_match_is_told() {
        for (pattern, dir, leads) in [
            ("src/*.c", "src", true),
            ("src/*.c", "srcs", false),
            ("src/*.c", "src/deep", false),
            ("src/**/x", "src/deep/er", true),
            ("**/x", "any", true),
            ("src", "src", false),
        ] {
            let text = characters(dir.as_bytes());
            assert_eq!(machine(pattern).leads_below(&text, &mut Places::default()), leads, "{pattern} {dir}");
        }
    }
}
