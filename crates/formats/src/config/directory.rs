//! Exports of virtual directories and of the directory objects behind them, in the shapes in which administrators hand
//! them over: LDIF (ldifde), CSV (csvde, Export-Csv), lists (`Get-OabVirtualDirectory | fl`), JSON (ConvertTo-Json) and
//! CLIXML (Export-Clixml).
//!
//! One record per URL: `element` is `directory-url`, beside it `object`, `class`, `attribute`, `value` and `changed`, as
//! far as the export has them. Only URLs are told: it is they in which script was planted (CVE-2021-27065). Folded lines
//! are joined and base64 is undone. RFC 2849 (LDIF).

use model::{Element, Reject, RejectReason};

use crate::jsonl::json::Json;

/// Objects have a few URLs each; an organisation has some hundred objects.
const RECORDS_MAX: usize = 20_000;
/// Bytes of a value that are told.
const VALUE_BYTES_MAX: usize = 4_096;
/// Cells of one row of CSV: an object has a few hundred attributes.
const CELLS_MAX: usize = 4_096;

/// The URLs in an export, and what could not be read.
#[must_use]
pub fn read(text: &[u8]) -> (Vec<Element>, Vec<Reject>) {
    let text = String::from_utf8_lossy(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let start = text.trim_start();
    let mut export = Export::default();
    if start.starts_with('<') {
        export.read_clixml(text);
    } else if start.starts_with(['{', '[']) {
        export.read_json(text);
    } else if let Some(separator) = separator_of(start) {
        export.read_csv(text, separator);
    } else {
        export.read_lines(text);
    }
    export.end_object();
    (export.told, export.rejects)
}

#[derive(Default)]
struct Export {
    told: Vec<Element>,
    rejects: Vec<Reject>,
    object: Object,
}

/// The object that is being read.
#[derive(Default)]
struct Object {
    name: Option<String>,
    class: Option<String>,
    changed: Option<String>,
    urls: Vec<Url>,
}

struct Url {
    attribute: String,
    value: String,
    line: u64,
    offset: u64,
}

/// Where something stands: line and byte offset.
type At = (u64, u64);

impl Export {
    /// Takes in one attribute of the object.
    fn take(&mut self, attribute: &str, value: &str, (line, offset): At) {
        let value = cut(value.trim());
        if value.is_empty() {
            return;
        }
        let is = |names: &[&str]| names.iter().any(|name| attribute.eq_ignore_ascii_case(name));
        let keep = |held: &mut Option<String>| *held = held.take().or_else(|| Some(value.to_owned()));
        if is(&["dn", "DistinguishedName", "Identity"]) {
            self.object.name = Some(value.to_owned());
        } else if is(&["Name", "cn"]) {
            keep(&mut self.object.name);
        } else if is(&["objectClass"]) {
            // The most exact class is the last.
            self.object.class = Some(value.rsplit([';', ',', ' ']).next().unwrap_or(value).to_owned());
        } else if is(&["whenChanged", "WhenChangedUTC"]) {
            keep(&mut self.object.changed);
        } else if is_url(attribute) && self.told.len() + self.object.urls.len() < RECORDS_MAX {
            let (attribute, value) = (attribute.to_owned(), value.to_owned());
            self.object.urls.push(Url { attribute, value, line, offset });
        }
    }

    fn end_object(&mut self) {
        let Object { name, class, changed, urls } = std::mem::take(&mut self.object);
        let known = [("object", name), ("class", class), ("changed", changed)];
        for Url { attribute, value, line, offset } in urls {
            let raw = format!("{attribute}: {value}").into_bytes();
            let mut fields = vec![("element".to_owned(), "directory-url".to_owned())];
            fields.extend(known.iter().filter_map(|(field, value)| Some(((*field).to_owned(), value.clone()?))));
            fields.extend([("attribute".to_owned(), attribute), ("value".to_owned(), value)]);
            self.told.push(Element { line, offset, time: None, fields, raw });
        }
    }

    /// LDIF and lists: `name: value`, with what follows folded behind blanks. An empty line ends an object.
    fn read_lines(&mut self, text: &str) {
        let mut folded: Option<(String, At)> = None;
        let mut offset = 0_u64;
        for (number, line) in (1_u64..).zip(text.split_inclusive('\n')) {
            let at = (number, offset);
            offset += line.len() as u64;
            let line = line.trim_end_matches(['\r', '\n']);
            match (&mut folded, line.strip_prefix(' ')) {
                (Some((whole, _)), Some(rest)) if !rest.trim().is_empty() => {
                    // LDIF folds at any place behind one blank, lists at words behind as many as their names are long.
                    whole.push_str(if rest.starts_with("    ") { rest.trim() } else { rest });
                }
                _ => {
                    self.take_line(folded.replace((line.to_owned(), at)));
                    if line.trim().is_empty() {
                        self.end_object();
                    }
                }
            }
        }
        self.take_line(folded);
    }

    fn take_line(&mut self, line: Option<(String, At)>) {
        let Some((line, at)) = line else { return };
        let Some((attribute, value)) = line.split_once(':') else { return };
        let attribute = attribute.trim();
        if attribute.eq_ignore_ascii_case("dn") {
            self.end_object();
        }
        match value.strip_prefix(':') {
            Some(coded) => match decode_base64(coded.trim()) {
                Some(bytes) => self.take(attribute, &String::from_utf8_lossy(&bytes), at),
                None => self.reject(at, "not base64"),
            },
            None => self.take(attribute, value, at),
        }
    }

    fn read_csv(&mut self, text: &str, separator: char) {
        let mut names: Option<Vec<String>> = None;
        let rows = Rows { text, separator, at: (1, 0) };
        for (cells, at) in rows {
            if cells.first().is_some_and(|cell| cell.starts_with("#TYPE")) {
                continue;
            }
            let Some(names) = &names else {
                names = Some(cells);
                continue;
            };
            for (name, cell) in names.iter().zip(&cells) {
                self.take(name.trim(), cell, at);
            }
            self.end_object();
        }
    }

    fn read_json(&mut self, text: &str) {
        match Json::parse(text.as_bytes()) {
            Ok(value) => self.take_json(&value),
            Err(_) => self.reject((1, 0), "not JSON as PowerShell writes it"),
        }
    }

    /// A list of objects, or one. Nesting is bounded by the reader of JSON.
    fn take_json(&mut self, value: &Json<'_>) {
        if let Json::List(values) = value {
            values.iter().for_each(|value| self.take_json(value));
            return;
        }
        if value.members().is_empty() {
            return;
        }
        // PowerShell wraps some lists into an object of this one member and their count.
        value.members().iter().filter(|(name, _)| name == "value").for_each(|(_, value)| self.take_json(value));
        for (name, value) in value.members() {
            texts(value, &mut |text| self.take(name, text, (1, 0)));
        }
        self.end_object();
    }

    fn read_clixml(&mut self, text: &str) {
        let (elements, rejects) = super::read(text.as_bytes());
        self.rejects.extend(rejects);
        for element in &elements {
            let of = |wanted: &str| {
                let found = element.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.map(|(_, value)| value.as_str()).unwrap_or_default()
            };
            // What an object is as text stands in an element of its own: its name is that of the object.
            let name = if of("element") == "ToString" { of("parent.N") } else { of("N") };
            self.take(name, &without_escapes(of("text")), (element.line, element.offset));
            // Objects stand one below the other in the root; those inside are values.
            if of("element") == "Obj" && of("section").is_empty() {
                self.end_object();
            }
        }
    }

    fn reject(&mut self, (record, offset): At, why: &'static str) {
        self.rejects.push(Reject { record, offset, reason: RejectReason::Damaged(why) });
    }
}

/// `msExchExternalHostName`, `InternalUrl`; and what a URL is called inside a URL object.
fn is_url(attribute: &str) -> bool {
    let attribute = attribute.to_ascii_lowercase();
    ["url", "urls", "hostname", "absoluteuri", "originalstring"].iter().any(|end| attribute.ends_with(end))
}

/// The texts of a value: itself, those of a list, those of a URL object.
fn texts(value: &Json<'_>, each: &mut dyn FnMut(&str)) {
    match value {
        Json::Text(text) => each(text),
        Json::List(values) => values.iter().for_each(|value| texts(value, each)),
        Json::Object(members) => {
            let named = |name: &str| name == "AbsoluteUri" || name == "OriginalString";
            members.iter().filter(|(name, _)| named(name)).for_each(|(_, value)| texts(value, each));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The separator of a header row of CSV that names a URL; `None` for anything else.
fn separator_of(text: &str) -> Option<char> {
    let header = text.lines().find(|line| !line.starts_with("#TYPE") && !line.trim().is_empty())?;
    let names = |separator: char| header.split(separator).map(|name| name.trim().trim_matches('"'));
    [',', ';', '\t'].into_iter().find(|separator| names(*separator).count() > 1 && names(*separator).any(is_url))
}

/// Rows of CSV with the place where each begins. Quotes are doubled; a quoted cell may hold line ends.
struct Rows<'a> {
    text: &'a str,
    separator: char,
    at: At,
}

impl Iterator for Rows<'_> {
    type Item = (Vec<String>, At);

    fn next(&mut self) -> Option<Self::Item> {
        if self.text.is_empty() {
            return None;
        }
        let began = self.at;
        let (mut cells, mut cell, mut quoted, mut end) = (Vec::new(), String::new(), false, self.text.len());
        let mut rest = self.text.char_indices().peekable();
        while let Some((index, character)) = rest.next() {
            match character {
                '"' if quoted && rest.peek().is_some_and(|(_, next)| *next == '"') => {
                    rest.next();
                    cell.push('"');
                }
                '"' => quoted = !quoted,
                '\n' if !quoted => {
                    end = index + 1;
                    break;
                }
                _ if character == self.separator && !quoted && cells.len() < CELLS_MAX => {
                    cells.push(std::mem::take(&mut cell));
                }
                _ => cell.push(character),
            }
        }
        cells.push(cell.trim_end_matches('\r').to_owned());
        let (row, behind) = self.text.split_at_checked(end).unwrap_or((self.text, ""));
        self.at = (began.0 + memchr::memchr_iter(b'\n', row.as_bytes()).count() as u64, began.1 + row.len() as u64);
        self.text = behind;
        Some((cells, began))
    }
}

/// Undoes `_x000D_`, as CLIXML writes what XML has no character for.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        plain.push_str(before);
        let coded = from.get(2..6).filter(|_| from.get(6..7) == Some("_"));
        let character = coded.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        let taken = match character {
            Some(character) => {
                plain.push(character);
                7
            }
            None => {
                plain.push_str("_x");
                2
            }
        };
        rest = from.get(taken..).unwrap_or_default();
    }
    plain + rest
}

/// Base64 with its padding or without; `None` where something else stands in it.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (held, bits) = ((held << 6 | u32::from(six)) & 0xFFFF, bits + 6);
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xFF).unwrap_or_default());
        }
    }
    Some(bytes)
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(VALUE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::read;

    fn lines(text: &str) -> Vec<String> {
        let (elements, rejects) = read(text.as_bytes());
        let of = |element: &model::Element, wanted: &str| {
            let found = element.fields.iter().find(|(name, _)| name == wanted);
            found.map_or_else(|| "-".to_owned(), |(_, value)| value.clone())
        };
        let told = elements.iter().map(|element| {
            format!(
                "{} {} {} = {}",
                element.line,
                of(element, "object"),
                of(element, "attribute"),
                of(element, "value")
            )
        });
        told.chain(rejects.iter().map(|reject| format!("{} {:?}", reject.record, reject.reason))).collect()
    }

    #[test]
    fn ldif_folded_and_coded() {
        let ldif = "dn: CN=OAB (Default Web Site),CN=HTTP\r\nchangetype: add\r\nobjectClass: top\r\nobjectClass: msExchOABVirtualDirectory\r\n\
                    msExchInternalHostName: https://exc01.contoso.example/O\r\n AB\r\n\
                    msExchExternalHostName:: aHR0cDovL2YvPHNjcmlwdD5p\r\n bmVydDwvc2NyaXB0Pg==\r\n\r\n\
                    dn: CN=owa\r\nmsExchInternalHostName: https://exc01/owa\r\nmsExchExternalHostName:: !!\r\n";
        assert_eq!(
            lines(ldif),
            [
                "5 CN=OAB (Default Web Site),CN=HTTP msExchInternalHostName = https://exc01.contoso.example/OAB",
                "7 CN=OAB (Default Web Site),CN=HTTP msExchExternalHostName = http://f/<script>inert</script>",
                "11 CN=owa msExchInternalHostName = https://exc01/owa",
                "12 Damaged(\"not base64\")",
            ]
        );
    }

    #[test]
    fn lists_of_powershell() {
        let list = "\r\nName            : OAB (Default Web Site)\r\nInternalUrl     : https://exc01/OAB\r\nExternalUrl     : http://f/<script\r\n                  runat=server>\r\n\r\nName        : second\r\nExternalUrl : \r\nInternalUrl : https://b/OAB\r\n";
        assert_eq!(
            lines(list),
            [
                "3 OAB (Default Web Site) InternalUrl = https://exc01/OAB",
                "4 OAB (Default Web Site) ExternalUrl = http://f/<scriptrunat=server>",
                "9 second InternalUrl = https://b/OAB",
            ]
        );
    }

    #[test]
    fn csv_of_both_tools() {
        let csv = "#TYPE X\r\n\"Name\",\"ExternalUrl\",\"Server\"\r\n\"OAB, first\",\"http://f/<script a=\"\"b\"\"\r\n>\",\"EXC01\"\r\nowa,https://o/,E\r\n";
        assert_eq!(
            lines(csv),
            ["3 OAB, first ExternalUrl = http://f/<script a=\"b\"\r\n>", "5 owa ExternalUrl = https://o/"]
        );
        let csvde = "DN,objectClass,msExchExternalHostName\nCN=OAB,top;msExchOABVirtualDirectory,http://x/\n";
        assert_eq!(lines(csvde), ["2 CN=OAB msExchExternalHostName = http://x/"]);
    }

    #[test]
    fn json_with_urls_as_texts_and_as_objects() {
        let json = r#"[{"Name":"OAB","ExternalUrl":{"AbsoluteUri":"http://f/%3Cscript%3E","Port":80},"InternalUrl":"https://a/"},
            {"Identity":"E\\owa","ExternalUrl":null}]"#;
        assert_eq!(lines(json), ["1 OAB ExternalUrl = http://f/%3Cscript%3E", "1 OAB InternalUrl = https://a/"]);
        assert_eq!(lines("[{").len(), 1);
    }

    #[test]
    fn clixml() {
        let xml = "<Objs xmlns=\"http://schemas.microsoft.com/powershell/2004/04\"><Obj RefId=\"0\"><Props><S N=\"Name\">OAB</S>\n\
                   <URI N=\"ExternalUrl\">http://f/&lt;script_x000A_x&gt;</URI></Props></Obj>\n\
                   <Obj RefId=\"1\"><Props><S N=\"Name\">owa</S><Obj N=\"InternalUrl\" RefId=\"2\"><ToString>https://o/</ToString></Obj></Props></Obj></Objs>";
        assert_eq!(lines(xml), ["2 OAB ExternalUrl = http://f/<script\nx>", "3 owa InternalUrl = https://o/"]);
    }

    #[test]
    fn hostile_exports_stay_bounded() {
        let many = "ExternalUrl: a\n".repeat(super::RECORDS_MAX + 5);
        assert_eq!(read(many.as_bytes()).0.len(), super::RECORDS_MAX);
        let long = format!("ExternalUrl: {}\n", "é".repeat(10_000));
        assert_eq!(lines(&long).len(), 1);
        for text in [
            "",
            " ",
            "a",
            "a,",
            "\"",
            "{",
            "<",
            ":",
            "dn::",
            "_x",
            "ExternalUrl,b\n\"",
            "<Objs><S N='ExternalUrl'>_x00é_</S>",
        ] {
            _ = read(text.as_bytes());
        }
    }
}
