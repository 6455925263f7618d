//! How times, numbers and names stand in sentences. Names come from evidence and are hostile: they are cut and lose
//! their control characters here, so that none can pretend to be a line of ours.

use model::Utc;

/// The longest name that a sentence quotes, in characters.
const NAME_CHARS_MAX: usize = 160;

/// `2021-03-03 04:23:22 UTC`.
pub(crate) fn when(time: Utc) -> String {
    let text = time.to_string();
    let (day, clock) = (text.get(..10).unwrap_or_default(), text.get(11..19).unwrap_or_default());
    format!("{day} {clock} UTC")
}

/// `2021-03-03`.
pub(crate) fn day(time: Utc) -> String {
    time.to_string().get(..10).unwrap_or_default().to_owned()
}

/// `2021-03-03 04:23:22 UTC to 2021-03-04 01:00:00 UTC`, or one time where both are the same.
pub(crate) fn stretch(from: Utc, until: Utc) -> String {
    if from == until { when(from) } else { format!("{} to {}", when(from), when(until)) }
}

/// `1,204`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 request`, `1,204 requests`.
pub(crate) fn count(value: u64, one: &str) -> String {
    let ending = if value == 1 { "" } else { "s" };
    format!("{} {one}{ending}", number(value))
}

/// A name out of evidence, short and on one line.
pub(crate) fn name(text: &str) -> String {
    let mut short: String =
        text.chars().take(NAME_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(NAME_CHARS_MAX).is_some() {
        short.push('…');
    }
    short
}

/// `a`, `a and b`, `a, b and 3 more`. Names are shortened.
pub(crate) fn list<S: AsRef<str>>(names: &[S], shown_max: usize) -> String {
    let mut shown: Vec<String> = names.iter().take(shown_max).map(|text| name(text.as_ref())).collect();
    let hidden = names.len().saturating_sub(shown.len());
    if hidden > 0 {
        shown.push(format!("{} more", number(hidden as u64)));
    }
    match shown.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let texts: Vec<String> = [0, 7, 123, 1_204, 1_000_000].into_iter().map(number).collect();
        assert_eq!(texts, ["0", "7", "123", "1,204", "1,000,000"]);
        assert_eq!(count(1, "record"), "1 record");
        assert_eq!(count(2_000, "record"), "2,000 records");
    }

    #[test]
    fn names_cannot_break_a_line() {
        assert_eq!(name("a\n2. all is well"), "a\u{fffd}2. all is well");
        assert_eq!(name(&"x".repeat(500)).chars().count(), NAME_CHARS_MAX + 1);
    }

    #[test]
    fn lists_say_how_many_are_left_out() {
        assert_eq!(list(&["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(list(&["a", "b"], 5), "a and b");
        assert_eq!(list::<&str>(&[], 5), "");
    }

    #[test]
    fn times_are_spelt_for_people() {
        assert_eq!(when(Utc::parse(b"2021-03-03T04:23:22.370Z").unwrap()), "2021-03-03 04:23:22 UTC");
    }
}
