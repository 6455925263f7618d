rule AddressBookSettingsWithScript
{
    meta:
        title = "Printed directory settings that hold server script"
        description = "The settings of a virtual directory of the offline address book, as Exchange prints them when it resets one, with server script in a URL. CVE-2021-27065 writes web shells so."
        author = "afterpatch"
        reference = "Volexity, Operation Exchange Marauder (2021-03-02)"
        reference = "https://www.cisa.gov/news-events/analysis-reports/ar21-072a"
        false_positives = "None known"
        attack = "T1505.003; T1190"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $poll = /^OfflineAddressBook[s]\s{0,60}:|\nOfflineAddressBook[s]\s{0,60}:/
        $path = /\nMetabasePat[h]\s{0,60}:\s{0,10}IIS:/
        $url = /\nExternalUr[l]\s{0,60}:[^\n]{0,300}<(script|%)/ nocase
        $internal = /\nInternalUr[l]\s{0,60}:[^\n]{0,300}<(script|%)/ nocase
    condition:
        // What an analyst printed is no file that the server wrote; a rule over directory exports judges it.
        not extension matches /^\.(txt|ldf|log|csv|json|xml|md)$/
        and filesize < 64KB and any of ($url, $internal) and any of ($poll, $path)
}
