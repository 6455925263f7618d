//! What the condition of a rule says about the first two bytes of a file, and which other rules it names.
//!
//! More than half of the public rules begin with `uint16(0) == 0x5A4D`: they fit programs and nothing else. They are kept apart
//! and never tried on a page. Only what is certain counts; whatever is written in another way is tried on every file.

use std::collections::BTreeSet;

use super::split::tokens;

/// What the first bytes of a program are compared with.
const PROGRAM: [[&str; 7]; 2] =
    [["uint16", "(", "0", ")", "=", "=", "0x5a4d"], ["uint16be", "(", "0", ")", "=", "=", "0x4d5a"]];

/// Whether a rule can only fit what begins like a program. `false` where that is not certain.
pub(super) fn is_for_programs(rule: &str) -> bool {
    let lower = rule.to_ascii_lowercase();
    let all = tokens(&lower);
    // The last of them: meta data and strings stand before the condition.
    let begin = all.windows(2).rposition(|pair| *pair == ["condition", ":"]);
    let Some(condition) = begin.and_then(|at| all.get(at + 2..all.len().checked_sub(1)?)) else { return false };
    let condition = without_brackets(condition);
    let parts = parts(condition);
    let is_alternative = parts.iter().any(|part| part.contains(&"or"));
    !is_alternative && parts.iter().any(|part| PROGRAM.iter().any(|program| without_brackets(part) == program))
}

/// Whether a rule may name one of these, by itself or by the beginning of its name.
pub(super) fn names_one_of(rule: &str, own: &str, names: &BTreeSet<&str>) -> bool {
    let all = tokens(rule);
    all.iter().zip(all.iter().skip(1).chain([&""])).any(|(word, next)| {
        let by_beginning = || *next == "*" && names.iter().any(|name| name.starts_with(word));
        (*word != own && names.contains(word)) || by_beginning()
    })
}

/// The parts that are joined by `and`, outside of brackets. What stands in brackets is one token of each part.
fn parts<'t>(condition: &[&'t str]) -> Vec<Vec<&'t str>> {
    let (mut parts, mut depth) = (vec![Vec::new()], 0_usize);
    for token in condition {
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "and" if depth == 0 => {
                parts.push(Vec::new());
                continue;
            }
            _ => {}
        }
        // An `or` inside brackets is no alternative to what stands beside them.
        let token = if *token == "or" && depth > 0 { "|" } else { token };
        if let Some(last) = parts.last_mut() {
            last.push(token);
        }
    }
    parts
}

/// Without the brackets around the whole.
fn without_brackets<'a, 't>(mut tokens: &'a [&'t str]) -> &'a [&'t str] {
    while let ["(", inner @ .., ")"] = tokens {
        let mut depth = 1_usize;
        let is_around = inner.iter().all(|token| {
            match *token {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            depth > 0
        });
        if !is_around {
            break;
        }
        tokens = inner;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{is_for_programs, names_one_of};

    fn is_it(condition: &str) -> bool {
        is_for_programs(&format!("rule A {{ strings: $a = \"condition: or\" condition: {condition} }}"))
    }

    #[test]
    fn what_can_only_fit_programs() {
        for condition in [
            "uint16(0) == 0x5a4d and $a",
            "$a and (1 of them or $a) and uint16( 0 ) == 0x5A4D",
            "( uint16(0)==0x5A4D and filesize < 2MB and ( $a or pe.imphash() == \"x or y\" ) )",
            "(uint16be(0) == 0x4d5a) and not $a /* or */",
        ] {
            assert!(is_it(condition), "{condition}");
        }
        for condition in [
            "$a",
            "uint16(0) == 0x5a4d or $a",
            "uint16(0) == 0x5a4d and $a or all of them",
            "(uint16(0) == 0x5a4d and $a) or ($a)",
            "(uint16(0) == 0x5a4d) and $a or ($a)",
            "not uint16(0) == 0x5a4d and $a",
            "uint16(0) != 0x5a4d and $a",
            "uint16(0) == 0x5a4d + 1 and $a",
            "uint16(1) == 0x5a4d and $a",
            "(uint16(0) == 0x5a4d or uint16(0) == 0x4b50) and $a",
            "for any i in (0..2) : ( uint16(0) == 0x5a4d and $a )",
            "not (uint16(0) == 0x5a4d and $a)",
            "true == (uint16(0) == 0x5a4d)",
        ] {
            assert!(!is_it(condition), "{condition}");
        }
    }

    #[test]
    fn rules_that_name_others() {
        let names = BTreeSet::from(["A", "Base_one"]);
        let names_one = |condition: &str| names_one_of(&format!("rule A {{ condition: {condition} }}"), "A", &names);
        assert!(names_one("Base_one") && names_one("any of (Base_*)") && !names_one("any of ($Base) or Other"));
    }
}
