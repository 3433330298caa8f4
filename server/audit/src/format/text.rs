//! What is done with texts that somebody else had a hand in.

/// The text without control characters: each is shown by its picture (U+2400 to U+2421), so that it neither ends a line nor
/// moves a terminal, and is still seen to have been there. Marks of direction go too, which let a line be read in another order.
pub(super) fn visible(character: char) -> char {
    match character {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        other => other,
    }
}

/// A text for a terminal: control characters, which could move it, are shown by their pictures or as U+FFFD.
pub fn shown(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// At most `most` bytes of a text, cut between characters; what is cut ends with `…`, which counts.
pub(super) fn cut(text: &str, most: usize) -> (&str, &'static str) {
    if text.len() <= most {
        return (text, "");
    }
    let end = text.floor_char_boundary(most.saturating_sub(ELLIPSIS.len()));
    (text.get(..end).unwrap_or_default(), ELLIPSIS)
}

const ELLIPSIS: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_fall_between_characters() {
        assert_eq!(cut("abc", 3), ("abc", ""));
        assert_eq!(cut("abcdef", 5), ("ab", "…"));
        for most in 3..40 {
            let text = "é😀ü€".repeat(10);
            let (head, mark) = cut(&text, most);
            assert!(head.len() + mark.len() <= most && text.starts_with(head), "{most}");
        }
    }

    #[test]
    fn a_terminal_is_told_nothing_but_text() {
        assert_eq!(shown("al\u{1b}[2Jice\r\n\u{9b}é"), "al␛[2Jice␍␊\u{fffd}é");
    }

    #[test]
    fn nothing_that_moves_is_left() {
        for code in 0..0x3000 {
            let shown = char::from_u32(code).map_or('x', visible);
            assert!(!shown.is_control() && !matches!(shown, '\u{2028}' | '\u{2029}'), "{code:x}");
        }
    }
}
