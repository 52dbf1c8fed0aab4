//! Reads comma-separated values, as in docker's options.

/// The fields of a line of comma-separated values (RFC 4180), as Go's encoding/csv reads it: a field that begins with a
/// quote ends with one, and two quotes in it mean one.
pub fn csv_fields(line: &str) -> Result<Vec<String>, String> {
    let (mut fields, mut rest) = (Vec::new(), line);
    loop {
        let field = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (field, after) = until_quote(quoted).ok_or("a quote is not closed")?;
                rest = after;
                field
            }
            None => {
                let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
                if field.contains('"') {
                    return Err(format!("'{field}' has a quote in it; quote all of the field"));
                }
                rest = after;
                field.to_owned()
            }
        };
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(fields),
            None => return Err("after a quoted field comes a comma".into()),
        }
    }
}

/// The text before a closing quote, and the text after it.
fn until_quote(text: &str) -> Option<(String, &str)> {
    let (mut field, mut rest) = (String::new(), text);
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_in_quotes_may_have_commas_and_quotes() {
        assert_eq!(csv_fields(r#"a=b,"c=d,e","f=""g""",h"#).unwrap(), ["a=b", "c=d,e", "f=\"g\"", "h"]);
        assert!(
            csv_fields(r#""a"#).is_err() && csv_fields(r#"a"b"#).is_err() && csv_fields(r#""a"b"#).is_err()
        );
    }
}
