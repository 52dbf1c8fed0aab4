//! Invalid values of flags and keys. The parser checks those without a variable, and stage-run the others.

use libwire::Digest;
use libwire::image::MAX_LAYERS;

/// The message for an ENV whose name is empty.
pub const NO_ENV_NAME: &str = "a name in ENV is empty; is a variable in it unset?";
/// The message for a VOLUME that is empty.
pub const NO_VOLUME: &str = "a VOLUME path is empty; is a variable in it unset?";
/// The message for a command with a byte that cannot be passed to a program.
pub const NUL_IN_COMMAND: &str = "the command has a NUL byte";

/// The message for the first instruction beyond the largest number of layers.
pub fn too_many_layers() -> String {
    format!(
        "its layer is one more than the {MAX_LAYERS} that an image may have; join RUNs with && or a \
         here-document, and copy several sources, or their directory, in one COPY"
    )
}

/// The error in the numbers of a `user[:group]`. Only the image can resolve names.
pub fn bad_owner(spec: &str) -> Option<String> {
    let part = spec.splitn(2, ':').find(|part| is_number(part) && !is_id(part))?;
    Some(format!("{part} is not an id: ids go from 0 to 4294967294"))
}

/// The first name in a `user[:group]`, if it is not only numbers.
pub fn owner_name(spec: &str) -> Option<&str> {
    spec.splitn(2, ':').find(|part| !part.is_empty() && !is_number(part))
}

/// The message for an owner `name` without a tree to look it up in.
pub fn no_names(name: &str) -> String {
    format!("--chown: there is no /etc/passwd or /etc/group to look up {name} in; use numbers")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_id(number: &str) -> bool {
    number.parse::<u32>().is_ok_and(|id| id != u32::MAX)
}

/// The digest in `--checksum` of a file.
///
/// # Errors
/// It is not a valid digest.
pub fn checksum(text: &str) -> Result<Digest, String> {
    text.parse()
        .map_err(|_| format!("--checksum={text}: for a URL it must be sha256: and 64 lower-case hex digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_a_name_or_an_id() {
        for good in ["", "a", "0", "1:2", "a:b", ":4294967294", "4294967296x"] {
            assert_eq!(bad_owner(good), None, "{good}");
        }
        for (bad, part) in [("4294967295", "4294967295"), ("a:99999999999", "99999999999")] {
            assert!(bad_owner(bad).unwrap().starts_with(part), "{bad}");
        }
        assert_eq!((owner_name("1:wheel"), owner_name("1:2"), owner_name(":")), (Some("wheel"), None, None));
    }
}
