//! Text in a picture: how wide it is, how it is cut short, and how it is written into XML.

/// A line of text has this part of the font's size above and below together.
pub(super) const LINE: f64 = 1.35;

/// The width of a text, in the unit of the font's size; rather too wide than too narrow, whatever font there is.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(character_width).sum::<f64>() * size
}

fn character_width(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.34,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '-' | '/' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '—' => 1.02,
        'A'..='Z' | '+' | '<' | '>' | '=' | '~' | '&' | '…' | '→' => 0.86,
        ' '..='\u{2fff}' => 0.64,
        // Ideographs, and pictures, are as wide as they are high; wider than that is nothing.
        _ => 1.3,
    }
}

/// The text, or its beginning and an ellipsis, so that it is at most so wide.
pub(super) fn shortened(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut left = most - width("…", size);
    let fits = |character: &char| {
        left -= character_width(*character) * size;
        left >= 0.0
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{}…", kept.trim_end())
}

/// The text in lines that are at most so wide, broken between words; a longer word is cut short.
pub(super) fn wrapped(text: &str, size: f64, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(shortened(word, size, most)),
        }
    }
    lines
}

/// A text as XML, for content and for quoted attributes; characters that XML cannot hold are replaced.
pub(super) fn escaped(text: &str) -> String {
    let is_allowed = |character: char| match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    };
    let allowed: String = text.chars().map(|one| if is_allowed(one) { one } else { '\u{fffd}' }).collect();
    crate::report::html::escape(&allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_or_broken() {
        assert_eq!(shortened("control", 12.0, 100.0), "control");
        let short = shortened("a variant with a long name", 12.0, 100.0);
        assert!(short.ends_with('…') && width(&short, 12.0) <= 100.0, "{short}");
        let lines = wrapped("one two three incomprehensibilities four", 12.0, 70.0);
        assert_eq!(lines, ["one two", "three", "incompr…", "four"]);
        assert!(wrapped("  ", 12.0, 70.0).is_empty());
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(escaped("a\u{1}<b & \"c\"\u{ffff}"), "a\u{fffd}&lt;b &amp; &quot;c&quot;\u{fffd}");
    }
}
