//! Where what is sent enters a page.

use std::rc::Rc;

use super::Follower;
use super::value::{Control, Known, Source, Strength, Trail, Value};

/// Parts of a request that say what was sent, and how a person calls them.
const PARTS: &[(&str, &str)] = &[
    ("form", "form field"),
    ("querystring", "query field"),
    ("query", "query field"),
    ("params", "request field"),
    ("item", "request field"),
    ("cookies", "cookie"),
    ("headers", "header"),
    ("files", "uploaded file"),
    ("inputstream", "body of the request"),
    ("getbufferlessinputstream", "body of the request"),
    ("getbufferedinputstream", "body of the request"),
    ("binaryread", "body of the request"),
    ("body", "body of the request"),
    ("useragent", "header `User-Agent`"),
    ("userlanguages", "header `Accept-Language`"),
    ("urlreferrer", "header `Referer`"),
    ("rawurl", "address of the request"),
    ("url", "address of the request"),
    ("pathinfo", "address of the request"),
    ("path", "address of the request"),
    ("content", "body of the request"),
    ("unvalidated", "request field"),
    ("accepttypes", "header `Accept`"),
    ("clientcertificate", "certificate of the client"),
];

/// What the server says of itself or of the connection.
const VARIABLES_OF_SERVER: &[&str] = &[
    "script_name",
    "path_translated",
    "appl_physical_path",
    "appl_md_path",
    "server_name",
    "server_port",
    "server_software",
    "url",
    "local_addr",
    "remote_addr",
    "remote_host",
    "http_host",
    "request_method",
    "https",
    "instance_id",
    "gateway_interface",
    "logon_user",
    "auth_user",
    "server_protocol",
    "content_length",
    "server_port_secure",
    "instance_meta_path",
];

/// Members that are streams of what is sent.
pub(super) const STREAMS: &[&str] =
    &["inputstream", "getbufferlessinputstream", "getbufferedinputstream", ".body", "filecontent"];

/// Members that are numbers or truths and no more.
const COUNTS: &[&str] = &["count", "length", "contentlength", "haskeys", "totalbytes", "issecureconnection", "keys"];

/// What of a path stands behind the request: `page.request.form` gives `form`. `None`: it is no request.
pub(super) fn behind_request(path: &str) -> Option<&str> {
    if path == "request" {
        return Some("");
    }
    if let Some(rest) = path.strip_prefix("request.") {
        return Some(rest);
    }
    let at = path.find(".request")?;
    let rest = path.get(at + ".request".len()..)?;
    let holder = path.get(..at)?.rsplit('.').next()?;
    let is_holder = matches!(
        holder,
        "page"
            | "this"
            | "context"
            | "current"
            | "httpcontext"
            | "me"
            | "operationcontext"
            | "app"
            | "application"
            | "ctx"
            | "parent"
    ) || holder.contains("context");
    match rest.strip_prefix('.') {
        Some(rest) if is_holder => Some(rest),
        None if rest.is_empty() && is_holder => Some(""),
        _ => None,
    }
}

impl Follower {
    /// A value that is a name of the request becomes what was sent.
    pub(super) fn settled(&self, value: &Value) -> Value {
        match self.source_of(value) {
            Some(trail) => {
                let is_stream =
                    matches!(&value.known, Known::Path(path) if STREAMS.iter().any(|name| path.ends_with(name)));
                let class = if is_stream { Some(Rc::from("stream")) } else { value.class.clone() };
                Value { known: Known::Nothing, trail: Some(trail), control: Control::Whole, class }
            }
            None => value.clone(),
        }
    }

    /// The way that begins with a name of the request.
    pub(super) fn source_of(&self, value: &Value) -> Option<Rc<Trail>> {
        let Known::Path(path) = &value.known else { return None };
        self.source(path, None)
    }

    /// The source that a path of the request is, asked with a key or without.
    pub(super) fn source(&self, path: &str, key: Option<&Value>) -> Option<Rc<Trail>> {
        let rest = behind_request(path)?;
        let mut names = rest.split('.');
        let part = names.next().unwrap_or_default();
        let last = rest.rsplit('.').next().unwrap_or_default();
        if COUNTS.contains(&last) || (part.is_empty() && key.is_none()) {
            return None;
        }
        let key_text =
            key.and_then(Value::as_text).or_else(|| names.next().filter(|_| part == "querystring").map(Rc::from));
        let words = match part {
            "" => "request field",
            "servervariables" => {
                let variable = key_text.as_deref().unwrap_or_default().to_ascii_lowercase();
                if VARIABLES_OF_SERVER.contains(&&*variable) {
                    return None;
                }
                "server variable"
            }
            _ => PARTS.iter().find(|(name, _)| *name == part)?.1,
        };
        let is_upload = part == "files";
        Some(self.begin(words, key_text.as_deref(), Strength::Sent, is_upload))
    }

    pub(super) fn begin(&self, words: &str, key: Option<&str>, strength: Strength, is_upload: bool) -> Rc<Trail> {
        /// Longer names of fields are cut.
        const KEY_LETTERS_MAX: usize = 60;
        let key = key.map(|key| key.chars().take(KEY_LETTERS_MAX).collect::<String>()).filter(|key| !key.is_empty());
        let is_password = key.as_deref().is_some_and(is_password);
        let words = key.map_or_else(|| words.to_owned(), |key| format!("{words} `{key}`"));
        Trail::begin(Source { strength, words, is_upload, is_password }, self.at)
    }

    /// A field of a control that whoever asks fills in.
    pub(super) fn control(&self, name: &str, member: &str) -> Option<Value> {
        let class = self.controls.get(name)?;
        let is_upload = matches!(&**class, "fileupload" | "htmlinputfile" | "asyncfileupload");
        let is_field = matches!(
            &**class,
            "textbox" | "htmlinputtext" | "htmltextarea" | "hiddenfield" | "htmlinputhidden" | "htmlinputpassword"
        );
        let sent = match member {
            "text" | "value" | "innertext" | "innerhtml" => is_field || (is_upload && member == "value"),
            "postedfile" | "filename" | "filebytes" | "filecontent" | "postedfiles" => is_upload,
            _ => false,
        };
        if !sent {
            return None;
        }
        let words = if is_upload { "uploaded file" } else { "control" };
        let trail = self.begin(words, Some(name), Strength::Sent, is_upload);
        let class = is_upload.then(|| Rc::from("httppostedfile"));
        Some(Value { class, ..Value::sent(Some(trail), Control::Whole) })
    }
}

/// A field that is named like one of a password.
pub(super) fn is_password(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "passwort", "pwd"].iter().any(|word| name.contains(word)) || name == "pass"
}
