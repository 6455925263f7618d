//! XML configuration of IIS, ASP.NET and Exchange: applicationHost.config, web.config, agents.config.
//!
//! Every element becomes one record with its attributes, the names of what encloses it, the `<location>` and the rewrite
//! `<rule>` it stands in and the attributes of its parent. Entities are not expanded beyond the five of XML, nothing is
//! included, and what follows damage is a reject. Keys and passwords are not handed on: of a key its digest is.
//!
//! Two other kinds of files are seen as such records: [`task`] reads scheduled tasks, [`directory`] exports of virtual
//! directories.

pub mod directory;
mod secret;
pub mod task;

use model::{Element, Reject, RejectReason};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// Genuine files nest ten deep.
const DEPTH_MAX: usize = 64;
/// A genuine applicationHost.config has about 2,000.
const ELEMENTS_MAX: usize = 50_000;
/// Attributes of one element.
const ATTRIBUTES_MAX: usize = 64;
/// Longer values of a parent are not repeated at its children.
const REPEATED_BYTES_MAX: usize = 1_024;
/// What a record says of itself. An attribute of such a name (a handler has a `path`) is told as `attribute.path`.
const OWN_NAMES: [&str; 8] = ["path", "file", "element", "section", "location", "text", "rule", "rule.enabled"];
/// Text of an element that is kept.
const TEXT_BYTES_MAX: usize = 4_096;

/// The elements of a file in the order in which they end, and what could not be read. `text` is UTF-8; where it is not,
/// offsets are those of the text with replacement characters.
#[must_use]
pub fn read(text: &[u8]) -> (Vec<Element>, Vec<Reject>) {
    let text = String::from_utf8_lossy(text);
    let mut document = Document { text: &text, ..Document::default() };
    let mut reader = Reader::from_str(&text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    loop {
        let from = position(&reader);
        if document.elements.len() >= ELEMENTS_MAX || document.open.len() > DEPTH_MAX {
            document.reject(from, RejectReason::TooLong);
            break;
        }
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                let element = document.element(&start, from, position(&reader));
                document.open.push(element);
            }
            Ok(Event::Empty(start)) => {
                let element = document.element(&start, from, position(&reader));
                document.elements.push(element.record);
            }
            Ok(Event::End(_)) => document.close(),
            Ok(Event::Text(words)) => document.add_text(&words),
            Ok(Event::CData(words)) => document.add_text(&words),
            Ok(Event::GeneralRef(entity)) => document.add_entity(&entity),
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(_) => {
                document.reject(from, RejectReason::Damaged("not well-formed XML from here on"));
                break;
            }
        }
    }
    while !document.open.is_empty() {
        document.close();
    }
    (document.elements, document.rejects)
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

#[derive(Default)]
struct Document<'a> {
    text: &'a str,
    open: Vec<Open>,
    elements: Vec<Element>,
    rejects: Vec<Reject>,
    /// Line feeds up to an offset, so that lines are counted once.
    counted: (usize, u64),
}

/// An element that has not ended yet.
struct Open {
    name: String,
    attributes: Vec<(String, String)>,
    words: String,
    record: Element,
}

impl Document<'_> {
    fn element(&mut self, start: &BytesStart<'_>, from: usize, until: usize) -> Open {
        // White space before the tag belongs to the text event before, so the tag begins where the last event ended.
        let name = start.local_name().as_ref().to_owned();
        let attributes: Vec<(String, String)> =
            start.attributes().with_checks(false).filter_map(Result::ok).take(ATTRIBUTES_MAX).map(attribute).collect();
        let mut fields: Vec<(String, String)> =
            vec![("element".to_owned(), name.clone()), ("section".to_owned(), self.section())];
        fields.extend(self.location().map(|location| ("location".to_owned(), location)));
        fields.extend(self.rule());
        fields.extend(attributes.iter().cloned().map(|(name, value)| {
            let own = OWN_NAMES.iter().any(|own| name.eq_ignore_ascii_case(own));
            (if own { format!("attribute.{name}") } else { name }, value)
        }));
        let repeated = self.open.last().into_iter().flat_map(|parent| &parent.attributes);
        let short = repeated.filter(|(_, value)| value.len() <= REPEATED_BYTES_MAX);
        fields.extend(short.map(|(name, value)| (format!("parent.{name}"), value.clone())));
        let raw = secret::without_secrets(start, self.text.get(from..until).unwrap_or_default().trim());
        let record = Element { line: self.line_at(from), offset: from as u64, time: None, fields, raw };
        Open { name, attributes, words: String::new(), record }
    }

    /// Names of the enclosing elements below the root, joined by `/`. A `<location>` is no section.
    fn section(&self) -> String {
        let enclosing = self.open.iter().skip(1).filter(|open| !open.name.eq_ignore_ascii_case("location"));
        enclosing.map(|open| open.name.as_str()).collect::<Vec<_>>().join("/")
    }

    fn location(&self) -> Option<String> {
        let location = self.open.iter().rev().find(|open| open.name.eq_ignore_ascii_case("location"))?;
        let path = location.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case("path"));
        path.map(|(_, path)| path.clone()).filter(|path| path.len() <= REPEATED_BYTES_MAX)
    }

    /// The rewrite rule around it: its name, and whether it is switched on.
    fn rule(&self) -> Vec<(String, String)> {
        let rule = self.open.iter().rev().find(|open| open.name.eq_ignore_ascii_case("rule"));
        let of = |wanted: &str| {
            let found = rule?.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
            (found.1.len() <= REPEATED_BYTES_MAX).then(|| found.1.clone())
        };
        let name = of("name").map(|name| ("rule".to_owned(), name));
        let enabled = of("enabled").map(|enabled| ("rule.enabled".to_owned(), enabled));
        name.into_iter().chain(enabled).collect()
    }

    fn add_text(&mut self, words: &str) {
        if let Some(open) = self.open.last_mut()
            && open.words.len() < TEXT_BYTES_MAX
        {
            open.words.push_str(words);
        }
    }

    /// One of the five entities of XML, or a character by its number. Any other stays as it is written.
    fn add_entity(&mut self, entity: &BytesRef<'_>) {
        let mut buffer = [0; 4];
        match (entity.resolve_char_ref(), quick_xml::escape::resolve_predefined_entity(entity)) {
            (Ok(Some(character)), _) => self.add_text(character.encode_utf8(&mut buffer)),
            (_, Some(text)) => self.add_text(text),
            _ => self.add_text(&format!("&{};", &**entity)),
        }
    }

    fn close(&mut self) {
        let Some(mut open) = self.open.pop() else { return };
        let words = open.words.trim();
        if !words.is_empty() {
            open.record.fields.push(("text".to_owned(), words.to_owned()));
        }
        self.elements.push(open.record);
    }

    fn line_at(&mut self, offset: usize) -> u64 {
        let (from, lines) = self.counted;
        let between = self.text.get(from..offset).unwrap_or_default();
        self.counted = (offset, lines + memchr::memchr_iter(b'\n', between.as_bytes()).count() as u64);
        self.counted.1 + 1
    }

    fn reject(&mut self, offset: usize, reason: RejectReason) {
        let record = self.line_at(offset);
        self.rejects.push(Reject { record, offset: offset as u64, reason });
    }
}

fn attribute(attribute: quick_xml::events::attributes::Attribute<'_>) -> (String, String) {
    let name = attribute.key.local_name().as_ref().to_owned();
    // What is no entity of XML stays as it is written.
    let value = quick_xml::escape::unescape(&attribute.value);
    let value = value.map_or_else(|_| attribute.value.clone().into_owned(), std::borrow::Cow::into_owned);
    let value = secret::in_place_of(&name, &value).unwrap_or(value);
    (name, value)
}

#[cfg(test)]
mod tests {
    use super::read;

    const CONFIG: &str = r#"<?xml version="1.0"?>
<configuration>
  <system.webServer>
    <globalModules>
      <add name="UriCacheModule" image="%windir%\System32\inetsrv\cachuri.dll" />
      <add name="Odd&amp;Module" image="C:\x\y.dll"/>
    </globalModules>
  </system.webServer>
  <location path="Default Web Site/owa">
    <system.webServer><modules runAllManagedModulesForAllRequests="true"><add name="M" type="N.M, N"/></modules></system.webServer>
  </location>
</configuration>"#;

    fn lines(text: &[u8]) -> Vec<String> {
        let (elements, rejects) = read(text);
        let fields = |element: &model::Element| {
            element.fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        let elements = elements.iter().map(|element| format!("{} {}", element.line, fields(element)));
        elements.chain(rejects.iter().map(|reject| format!("{} {:?}", reject.record, reject.reason))).collect()
    }

    #[test]
    fn every_element_with_its_place() {
        let lines = lines(CONFIG.as_bytes());
        assert_eq!(
            lines[0],
            r"5 element=add section=system.webServer/globalModules name=UriCacheModule image=%windir%\System32\inetsrv\cachuri.dll"
        );
        assert!(lines[1].starts_with("6 ") && lines[1].contains("name=Odd&Module"), "{}", lines[1]);
        let managed = lines.iter().find(|line| line.contains("type=N.M")).unwrap();
        assert_eq!(
            managed,
            "10 element=add section=system.webServer/modules location=Default Web Site/owa name=M type=N.M, N \
             parent.runAllManagedModulesForAllRequests=true"
        );
    }

    #[test]
    fn an_attribute_cannot_stand_in_for_the_place() {
        assert_eq!(lines(b"<a><b path=\"*.x\" type=\"T\"/></a>")[0], "1 element=b section= attribute.path=*.x type=T");
    }

    #[test]
    fn the_rewrite_rule_around_an_element() {
        let rule = b"<a><rule name='R' enabled='false'><conditions logicalGrouping='x'><add input='{Y}'/></conditions></rule></a>";
        assert!(lines(rule)[0].contains(" rule=R rule.enabled=false input={Y}"), "{:?}", lines(rule));
    }

    #[test]
    fn keys_and_passwords_are_not_handed_on() {
        let text = b"<a><machineKey validationKey='0a0B' decryption='AES' decryptionKey=\"AutoGenerate\"/>\n<p password='secret1'/></a>";
        let (elements, _) = read(text);
        let shown: String = elements.iter().map(|element| String::from_utf8_lossy(&element.raw).into_owned()).collect();
        assert!(!shown.contains("0a0B") && !shown.contains("secret1"), "{shown}");
        assert_eq!(super::secret::digest("0a0B"), super::secret::digest("0A0b"));
        assert!(lines(text)[0].contains(&format!("validationKey={}", super::secret::digest("0A0B"))));
        assert!(lines(text)[0].contains("decryptionKey=AutoGenerate"));
        assert!(lines(text)[1].contains("password=(not shown)"));
        let short = read(b"<a><machineKey decryption='Auto' validationKey='11' decryptionKey='1' x='11'/></a>").0;
        let digests = [super::secret::digest("11"), super::secret::digest("1")];
        let expected = format!(
            "<machineKey decryption='Auto' validationKey='{}' decryptionKey='{}' x='11'/>",
            digests[0], digests[1]
        );
        assert_eq!(String::from_utf8_lossy(&short[0].raw), expected);
    }

    #[test]
    fn text_of_an_element() {
        assert_eq!(lines(b"<a><b> word <!-- c --></b></a>")[0], "1 element=b section= text=word");
    }

    #[test]
    fn damage_costs_what_follows_and_is_told() {
        let broken = lines(b"<configuration>\n<a x='1'/>\n<b <c></configuration>");
        assert!(broken[0].contains("element=a"), "{broken:?}");
        let rejected = lines(b"<configuration>\n<a/>\n<!-- never ends");
        assert!(rejected.iter().any(|line| line.contains("well-formed")), "{rejected:?}");
        for end in 0..CONFIG.len() {
            let (elements, _) = read(&CONFIG.as_bytes()[..end]);
            assert!(elements.len() <= 12);
        }
    }

    #[test]
    fn neither_depth_nor_number_is_unbounded() {
        let deep = "<a>".repeat(100_000);
        let (elements, rejects) = read(deep.as_bytes());
        assert!(elements.len() < 100 && rejects.len() == 1);
        let many = format!("<a>{}</a>", "<b/>".repeat(60_000));
        let (elements, rejects) = read(many.as_bytes());
        assert!(elements.len() <= 50_001 && rejects.len() == 1);
        let bomb = b"<!DOCTYPE a [<!ENTITY b \"cccc\">]><a x=\"&b;\">&b;</a>";
        assert!(lines(bomb)[0].contains("x=&b;"));
    }
}
