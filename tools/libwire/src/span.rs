//! When something was done, for records. Never part of a digest or a key.

use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// A start and a length, in whole milliseconds. A span that ends before another starts never overlaps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Unix time at the start, in milliseconds.
    pub started_ms: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl Span {
    /// The span from `started_ms` until now. It is empty if the clock was set back in between.
    pub fn since(started_ms: u64) -> Self {
        Self { started_ms, duration_ms: now_ms().saturating_sub(started_ms) }
    }

    /// The span from the earliest start to the latest end.
    pub fn around(spans: impl IntoIterator<Item = Self>) -> Option<Self> {
        let ends = spans.into_iter().map(|span| (span.started_ms, span.ended_ms()));
        let (start, end) = ends.reduce(|(start, end), (from, to)| (start.min(from), end.max(to)))?;
        Some(Self { started_ms: start, duration_ms: end - start })
    }

    /// The time of its end.
    pub fn ended_ms(&self) -> u64 {
        self.started_ms.saturating_add(self.duration_ms)
    }
}

/// Unix time in milliseconds.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_goes_from_its_beginning_until_now_and_never_backwards() {
        let started = now_ms();
        assert!(Span::since(started - 5).duration_ms >= 5);
        assert_eq!(Span::since(u64::MAX).duration_ms, 0);
        assert_eq!(Span { started_ms: u64::MAX, duration_ms: 1 }.ended_ms(), u64::MAX);
    }
}
