//! What of a server's configuration comes with IIS, .NET and Exchange: modules, handlers, filters and transport agents;
//! and which machine keys are public. Data: `knowledge/iis-modules.csv`, `knowledge/disclosed-machine-keys.txt`.
//!
//! "Listed" means that name, place and type are those of Microsoft's. It says nothing of the content of the library:
//! a replaced file is told by its hash or signature only. An unlisted one is nothing bad by itself, since products add
//! modules of their own and later builds may have more than the list.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::table;

/// Longer values are none of a list.
const VALUE_BYTES_MAX: usize = 1_024;
/// Hex digits of a key's SHA-256 that the list of public keys keeps.
const KEY_DIGITS: usize = 16;
/// SHA-256 of the validation key that every Exchange server was installed with until February 2020 (CVE-2020-0688).
const SHARED_KEY: &str = "6d60845874ad370b";

/// How an element of the configuration stands to what Microsoft ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is in the list.
    Listed,
    /// A name of the list with a library or type that is none of the list.
    NameTaken,
    /// The library is called like one of the list that belongs nowhere but in its own folder, and lies elsewhere.
    ImageElsewhere,
    /// Neither name nor library nor type is in the list.
    Unlisted,
}

impl Standing {
    /// The word that rules test.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::NameTaken => "name-taken",
            Self::ImageElsewhere => "image-elsewhere",
            Self::Unlisted => "unlisted",
        }
    }
}

/// What is compared with the list.
#[derive(Clone, Copy, Debug)]
pub enum Setting<'a> {
    /// A library of `globalModules`: name and image.
    Native(&'a str, &'a str),
    /// A native module switched on by its name.
    SwitchedOn(&'a str),
    /// A managed module: name and type.
    Managed(&'a str, &'a str),
    /// The type of a handler.
    Handler(&'a str),
    /// The script processor of a handler.
    Processor(&'a str),
    /// An ISAPI filter: name and path.
    Filter(&'a str, &'a str),
    /// A transport agent: name and library.
    Agent(&'a str, &'a str),
}

/// How a setting stands to what Microsoft ships.
#[must_use]
pub fn standing(setting: Setting<'_>) -> Standing {
    let list = List::shipped();
    match setting {
        Setting::Native(name, image) => list.native.standing(name, &place(image)),
        Setting::Filter(name, path) => list.filters.standing(name, &place(path)),
        Setting::Agent(name, path) => list.agents.standing(name, &place(path)),
        Setting::SwitchedOn(name) => known(list.native.names.contains(&lower(name))),
        Setting::Managed(name, type_name) => match type_of(type_name) {
            plain if list.types.contains(&plain) => Standing::Listed,
            _ if list.managed.contains(&lower(name)) => Standing::NameTaken,
            _ => Standing::Unlisted,
        },
        Setting::Handler(type_name) => known(list.handlers.contains(&type_of(type_name))),
        Setting::Processor(path) => known(list.processors.contains(&place(path))),
    }
}

/// Whether a machine key is known to others, by the SHA-256 (hex) of its upper-case text: `shared` for the one that all
/// Exchange servers had, `public` for one of Microsoft's list of keys found in public places.
#[must_use]
pub fn disclosed_key(sha256: &str) -> Option<&'static str> {
    let digits = sha256.get(..KEY_DIGITS)?;
    if digits == SHARED_KEY {
        return Some("shared");
    }
    let keys: &BTreeSet<&str> = {
        static KEYS: OnceLock<BTreeSet<&str>> = OnceLock::new();
        KEYS.get_or_init(|| include_str!("../../../knowledge/disclosed-machine-keys.txt").lines().collect())
    };
    keys.contains(digits).then_some("public")
}

fn known(listed: bool) -> Standing {
    if listed { Standing::Listed } else { Standing::Unlisted }
}

/// Libraries by name and place.
#[derive(Default)]
struct Libraries {
    names: BTreeSet<String>,
    places: BTreeSet<String>,
    /// File names that lie nowhere but in their own folder.
    telling: BTreeSet<String>,
}

impl Libraries {
    fn standing(&self, name: &str, place: &str) -> Standing {
        let file = place.rsplit('\\').next().unwrap_or(place);
        if self.has(place) {
            Standing::Listed
        } else if self.telling.contains(file) {
            Standing::ImageElsewhere
        } else if self.names.contains(&lower(name)) {
            Standing::NameTaken
        } else {
            Standing::Unlisted
        }
    }

    /// Exchange can be installed anywhere, so of its own libraries only the end of the path is known.
    fn has(&self, place: &str) -> bool {
        let of_exchange = |known: &&String| known.strip_prefix("%ex%").is_some_and(|end| place.ends_with(end));
        self.places.contains(place) || self.places.iter().any(|known| of_exchange(&known))
    }

    fn add(&mut self, (name, image): (&str, &str), elsewhere: &str) {
        self.names.insert(lower(name));
        if !image.is_empty() {
            self.places.insert(image.to_owned());
        }
        if elsewhere == "never" {
            self.telling.extend(image.rsplit('\\').next().map(str::to_owned));
        }
    }
}

#[derive(Default)]
struct List {
    native: Libraries,
    filters: Libraries,
    agents: Libraries,
    managed: BTreeSet<String>,
    types: BTreeSet<String>,
    handlers: BTreeSet<String>,
    processors: BTreeSet<String>,
}

impl List {
    fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<List> = OnceLock::new();
        SHIPPED.get_or_init(Self::read)
    }

    fn read() -> Self {
        let mut list = Self::default();
        for row in table::rows(include_str!("../../../knowledge/iis-modules.csv")) {
            let (name, image, type_name, elsewhere) = (&row[1], &row[2], &row[3], &row[4]);
            match &row[0] {
                "native" => list.native.add((name, image), elsewhere),
                "filter" => list.filters.add((name, image), elsewhere),
                "agent" => list.agents.add((name, image), elsewhere),
                "managed" => {
                    list.managed.insert(lower(name));
                    list.types.insert(lower(type_name));
                }
                "handler" => _ = list.handlers.insert(lower(type_name)),
                "processor" => _ = list.processors.insert(image.to_owned()),
                kind => unreachable!("iis-modules.csv has no kind {kind}"),
            }
        }
        list
    }
}

/// `C:\Windows\System32\x.dll` and `%SystemRoot%\system32\x.dll` to `%windir%\system32\x.dll`.
fn place(path: &str) -> String {
    let path = lower(path).replace('/', "\\");
    let path = path.trim().trim_matches('"');
    let below = |start: &str| path.strip_prefix(start).filter(|rest| rest.starts_with('\\'));
    let in_windows = below("%windir%").or_else(|| below("%systemroot%")).or_else(|| below("%systemdrive%\\windows"));
    let drive = || path.get(1..).and_then(|rest| rest.strip_prefix(":\\windows")).filter(|rest| rest.starts_with('\\'));
    if let Some(rest) = in_windows.or_else(drive) {
        return format!("%windir%{rest}");
    }
    if let Some(rest) = below("%iis_bin%") {
        return format!("%windir%\\system32\\inetsrv{rest}");
    }
    match path.get(1..).and_then(|rest| rest.strip_prefix(":\\program files\\")) {
        Some(rest) => format!("%programfiles%\\{rest}"),
        None => path.to_owned(),
    }
}

/// The type without its assembly, lower case.
fn type_of(written: &str) -> String {
    lower(written.split(',').next().unwrap_or_default().trim())
}

fn lower(text: &str) -> String {
    let mut end = text.len().min(VALUE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{Setting, Standing, disclosed_key, standing};

    #[test]
    fn native_modules_by_place_then_name() {
        let cases = [
            ("UriCacheModule", r"%windir%\System32\inetsrv\cachuri.dll", Standing::Listed),
            ("UriCacheModule", r"C:\WINDOWS\system32\inetsrv\cachuri.dll", Standing::Listed),
            ("renamed", r"%SystemRoot%\system32\inetsrv\cachuri.dll", Standing::Listed),
            ("kerbauth", r"E:\Exchange\Bin\kerbauth.dll", Standing::Listed),
            ("UriCacheModule", r"C:\Program Files\Fabrikam\uri.dll", Standing::NameTaken),
            ("FabrikamCache", r"C:\Program Files\Fabrikam\cachuri.dll", Standing::ImageElsewhere),
            ("Fabrikam", r"C:\Program Files\Fabrikam\filter.dll", Standing::Unlisted),
            ("Fabrikam", r"C:\Program Files\Fabrikam\iis.dll", Standing::Unlisted),
            ("", "", Standing::Unlisted),
        ];
        for (name, image, expected) in cases {
            assert_eq!(standing(Setting::Native(name, image)), expected, "{name} {image}");
        }
    }

    #[test]
    fn managed_modules_by_type_then_name() {
        let of = |name, type_name| standing(Setting::Managed(name, type_name));
        assert_eq!(of("Session", "System.Web.SessionState.SessionStateModule"), Standing::Listed);
        assert_eq!(of("Session", "Fabrikam.Session, Fabrikam"), Standing::NameTaken);
        assert_eq!(of("Fabrikam", "Fabrikam.Session, Fabrikam"), Standing::Unlisted);
    }

    #[test]
    fn agents_handlers_and_filters() {
        let rule = r"D:\Ex\TransportRoles\agents\Rule\Microsoft.Exchange.MessagingPolicies.TransportRuleAgent.dll";
        assert_eq!(standing(Setting::Agent("Transport Rule Agent", rule)), Standing::Listed);
        assert_eq!(standing(Setting::Agent("Transport Rule Agent", r"D:\Other\a.dll")), Standing::NameTaken);
        assert_eq!(standing(Setting::Handler("System.Web.UI.PageHandlerFactory, System.Web")), Standing::Listed);
        assert_eq!(standing(Setting::Handler("Fabrikam.Handler")), Standing::Unlisted);
        assert_eq!(standing(Setting::SwitchedOn("cafe_exppw")), Standing::Listed);
        let processor = r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\aspnet_isapi.dll";
        assert_eq!(standing(Setting::Processor(processor)), Standing::Listed);
        assert_eq!(standing(Setting::Processor(r"C:\php\php-cgi.exe")), Standing::Unlisted);
    }

    #[test]
    fn keys_that_others_know() {
        let shared = "6d60845874ad370b4c0e1906237bb25eaf3490e22abd71b9c8423f81664e8fe3";
        assert_eq!(disclosed_key(shared), Some("shared"));
        let listed = "184aa46d813411727da0dc9e64186bb9907289b5aab4b320d26fff5ea45d8e3d";
        assert_eq!(disclosed_key(listed), Some("public"));
        assert_eq!(disclosed_key("0000000000000000"), None);
        assert_eq!(disclosed_key("é"), None);
    }
}
