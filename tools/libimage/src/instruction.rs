//! The instructions of an image: its config's history, matched with its layers. If the build's record is known, they
//! have the words of the Dockerfile. The module does not guess: if a history does not fit the layers, no layer gets
//! an instruction.

use crate::origin::{FromAt, Origin};
use libwire::image::ImageConfig;
use serde::Serialize;

/// One instruction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Instruction {
    /// Position in the image's history, from 1.
    pub number: usize,
    /// The instruction, as written if that is known.
    pub text: String,
    /// The Dockerfile and the first line of the instruction, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// See `dockerfile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Whether it came with the base image.
    pub base: bool,
    /// The layer it made, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// How many FROMs are above it. Instructions of one stage have the same number.
    #[serde(skip)]
    pub stage: usize,
    /// Whether FROM brought it: a trigger of the base, or the copy of a directory that is the base.
    #[serde(skip)]
    pub by_from: bool,
}

impl Instruction {
    /// The place, for people: `Dockerfile:7`, or else `instruction 7`. For an instruction of the base image, `base
    /// Dockerfile:7` or `base 7`.
    pub fn place(&self) -> String {
        match (&self.dockerfile, self.line, self.base) {
            (Some(dockerfile), Some(line), false) => format!("{dockerfile}:{line}"),
            (Some(dockerfile), Some(line), true) => format!("base {dockerfile}:{line}"),
            (.., false) => format!("instruction {}", self.number),
            (.., true) => format!("base {}", self.number),
        }
    }

    /// Its text on one line, for people. Blanks, newlines and continuations become one blank.
    pub fn words(&self) -> String {
        self.text.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Whether it is in the Dockerfile of the image itself, as far as known.
    pub fn is_own(&self) -> bool {
        !self.base && !self.by_from
    }
}

/// The instructions of an image with `layers` layers.
pub fn instructions(config: &ImageConfig, layers: usize, origin: &Origin) -> Vec<Instruction> {
    let history = &config.history;
    let with_layer = history.iter().filter(|entry| !entry.empty_layer).count();
    if with_layer != layers {
        return (1..=layers).map(unexplained).collect();
    }
    let (mut layer, mut stage) = (0, 0);
    let mut list = Vec::new();
    for (at, entry) in history.iter().enumerate() {
        let made = (!entry.empty_layer).then(|| {
            layer += 1;
            layer
        });
        let step = origin.lines.get(at).and_then(Option::as_ref);
        stage += origin.froms[stage..].iter().take_while(|from| from.below <= at).count();
        let from = stage.checked_sub(1).map(|last| &origin.froms[last]);
        let in_line_of = |from: &FromAt| step.is_some_and(|step| step.line == from.line.line);
        list.push(Instruction {
            number: at + 1,
            text: step.map_or_else(|| words(entry.created_by.as_deref()), |step| step.text.clone()),
            dockerfile: step.map(|step| step.dockerfile.clone()),
            line: step.map(|step| step.line),
            base: origin.base.is_some_and(|base| at < base),
            layer: made,
            stage,
            by_from: from.is_some_and(in_line_of),
        });
    }
    list
}

fn unexplained(layer: usize) -> Instruction {
    let text = "(the image does not say)".into();
    Instruction {
        number: layer,
        text,
        dockerfile: None,
        line: None,
        base: false,
        layer: Some(layer),
        stage: 0,
        by_from: false,
    }
}

/// The instruction in the text that builders write into a history. This removes the shell that BuildKit and docker
/// put before RUN's command, docker's mark for instructions that run nothing, build arguments, and BuildKit's
/// trailer.
fn words(created_by: Option<&str>) -> String {
    let text = created_by.unwrap_or("(the image does not say)");
    let text = text.trim().strip_suffix("# buildkit").unwrap_or(text).trim();
    let shell = "/bin/sh -c ";
    if let Some(rest) = text.strip_prefix("RUN ") {
        return format!("RUN {}", without_arguments(rest).strip_prefix(shell).unwrap_or(rest).trim());
    }
    match without_arguments(text).strip_prefix(shell) {
        Some(rest) => match rest.trim_start().strip_prefix("#(nop)") {
            Some(instruction) => instruction.trim().to_owned(),
            None => format!("RUN {}", rest.trim()),
        },
        None => text.to_owned(),
    }
}

/// The text after `|2 A=1 B=2 `, if a shell follows it.
fn without_arguments(text: &str) -> &str {
    match text.starts_with('|') {
        true => text.find("/bin/sh -c ").map_or(text, |at| &text[at..]),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libwire::image::History;

    #[test]
    fn an_instruction_is_said_as_its_author_wrote_it() {
        for (created_by, text) in [
            ("RUN /bin/sh -c make all # buildkit", "RUN make all"),
            ("RUN |1 V=2 /bin/sh -c make all # buildkit", "RUN make all"),
            ("RUN apt-get update", "RUN apt-get update"),
            ("/bin/sh -c apt-get update", "RUN apt-get update"),
            ("|2 A=1 B=2 /bin/sh -c apt-get update", "RUN apt-get update"),
            ("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]"),
            ("/bin/sh -c #(nop) ADD file:0123 in / ", "ADD file:0123 in /"),
            ("COPY a b # buildkit", "COPY a b"),
            ("|", "|"),
            ("", ""),
        ] {
            assert_eq!(words(Some(created_by)), text);
        }
    }

    #[test]
    fn a_history_that_does_not_fit_the_layers_explains_none() {
        let entry = |empty_layer| History { created_by: Some("x".into()), empty_layer, ..History::default() };
        let config = ImageConfig { history: vec![entry(false), entry(true)], ..ImageConfig::default() };
        let layers = |count| {
            instructions(&config, count, &Origin::default()).into_iter().map(|i| i.layer).collect::<Vec<_>>()
        };
        assert_eq!(layers(1), [Some(1), None]);
        assert_eq!(layers(2), [Some(1), Some(2)]);
        assert_eq!(instructions(&config, 2, &Origin::default())[0].text, "(the image does not say)");
    }
}
