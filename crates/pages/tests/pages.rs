//! What pages are judged by: what they do, in every language and disguise. All of them are inert look-alikes, put
//! together of fragments.

use model::page::Judgement;

/// Each page, the name of its file, and what is to be thought of it.
fn check(pages: &[(&str, &str, Judgement)]) {
    for (name, page, expected) in pages {
        let reading = pages::read(page.as_bytes(), name);
        assert_eq!(reading.judgement, *expected, "{page}\n{reading:#?}");
        assert_eq!(reading.because.is_empty(), *expected == Judgement::Nothing, "{page}");
    }
}

/// A page of C#.
macro_rules! sharp {
    ($($part:expr),*) => { concat!("<%@ Page Language=\"C#\" %><script runat=\"server\">", $($part),*, "</script>") };
}

#[test]
fn what_is_sent_and_run_is_a_shell_in_every_language() {
    use Judgement::Shell;
    check(&[
        ("a.asp", concat!("<%ev", "al req", "uest(\"field\")%>"), Shell),
        ("a.asp", concat!("<%exec", "ute(req", "uest(\"field\"))%>"), Shell),
        (
            "a.aspx",
            concat!("<%@ Page Language=\"JScript\"%><%ev", "al(Req", "uest.Item[\"field\"],\"none\");%>"),
            Shell,
        ),
        ("a.aspx", sharp!("void Page_Load(){ Proc", "ess.Start(Req", "uest[\"field\"]); }"), Shell),
        (
            "a.ashx",
            concat!(
                "<%@ WebHandler Language=\"C#\" Class=\"H\" %>public class H : IHttpHandler { public void ProcessRequest(HttpContext c) {",
                "var bytes = Convert.FromBase64String(c.Req",
                "uest.Form[\"field\"]); System.Reflection.Assem",
                "bly.Load(bytes); } }"
            ),
            Shell,
        ),
        (
            "a.aspx",
            concat!(
                "<%@ Page Language=\"VB\" %><script runat=\"server\">Sub Page_Load()\n Dim p As New Proc",
                "ess()\n p.StartInfo.FileName = Req",
                "uest.Form(\"field\")\n p.Start()\nEnd Sub</script>"
            ),
            Shell,
        ),
    ]);
}

#[test]
fn disguises_are_computed() {
    use Judgement::Shell;
    check(&[
        // Letters one further than they should be, decoded by a function that declares nothing.
        (
            "a.asp",
            concat!(
                "<%code=\"fwbm!sfrvftu)#b#*\"\nexec",
                "ute(plain(code))\nfunction plain(text)\nfor i=1 to len(text)\n",
                "out=out&chr(asc(mid(text,i,1))-1)\nnext\nplain=out\nend function%>"
            ),
            Shell,
        ),
        ("a.asp", concat!("<%exec", "ute(strreverse(\")\"\"a\"\"(tseuqer la\" & \"ve\"))%>"), Shell),
        ("a.asp", concat!("<%exec", "ute(chr(101)&chr(&H76)&chr(&0141)&\"l req\"&\"uest(1)\")%>"), Shell),
        // Kept for a later request.
        (
            "a.asp",
            concat!(
                "<%if isempty(session(\"k\")) then\nsession(\"k\")=req",
                "uest(\"f\")\nelse\nexec",
                "ute(session(\"k\"))\nend if%>"
            ),
            Shell,
        ),
        // By the names of methods.
        (
            "a.aspx",
            sharp!(
                "void Page_Load(){ var m = Type.GetType(\"System.Diagnostics.Proc\" + \"ess\").GetMethod(\"St\" + \"art\");",
                " m.Invoke(null, new object[] { Req",
                "uest[\"f\"] }); }"
            ),
            Shell,
        ),
        // Everything on one line, and the name in letters of Unicode.
        (
            "a.aspx",
            sharp!(
                "string Run(string a){ return Pr\\u006fc",
                "ess.Start(a).ToString(); } void Page_Load(){ Run(Req",
                "uest[\"f\"]); }"
            ),
            Shell,
        ),
    ]);
}

#[test]
fn bodies_of_requests_go_through_buffers_and_streams() {
    use Judgement::Shell;
    check(&[
        (
            "a.aspx",
            sharp!(
                "void Page_Load(){ var b = new byte[Req",
                "uest.ContentLength]; Req",
                "uest.InputStream.Read(b, 0, b.Length); Assem",
                "bly.Load(b); }"
            ),
            Shell,
        ),
        (
            "a.aspx",
            sharp!(
                "void Run(Page any){ var m = new MemoryStream(); any.Req",
                "uest.InputStream.CopyTo(m); Assem",
                "bly.Load(m.ToArray()); } "
            ),
            Shell,
        ),
        (
            "a.aspx",
            sharp!(
                "object[] Cut(byte[] d){ var all = new object[9]; var i = 0; while (i < d.Length) { all[d[i]] = d; i++; } return all; }",
                "void Page_Load(){ var all = new object[9]; if (x) { all = Cut(Req",
                "uest.BinaryRead(9)); } Proc",
                "ess.Start((string) all[3]); }"
            ),
            Shell,
        ),
    ]);
}

#[test]
fn files_of_the_site_are_written_on_request() {
    use Judgement::{Look, Nothing, Shell};
    check(&[
        (
            "a.asp",
            concat!(
                "<%set f=createobject(\"scripting.filesystem\"&\"object\").createtextfile(req",
                "uest(\"p\"))\nf.write req",
                "uest(\"c\")%>"
            ),
            Shell,
        ),
        (
            "a.aspx",
            concat!(
                "<%@ Page Language=\"C#\" %><script runat=\"server\">void Go(){ up.SaveAs(where.Text + up.FileName); }</script>",
                "<asp:FileUpload ID=\"up\" runat=\"server\"/><asp:TextBox ID=\"where\" runat=\"server\"/>"
            ),
            Shell,
        ),
        // To a folder that is fixed: an ordinary upload, at which somebody may look.
        (
            "a.aspx",
            sharp!("void Go(){ Req", "uest.Files[0].SaveAs(\"d:\\\\in\\\\\" + Req", "uest.Files[0].FileName); }"),
            Look,
        ),
        ("a.aspx", sharp!("void Go(){ File.WriteAllText(\"d:\\\\in\\\\count.txt\", number.ToString()); }"), Nothing),
    ]);
}

#[test]
fn what_no_page_of_asp_net_does_is_a_shell_there_and_looked_at_in_classic_asp() {
    use Judgement::{Look, Nothing, Shell};
    check(&[
        ("a.aspx", sharp!("void Page_Load(){ Proc", "ess.Start(\"fixed.exe\"); }"), Shell),
        ("a.asp", concat!("<%createobject(\"wscript.\" & \"shell\").r", "un \"fixed\"%>"), Look),
        ("a.aspx", sharp!("byte[] a = Other.Bytes(); void Page_Load(){ Assem", "bly.Load(a); }"), Shell),
        ("a.aspx", sharp!("void Page_Load(){ Assem", "bly.Load(\"System.Data\"); }"), Nothing),
        ("a.asp", concat!("<%exec", "ute rs(\"code\")%>"), Look),
        (
            "a.aspx",
            sharp!(
                "void Page_Load(){ var c = new SqlConnection(Req",
                "uest[\"a\"]); new SqlCommand(\"select 1\", c).ExecuteReader(); }"
            ),
            Shell,
        ),
        ("a.aspx", sharp!("[DllImport(\"k\")] static extern int Beep(int a);"), Look),
    ]);
}

#[test]
fn what_belongs_to_the_server_is_no_business_of_a_page() {
    use Judgement::{Look, Nothing, Shell};
    check(&[
        ("a.aspx", sharp!("void Page_Load(){ Registry.LocalMachine.OpenSubK", "ey(Req", "uest[\"f\"]); }"), Shell),
        ("a.aspx", sharp!("void Page_Load(){ Registry.LocalMachine.OpenSubK", "ey(\"Software\"); }"), Nothing),
        ("a.aspx", sharp!("void Page_Load(){ foreach (var k in key.GetSubKeyN", "ames()) { } }"), Shell),
        ("a.asp", "<%set m = getobject(\"WinNT://.\")\nm.create \"user\", \"a\"%>", Shell),
        ("a.asp", "<%for each u in getobject(\"WinNT://.\")\nresponse.write u.name\nnext%>", Look),
        ("a.asp", "<%response.write getobject(\"IIS://localhost/w3svc/1\").anonymoususerpass%>", Shell),
        (
            "a.aspx",
            sharp!(
                "void Page_Load(){ Response.Write(ConfigurationManager.ConnectionStrings[Req",
                "uest[\"f\"]].ConnectionString); }"
            ),
            Shell,
        ),
        (
            "a.aspx",
            sharp!("void Page_Load(){ Use(ConfigurationManager.ConnectionStrings[\"f\"].ConnectionString); }"),
            Nothing,
        ),
    ]);
}

#[test]
fn whoever_asks_reaches_through_a_proxy_what_the_server_reaches() {
    use Judgement::{Look, Nothing, Shell};
    let fetch =
        concat!("<%set x = createobject(\"msxml2.xmlhttp\")\nx.open \"GET\", req", "uest(\"u\"), false\nx.send\n");
    let shown = format!("{fetch}response.write x.responsetext%>");
    let kept = format!("{fetch}y = len(x.responsetext)%>");
    check(&[
        ("a.asp", &shown, Shell),
        ("a.asp", &kept, Look),
        (
            "a.asp",
            "<%set x = createobject(\"msxml2.xmlhttp\")\nx.open \"GET\", \"http://a/\", false\nx.send\nresponse.write x.responsetext%>",
            Nothing,
        ),
        (
            "a.aspx",
            sharp!(
                "void Page_Load(){ var q = WebRequest.Create(Req",
                "uest[\"u\"]); var r = new StreamReader(q.GetResponse().GetResponseStream()); Response.Write(r.ReadToEnd()); }"
            ),
            Shell,
        ),
    ]);
}

#[test]
fn pages_that_plant_pages_and_read_others_into_themselves() {
    use Judgement::{Look, Nothing, Shell};
    let own = "<%set f = createobject(\"scripting.filesystem\" & \"object\")\n\
        t = f.opentextfile(server.mappath(request.servervariables(\"script_name\"))).readall\n";
    let copies = format!("{own}f.createtextfile(server.mappath(\"a\" & n & \".asp\")).write t%>");
    let counts = format!("{own}response.write len(t)%>");
    check(&[
        ("a.asp", &copies, Shell),
        ("a.asp", &counts, Nothing),
        ("a.asp", "<!--#include file=\"photos/logo.gif\"-->", Look),
        ("a.asp", "<!--#include file=\"top.inc\"-->", Nothing),
    ]);
}

#[test]
fn deciphering_keeps_the_way() {
    use Judgement::Shell;
    check(&[
        (
            "a.aspx",
            sharp!(
                "void Page_Load(){ var d = Convert.FromBase64String(Req",
                "uest[\"f\"]); var o = new byte[d.Length]; for (int i = 0; i < d.Length; i++) { o[i] = (byte)(d[i] ^ 7); } Assem",
                "bly.Load(o); }"
            ),
            Shell,
        ),
        (
            "a.asp",
            concat!("<%for i=1 to len(req", "uest(1))\no=o&chr(asc(mid(req", "uest(1),i,1))-1)\nnext\nexec", "ute o%>"),
            Shell,
        ),
        (
            "a.asp",
            concat!(
                "<%@language=\"jscript\"%><%r()(r(!-''));function r(x){if(x){return Req",
                "uest(1)+''}else{return ev",
                "al}}%>"
            ),
            Shell,
        ),
        (
            "a.aspx",
            sharp!("string f=\"\"; void Page_Load(){ f = Req", "uest[\"f\"]; }")
                .replace("</script>", concat!("</script><% Proc", "ess.Start(f); %>"))
                .leak(),
            Shell,
        ),
    ]);
}

#[test]
fn ordinary_pages_are_none() {
    use Judgement::Nothing;
    check(&[
        ("a.asp", "<%response.write server.htmlencode(request(\"name\"))%>", Nothing),
        // An object that another file makes has an `Execute` of its own.
        (
            "a.asp",
            "<%if x then set c = other\nset r = c.execute(\"select 1 where id=\" & clng(request(\"id\")))%>",
            Nothing,
        ),
        ("a.asp", "<%with c\n.execute \"select \" & request(\"id\")\nend with%>", Nothing),
        ("a.aspx", sharp!("void Page_Load(){ Process.GetCurrentProcess(); label.Text = Request[\"name\"]; }"), Nothing),
        ("a.htm", "<script>eval(request)</script>", Nothing),
        ("a.aspx", "<%@ Page Language=\"C#\" %><%-- Process.Start(Request[\"a\"]) --%>", Nothing),
    ]);
}

#[test]
fn code_inside_other_files_and_encodings_is_found() {
    let page = concat!("<%ev", "al req", "uest(\"field\")%>");
    let wide: Vec<u8> = page.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [
        [b"GIF89a".as_slice(), page.as_bytes()].concat(),
        [b"!BDN\x11\x22\x33\x44".as_slice(), &[0; 600], page.as_bytes(), &[0xFF; 40]].concat(),
        [b"\x30\x82\x04\xA2\x02\x01\x00".as_slice(), page.as_bytes()].concat(),
        [b"\xFF\xFE".as_slice(), &wide].concat(),
        wide,
        [b"\xEF\xBB\xBF".as_slice(), page.as_bytes()].concat(),
    ] {
        assert_eq!(pages::read(&bytes, "a.asp").judgement, Judgement::Shell, "{bytes:?}");
    }
}

#[test]
fn a_page_may_be_cut_anywhere_and_reads_the_same_twice() {
    let page = sharp!(
        "/* c */ class A<T> : B { [DllImport(\"k\", EntryPoint=\"e\")] static extern int E(int a); int P { get { return $\"{x}\".Length; } }",
        " void Page_Load(){ try { for (int i = 0; i < 3; i++) { x[i] ^= (byte) 'a'; } } catch (Exception e) { } finally { }",
        " switch (a) { case \"x\": break; default: Go(y => y.Z(), new { a = 1 }); break; } Proc",
        "ess.Start(Req",
        "uest[\"f\"]); } }"
    );
    let basic = concat!(
        "<%@codepage=65000%><%class a\npublic property get b(c)\nb=c(1)&\"x\"\nend property\nend class\nfor each x in array(1,2)\nif x then y=x else z=.w\nnext\n",
        "select case x\ncase 1,2\nexec",
        "ute req",
        "uest(1)\nend select\nwith a\n.b \"c\", _\n&h41\nend with%><%=a%><!--#include file=\"b\"-->#@~^AAAAAA==a^#~@"
    );
    for (page, names) in [(page, ["a.aspx", "a.cshtml"]), (basic, ["a.asp", "a.vbhtml"])] {
        for (end, name) in (0..=page.len()).flat_map(|end| names.map(|name| (end, name))) {
            let cut = page.as_bytes().get(..end).expect("within the page");
            assert_eq!(pages::read(cut, name), pages::read(cut, name));
        }
    }
}
