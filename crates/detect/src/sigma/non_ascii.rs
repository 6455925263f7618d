//! Which rules can only fit records with letters beyond ASCII: most records have none, and the rules that look for
//! disguised letters have hundreds of values.

use super::detection::{Detection, Node};
use super::fields::FieldId;
use super::item::{Item, Test};

impl Detection {
    /// Fields of which every record that fits has one with a byte that is not ASCII; `None` among them is any text.
    /// `None`: some records that fit are ASCII throughout.
    #[must_use]
    pub fn needs_non_ascii(&self) -> Option<Vec<Option<FieldId>>> {
        let mut fields = self.fields_of_node(&self.condition)?;
        fields.sort_unstable();
        fields.dedup();
        Some(fields)
    }

    fn fields_of_node(&self, node: &Node) -> Option<Vec<Option<FieldId>>> {
        match node {
            Node::All(parts) => parts.iter().find_map(|part| self.fields_of_node(part)),
            // Of at least n parts any one will do.
            Node::Any(parts) | Node::AtLeast(_, parts) => {
                let fields: Option<Vec<_>> = parts.iter().map(|part| self.fields_of_node(part)).collect();
                fields.filter(|fields| !fields.is_empty()).map(|fields| fields.concat())
            }
            Node::Not(_) => None,
            Node::Item(item) => item_needs_it(item).then(|| vec![item.field]),
            Node::Named(at) => self.named.get(*at).and_then(|part| self.fields_of_node(part)),
        }
    }
}

fn item_needs_it(item: &Item) -> bool {
    match (item.negated, item.all) {
        (true, _) => false,
        (false, true) => item.tests.iter().any(test_needs_it),
        (false, false) => !item.tests.is_empty() && item.tests.iter().all(test_needs_it),
    }
}

fn test_needs_it(test: &Test) -> bool {
    match test {
        Test::Text(pattern) => pattern.needs_non_ascii(),
        Test::AnyOf(tests) => !tests.is_empty() && tests.iter().all(test_needs_it),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rsigma_parser::parse_sigma_yaml;

    use super::Detection;
    use crate::sigma::FieldNames;

    fn needs(detection: &str) -> bool {
        let yaml = format!("title: t\nlogsource: {{category: webserver}}\ndetection:\n{detection}");
        let collection = parse_sigma_yaml(&yaml).unwrap();
        Detection::compile(&collection.rules[0], &mut FieldNames::default()).unwrap().needs_non_ascii().is_some()
    }

    #[test]
    fn only_where_no_ascii_record_can_fit() {
        assert!(needs("  s: {a|contains: ['\u{202e}', '\u{fc}']}\n  condition: s"));
        assert!(needs("  s: {a|contains: '\u{202e}'}\n  t: {b: x}\n  condition: s and t"));
        assert!(needs("  s: {a|contains|all: ['\u{202e}', x]}\n  condition: s"));
        assert!(needs("  k: ['*\u{202e}*']\n  condition: k"));
        assert!(!needs("  s: {a|contains: ['\u{202e}', x]}\n  condition: s"));
        assert!(!needs("  s: {a|contains: '\u{202e}'}\n  t: {b: x}\n  condition: s or t"));
        assert!(!needs("  s: {a|contains: '\u{202e}'}\n  condition: not s"));
        assert!(!needs("  s: {a|neq: '\u{202e}'}\n  condition: s"));
        assert!(!needs("  s: {a|re: '\u{202e}?'}\n  condition: s"));
        assert!(!needs("  s: {a: null}\n  condition: s"));
    }
}
