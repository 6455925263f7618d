//! Pages that are made to nest, to flood or to go on for ever: each ends, on the stack that is promised for it.

/// Reads a page on a stack of the promised size.
fn read(name: &'static str, page: String) -> model::page::Reading {
    let thread = std::thread::Builder::new().stack_size(pages::STACK_BYTES);
    thread.spawn(move || pages::read(page.as_bytes(), name)).expect("a thread").join().expect("no panic")
}

#[test]
fn nests_of_any_depth_end() {
    const DEEP: usize = 10_000;
    let braces = [
        ("(", ")"),
        ("[", "]"),
        ("{", "}"),
        ("f(", ")"),
        ("!", ""),
        ("-", ""),
        ("(int)", ""),
        ("x=>", ""),
        ("a?b:", ""),
        ("new A(", ")"),
        ("new A{b=", "}"),
        ("function(){return ", "}"),
        ("if(a){", "}"),
        ("a=", ""),
        ("$\"{", "}\""),
    ];
    for (open, close) in braces {
        let nest = format!("{}1{}", open.repeat(DEEP), close.repeat(DEEP));
        read("a.aspx", format!("<%@ Page Language=\"C#\" %><% var x = {nest}; {nest} %>"));
        read("a.asp", format!("<script language=jscript runat=server>var x = {nest};</script>"));
    }
    for open in ["(", "not ", "addressof ", "typeof ", "new a(", "f(", "if(", "function() ", "ctype(", "2^-"] {
        read("a.asp", format!("<% x = {}1 %>", open.repeat(DEEP)));
    }
    for open in [
        "if a then\n",
        "if a then ",
        "for i=1 to 3\n",
        "do\n",
        "with a\n",
        "select case a\ncase 1\n",
        "sub a\n",
        "class a\n",
    ] {
        read("a.asp", format!("<% {} %>", open.repeat(DEEP)));
    }
}

#[test]
fn long_lists_are_no_nests() {
    const MANY: usize = 20_000;
    read("a.aspx", format!("<%@ Page Language=\"C#\" %><% if(a){{b();}}{} %>", "else if(a){b();}".repeat(MANY)));
    read(
        "a.aspx",
        format!(
            "<%@ Page Language=\"C#\" %><% x = \"a\"{}; y{}; z{}; %>",
            "+\"a\"".repeat(MANY),
            ".a(1)".repeat(MANY),
            ".b".repeat(MANY)
        ),
    );
    read(
        "a.asp",
        format!(
            "<% x = \"a\"{}\nif a then\nb\n{}end if %>",
            " & \"a\"".repeat(MANY),
            "elseif a then\nb\n".repeat(MANY)
        ),
    );
}

#[test]
fn floods_of_beginnings_without_ends_cost_little() {
    const MANY: usize = 60_000;
    for flood in
        ["<%", "<%@", "<script ", "<script runat=server>", "<a ", "<a \"", "<a <%", "<!--#", "#@~^AAAAAA==", "<"]
    {
        read("a.asp", flood.repeat(MANY));
    }
    for flood in ["@(", "@if ", "@{", "@functions{", "@a('"] {
        read("a.cshtml", flood.repeat(MANY));
    }
    for flood in ["#1", "[", "_ ", "&h", "[a\n"] {
        read("a.asp", format!("<% {} %>", flood.repeat(MANY)));
    }
    for flood in ["a # ", "[a] ", "a<", "a a(", "=/["] {
        read("a.aspx", format!("<%@ Page Language=\"JScript\" %><% {} %>", flood.repeat(MANY)));
    }
    read("a.asp", format!("<%@codepage=65000%>{}", "+".repeat(MANY)));
}

#[test]
fn what_holds_itself_is_gone_through_once() {
    let page = concat!(
        "<%@ Page Language=\"C#\" %><% var a = new List<object>(); a.Add(a); a.AddRange(a); a.Add(a); var s = new StringBuilder(); s.Append(s);",
        "var m = new MemoryStream(); m.CopyTo(m); m.Write(a); var h = new Node(); var t = h;",
        "for (var i = 0; i < 50000; i++) { t.next = new Node(); t = t.next; } Other(a, s, m, h); %>"
    );
    read("a.aspx", page.to_owned());
    read("a.asp", "<% a = array(1)\nfor i = 1 to 50000\na = array(a)\nnext\nb = join(a) %>".to_owned());
}

#[test]
fn programs_that_do_not_end_are_left() {
    for code in ["while true\nx = x & \"aaaa\"\nwend", "function f(x)\nf = f(x & \"a\") & f(x)\nend function\nf \"a\""]
    {
        let reading = read("a.asp", format!("<% {code} %>"));
        assert!(!reading.cut_off.is_empty(), "{code}");
    }
    // Text longer than is computed is not known, and costs nothing then.
    let doubled = "s = \"aaaaaaaaaaaaaaaa\"\nfor i = 1 to 100\ns = s & s\nnext\nfor i = 1 to 100000\nt = replace(s, \"a\", \"bc\")\nnext";
    read("a.asp", format!("<% {doubled} %>"));
    // Code that makes code.
    read("a.asp", concat!("<% s = \"exec", "ute s & i: i = i & 1\"\nexec", "ute s %>").to_owned());
}
