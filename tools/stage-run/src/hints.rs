//! Finds hints in the text of a failed instruction: text after `#` that is no comment, a variable without a value.

use crate::state::State;
use libwire::plan::{Instruction, Op, Stage};

/// A hint for an instruction that was refused, or whose command failed.
pub fn of(stage: &Stage, state: &State, instruction: &Instruction) -> Option<String> {
    let text = &instruction.text;
    if let Op::Run { .. } = instruction.op {
        // A shell has variables of its own.
        let global = unset(text, state).find(|name| stage.global_args.contains_key(*name))?;
        return Some(declare(global));
    }
    if let Some(hint) = libdockerfile::hints::comment(text) {
        return Some(hint);
    }
    let name = unset(text, state).next()?;
    Some(match stage.global_args.contains_key(name) {
        true => declare(name),
        false => format!(
            "; {name} has no value here: set it with ARG or ENV above, or write \\$ for a dollar sign"
        ),
    })
}

fn declare(name: &str) -> String {
    format!("; {name} is known only before the first FROM: write ARG {name} in this stage to have its value")
}

/// The variables in a text that have no value, in order.
fn unset<'a>(text: &'a str, state: &'a State) -> impl Iterator<Item = &'a str> {
    let after = text.match_indices('$').filter(|(at, _)| !text[..*at].ends_with('\\'));
    let name = |(at, _): (usize, &'a str)| {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        // A variable with a default of its own needs no value.
        let fallback = rest[end..].starts_with([':', '-', '+', '?']) && text[at..].starts_with("${");
        Some(&rest[..end])
            .filter(|name| !fallback && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
    };
    after.filter_map(name).filter(|name| state.scope.get(name).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_without_a_value_are_found() {
        let mut state = State::default();
        state.scope.set("A", "");
        let found = |text| unset(text, &state).collect::<Vec<_>>();
        assert_eq!(found("COPY $A-$B ${C}x \\$D $1 ${E:-x} /$F"), ["B", "C", "F"]);
    }
}
