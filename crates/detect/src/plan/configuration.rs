//! What an element of a configuration file says once it is compared with the lists of `exchange`: fields that stand in
//! no file, for rules to test.
//!
//! * `stock`: `listed`, `name-taken`, `image-elsewhere`, `unlisted`, for modules, handlers, filters and agents
//! * `disclosed`: `shared` or `public`, for a machine key that others know

use std::borrow::Cow;

use exchange::{Setting, disclosed_key, standing};

use super::files::FileFields;

/// The element with what the lists say of it. These fields come first, so that no attribute can stand in for them.
pub(super) fn judged<'a>(element: &'a FileFields<'a>) -> FileFields<'a> {
    let text = |name: &str| element.field(name).and_then(|value| std::str::from_utf8(value).ok());
    let mut fields: Vec<(&'a str, Cow<'a, [u8]>)> = Vec::with_capacity(element.fields.len() + 2);
    fields.extend(setting(&text).map(|found| ("stock", Cow::Borrowed(standing(found).word().as_bytes()))));
    let keys = ["validationKey", "decryptionKey"].into_iter().filter_map(text);
    let known = keys.filter_map(|key| disclosed_key(key.strip_prefix("sha256:")?)).next();
    fields.extend(known.map(|word| ("disclosed", Cow::Borrowed(word.as_bytes()))));
    let own = |name: &str| name.eq_ignore_ascii_case("stock") || name.eq_ignore_ascii_case("disclosed");
    let told = element.fields.iter().filter(|(name, _)| !own(name));
    fields.extend(told.map(|(name, value)| (*name, Cow::Borrowed(&**value))));
    FileFields { fields }
}

/// What of an element is compared with a list; `None` for any other element.
fn setting<'a>(text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Setting<'a>> {
    let (element, section) = (text("element")?, text("section").unwrap_or_default());
    let name = text("name").unwrap_or_default();
    let is = |wanted: &str| element.eq_ignore_ascii_case(wanted);
    let within = |wanted: &str| section.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(wanted));
    if is("add") && within("globalModules") {
        return Some(Setting::Native(name, text("image")?));
    }
    if is("add") && (within("modules") || within("httpModules")) {
        let native = Setting::SwitchedOn(name);
        return Some(text("type").map_or(native, |type_name| Setting::Managed(name, type_name)));
    }
    if is("add") && (within("handlers") || within("httpHandlers")) {
        // A processor decides what is run; the type beside it is not asked.
        return text("scriptProcessor").map(Setting::Processor).or_else(|| text("type").map(Setting::Handler));
    }
    if is("filter") && within("isapiFilters") {
        return Some(Setting::Filter(name, text("attribute.path")?));
    }
    if is("agent") {
        return Some(Setting::Agent(name, text("assemblyPath")?));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{FileFields, judged};

    fn words(fields: &[(&str, &str)]) -> Vec<String> {
        let fields = fields.iter().map(|(name, value)| (*name, Cow::Borrowed(value.as_bytes()))).collect();
        let element = FileFields { fields };
        let judged = judged(&element);
        let told = judged.fields.iter().filter(|(name, _)| matches!(*name, "stock" | "disclosed"));
        told.map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value))).collect()
    }

    #[test]
    fn compares_what_a_list_speaks_of() {
        let module = [("element", "add"), ("section", "system.webServer/modules"), ("name", "Session")];
        assert_eq!(words(&module), ["stock=unlisted"]);
        assert_eq!(words(&[&module[..], &[("type", "A.B")]].concat()), ["stock=name-taken"]);
        assert!(words(&[("element", "remove"), ("section", "system.webServer/modules")]).is_empty());
    }

    #[test]
    fn an_attribute_cannot_pass_for_the_verdict_of_a_list() {
        let agent = [("element", "agent"), ("name", "x"), ("assemblyPath", r"D:\x.dll"), ("Stock", "listed")];
        assert_eq!(words(&agent), ["stock=unlisted"]);
    }
}
