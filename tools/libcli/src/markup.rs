//! Escapes text for HTML and XML. The caller decides what a reader should see.

/// Text for an element or a quoted attribute. Characters that XML can't have become `?`.
pub fn markup(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' => escaped.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_neither_end_its_element_nor_its_attribute_nor_break_the_document() {
        let text = "</title><b a=\"'&\u{0}\u{1b}\r\u{fffe}\u{ffff}\t\né";
        assert_eq!(markup(text), "&lt;/title&gt;&lt;b a=&quot;&#39;&amp;?????\t\né");
    }
}
