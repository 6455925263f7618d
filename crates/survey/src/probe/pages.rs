//! The pages that are asked for: these and no others.

/// Answers 401 with the build, on servers since the update of July 2021.
pub const AUTODISCOVER: &str = "/autodiscover/autodiscover.xml";
/// Shows the build in the paths of its images.
pub const LOGON: &str = "/owa/auth/logon.aspx";
/// Answers like the first; asked only where that gave no build.
pub const EWS: &str = "/EWS/Exchange.asmx";
/// The manifest of a tool. Some defences take asking for it for an attack, so it is asked only on demand.
pub const EXPORT_TOOL: &str = "/ecp/Current/exporttool/microsoft.exchange.ediscovery.exporttool.application";

/// Pages of one target, and therefore connections, where its server ends them one by one.
pub(super) const PAGES_MAX: u32 = 4;

/// Which of them are still to be asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pages {
    at: usize,
    has_build: bool,
    with_export_tool: bool,
}

const ALL: [&str; PAGES_MAX as usize] = [AUTODISCOVER, LOGON, EWS, EXPORT_TOOL];

impl Pages {
    pub(super) fn new(with_export_tool: bool) -> Self {
        Self { at: 0, has_build: false, with_export_tool }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Option<&'static str> {
        loop {
            let path = *ALL.get(self.at)?;
            let is_wanted = match path {
                EWS => !self.has_build,
                EXPORT_TOOL => self.with_export_tool,
                _ => true,
            };
            if is_wanted {
                return Some(path);
            }
            self.at += 1;
        }
    }

    /// The next one was answered.
    pub(super) fn answered(&mut self, with_build: bool) {
        self.at += 1;
        self.has_build |= with_build;
    }
}

/// Whether a header of the version has one: some servers send it empty, or with words instead.
pub(super) fn names_build(value: &str) -> bool {
    value.split([',', ' ', ';']).any(|word| {
        word.split('.').count() > 2
            && word.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::names_build;

    #[test]
    fn an_emptied_header_names_no_build() {
        for (value, names) in [
            ("15.2.1544.11", true),
            ("15.2.1118.7, 15.2.1118.20", true),
            ("15.02.2562.037", true),
            ("", false),
            ("not your business", false),
            ("1.0", false),
            ("15.2..", false),
        ] {
            assert_eq!(names_build(value), names, "{value}");
        }
    }
}
