//! Collections of Velociraptor, as its own tests have them.

use std::path::PathBuf;

use expect_test::expect;
use model::file::Outcome;

use super::{by_units, with_password};
use crate::budgets::Opening;
use crate::walk::Inventory;

/// The samples, where they are at hand.
fn sample(name: &str) -> Option<PathBuf> {
    let path =
        std::env::var_os("AFTERPATCH_EVIDENCE").map(|root| PathBuf::from(root).join("velociraptor-layout").join(name));
    let found = path.filter(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: no {name} below AFTERPATCH_EVIDENCE");
    }
    found
}

fn told(name: &str, opening: &Opening) -> Option<String> {
    let inventory = Inventory::walk_with(&[sample(name)?], opening).unwrap();
    let came = by_units(&inventory);
    let mut text = String::new();
    for input in &inventory.inputs {
        let one = &came[&input.path];
        assert!(one.outcome != Outcome::Complete || one.bytes.len() as u64 == input.size, "{}", input.path);
        let member = input.path.split_once('!').map_or("", |(_, member)| member);
        text.push_str(&format!("{member} | {} | {} | {:?}\n", input.place.on_server, input.size, one.outcome));
    }
    Some(text)
}

#[test]
fn a_collection() {
    let name = "Collection-WIN-E5K9RC5GU23-2021-11-21T18_05_56-08_00.zip";
    if let Some(text) = told(name, &Opening::default()) {
        expect![[r#"
             | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip | 31330 | Complete
            collection_context.json | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\collection_context.json | 5970 | Complete
            log.json | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\log.json | 2664 | Complete
            log.json.index | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\log.json.index | 160 | Complete
            requests.json | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\requests.json | 3 | Complete
            results/Windows.KapeFiles.Targets%2FAll File Metadata.json | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\results\windows.kapefiles.targets%2fall file metadata.json | 733 | Complete
            results/Windows.KapeFiles.Targets%2FAll File Metadata.json.index | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\results\windows.kapefiles.targets%2fall file metadata.json.index | 16 | Complete
            results/Windows.KapeFiles.Targets%2FAll File Metadata.json~ | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\results\windows.kapefiles.targets%2fall file metadata.json~ | 489 | Complete
            results/Windows.KapeFiles.Targets%2FUploads.json | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\results\windows.kapefiles.targets%2fuploads.json | 1229 | Complete
            results/Windows.KapeFiles.Targets%2FUploads.json.index | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\results\windows.kapefiles.targets%2fuploads.json.index | 16 | Complete
            uploads.json | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\uploads.json | 1059 | Complete
            uploads.json.index | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\uploads.json.index | 24 | Complete
            uploads.json~ | collection-win-e5k9rc5gu23-2021-11-21t18_05_56-08_00.zip\uploads.json~ | 1064 | Complete
            uploads/auto/C%3A/Users/Administrator/ntuser.dat | c:\users\administrator\ntuser.dat | 102400 | Complete
            uploads/ntfs/%5C%5C.%5CC%3A/$Extend/$UsnJrnl%3A$J | c:\$extend\$usnjrnl:$j | 5120 | Complete
            uploads/ntfs/%5C%5C.%5CC%3A/$Extend/$UsnJrnl%3A$J.idx | c:\$extend\$usnjrnl:$j.idx | 158 | Complete
            uploads/ntfs/%5C%5C.%5CC%3A/$Extend/$UsnJrnl%3A$Max | c:\$extend\$usnjrnl:$max | 32 | Complete
        "#]].assert_eq(&text);
    }
}

#[test]
fn encrypted_collections() {
    if let Some(text) = told("encrypted_collector_pki.zip", &Opening::default()) {
        expect![[r#"
             | encrypted_collector_pki.zip | 2840 | Complete
            data.zip | encrypted_collector_pki.zip\data.zip | 1340 | Encrypted("a Velociraptor collection encrypted with a certificate (X509), which no password opens: decrypt it where the private key is, on the Velociraptor server that made the collector, and point at what comes out")
            metadata.json | encrypted_collector_pki.zip\metadata.json | 1568 | Complete
        "#]].assert_eq(&text);
    }
    if let Some(text) = told("encrypted_collector_password.zip", &Opening::default()) {
        expect![[r#"
             | encrypted_collector_password.zip | 1520 | Complete
            data.zip | encrypted_collector_password.zip\data.zip | 1340 | Encrypted("AES-256: give its password with --password")
        "#]].assert_eq(&text);
    }
    if let Some(text) = told("encrypted_collector_password.zip", &with_password("infected")) {
        expect![[r#"
             | encrypted_collector_password.zip | 1520 | Complete
            data.zip | encrypted_collector_password.zip\data.zip | 1340 | Encrypted("AES-256: none of the 2 passwords given fits")
        "#]].assert_eq(&text);
    }
    if let Some(text) = told("unencrypted_collector.zip", &Opening::default()) {
        expect![[r#"
             | unencrypted_collector.zip | 1340 | Complete
            Generic.Client.Info/BasicInformation.json | unencrypted_collector.zip\generic.client.info\basicinformation.json | 388 | Complete
            Generic.Client.Info/Users.json | unencrypted_collector.zip\generic.client.info\users.json | 723 | Complete
            Generic.Client.Info/WindowsInfo.json | unencrypted_collector.zip\generic.client.info\windowsinfo.json | 477 | Complete
        "#]].assert_eq(&text);
    }
}
