//! How rules meet the rows of delimited logs: names, empty values, key=value cells, quotes, keywords.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr)]

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use detect::pack::PackFiles;
use detect::plan::{Plan, RuleIndex};
use formats::block::Block;
use formats::delimited::{Header, read};
use model::{Reject, Row, Sink, WindowsEvent};

const MANIFEST: &str = "id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\n";
const IIS: &str =
    "#Fields: date time cs-method cs-uri-stem cs-uri-query cs-username c-ip cs(User-Agent) cs(Referer) sc-status\n";
const ECP: &str = "#Log-type: ECP Server Log\n#Fields: TimeStamp,ServerName,EventId,EventData\n";

fn plan(log_source: &str, detection: &str) -> Plan {
    let rule = format!(
        "title: t\nlogsource: {{{log_source}}}\ntags: [afterpatch.stage.access, afterpatch.proves.scan]\n\
         detection:\n  s: {detection}\n  condition: s\nafterpatch: {{subject: URL}}\n"
    );
    let file = |name: &str, text: &str| (name.to_owned(), Cow::Owned(text.as_bytes().to_vec()));
    let files = vec![file("pack.toml", MANIFEST), file("rules/r.yml", &rule)];
    let compiled = Plan::compile(&[PackFiles { id: "p".into(), files }]);
    assert!(compiled.refusals.is_empty(), "{detection}: {:?}", compiled.refusals);
    compiled.plan
}

/// Searches every block and tests every row, as a run does.
struct Run<'a> {
    plan: &'a Plan,
    block: Vec<u8>,
    fits: usize,
    subjects: Vec<Option<String>>,
}

impl Sink for Run<'_> {
    fn block(&mut self, bytes: &[u8]) {
        self.block = bytes.to_vec();
    }

    fn row(&mut self, row: &Row<'_>) {
        let rows = self.plan.rows(&row.schema.family).expect("the rule is of this family");
        let binding = rows.bind(row.schema);
        let mut hits = Vec::new();
        rows.scan_block(&self.block, &mut hits);
        hits.retain(|(end, _)| (row.in_block..=row.in_block + row.line.len()).contains(end));
        rows.test_row(&hits, &binding, row, &mut |_| self.fits += 1);
        let subject = self.plan.rule(RuleIndex(0)).subject_field.and_then(|field| rows.value(field, &binding, row));
        self.subjects.push(subject.map(|value| String::from_utf8_lossy(&value).into_owned()));
    }

    fn event(&mut self, _: &WindowsEvent<'_>) {}

    fn reject(&mut self, reject: Reject) {
        panic!("{reject:?}");
    }
}

fn run<'a>(plan: &'a Plan, log: &[u8]) -> Run<'a> {
    let mut run = Run { plan, block: Vec::new(), fits: 0, subjects: Vec::new() };
    read(&Block::whole(log), &mut Header::for_file("", log), &mut run);
    run
}

fn check(log_source: &str, detection: &str, log: &str, fits: usize) {
    assert_eq!(run(&plan(log_source, detection), log.as_bytes()).fits, fits, "{detection}");
}

#[test]
fn iis_names_and_empty_values() {
    let log = format!(
        "{IIS}2021-03-03 05:09:38 POST /ecp/q7.js a=b - 203.0.113.7 python-requests/2.24.0 - 200\n\
         2021-03-03 05:09:39 GET /owa/x.aspx - CONTOSO\\jones 203.0.113.8 Mozilla/5.0 https://x/ 404\n"
    );
    for (detection, fits) in [
        ("{cs-uri-stem: '/ECP/*'}", 1),
        ("{CS-URI-STEM|endswith: [.js, .aspx]}", 2),
        ("{cs-user-agent|startswith: python}", 1),
        ("{c-useragent|startswith: python}", 1),
        ("{'cs(User-Agent)|startswith': python}", 1),
        ("{cs-referrer|contains: x}", 1),
        ("{cs-username: null}", 1),
        ("{cs-username: ''}", 1),
        ("{cs-username: '-'}", 1),
        ("{cs-username|exists: true}", 2),
        ("{cs-host: null}", 2),
        ("{cs-host|exists: true}", 0),
        ("{sc-status: 200}", 1),
        ("{sc-status|gte: 400}", 1),
        ("{c-ip|cidr: 203.0.113.7/32}", 1),
        ("['q7.js a=b']", 1),
    ] {
        check("category: webserver", detection, &log, fits);
    }
}

#[test]
fn key_value_cells_are_fields() {
    let log = format!(
        "{ECP}2021-03-03T05:10:12.987Z,EXC01,ECP.Request,\"S:TIME=421;'S:CMD=Set-OabVirtualDirectory.ExternalUrl=''http://f/<x y=\"\"z\"\">''';S:URL=/ecp/a?b;S:EX=\"\n\
         2021-03-03T05:10:13.660Z,EXC01,ECP.Request,S:TIME=13;S:CMD=Get-InboxRule;S:URL=/ecp/c\n"
    );
    for (detection, fits) in [
        ("{CMD|startswith: 'Set-OabVirtualDirectory.ExternalUrl='}", 1),
        ("{CMD|contains: \"Url='http://f/<x y=\\\"z\\\">'\"}", 1),
        ("{cmd: Get-InboxRule}", 1),
        ("{EX: null}", 2),
        ("{EX|exists: true}", 1),
        ("{TIME|gt: 100}", 1),
        ("{EventId: ECP.Request}", 2),
        ("{EventData|contains: 'S:CMD=Get'}", 1),
        ("['<x y=\"z\">']", 1),
    ] {
        check("product: exchange, service: ecpserver", detection, &log, fits);
    }
    let plan = plan("product: exchange, service: ecpserver", "{CMD: x}");
    assert_eq!(run(&plan, log.as_bytes()).subjects, [Some("/ecp/a?b".to_owned()), Some("/ecp/c".to_owned())]);
}

#[test]
fn a_rule_without_literals_is_tested_on_every_row() {
    let plan = plan("category: webserver", "{cs-method: GET}");
    let rows = plan.rows(&model::Family::Iis).expect("there is a rule");
    assert_eq!(rows.unfiltered(), [RuleIndex(0)]);
    assert!(plan.rows(&model::Family::HttpProxy).is_none());
}

#[test]
fn reads_the_cells_of_real_logs() {
    let evidence = std::env::var_os("AFTERPATCH_EVIDENCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evidence"), PathBuf::from);
    for (service, file) in
        [("ecpserver", "ECPServer20230111-1.LOG"), ("ecpactivity", "ECPActivity_11500_20230111-1.LOG")]
    {
        let Ok(log) = std::fs::read(evidence.join("logs/qazeer").join(file)) else {
            eprintln!("skipped: no {file} in {}", evidence.display());
            continue;
        };
        let plan = plan(&format!("product: exchange, service: {service}"), "{BLD: 15.1.2375.7}");
        let run = run(&plan, &log);
        assert!(run.fits > 0 && run.fits == run.subjects.len(), "{file}");
        for url in run.subjects {
            assert!(url.is_some_and(|url| url.contains("/ecp/")), "{file}");
        }
    }
}
