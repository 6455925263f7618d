// Pages that Exchange wrote itself: an export of mail, a certificate request. Both have their own first bytes and hold server
// script, and lie under the name of a page.

private rule PageName
{
    condition:
        extension matches /^\.(aspx?|ashx|asmx|asax|ascx|svc|soap|cshtml|php|jsp)$/
}

rule MailStoreWithScript
{
    meta:
        title = "Mail store with the name of a page and server script"
        description = "An Outlook data file with the name of a page. CVE-2021-31207 exports a draft mail so that the file holds a web shell."
        author = "afterpatch"
        reference = "https://i.blackhat.com/USA21/Wednesday-Handouts/us-21-ProxyLogon-Is-Just-The-Tip-Of-The-Iceberg-A-New-Attack-Surface-On-Microsoft-Exchange-Server.pdf"
        false_positives = "None known"
        attack = "T1505.003; T1190"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $script = /<script[^>]{0,200}runa[t]/ nocase
        $directive = /<%[@=# \t\r\n]{0,10}[a-zA-Z]/
    condition:
        // ! B D N
        PageName and uint32be(0) == 0x2142444E and any of them
}

rule CertificateRequestWithScript
{
    meta:
        title = "Certificate request with the name of a page and server script"
        description = "A certificate or a request for one with the name of a page: New-ExchangeCertificate writes a file of any name, with the attacker's text in a field."
        author = "afterpatch"
        reference = "Mandiant, PST, Want a Shell? ProxyShell Exploiting Microsoft Exchange Servers (2021-09-03)"
        false_positives = "None known"
        attack = "T1505.003; T1190"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $script = /<script[^>]{0,200}runa[t]/ nocase
        $directive = /<%[@=# \t\r\n]{0,10}[a-zA-Z]/
    condition:
        PageName and uint8(0) == 0x30 and (uint8(1) == 0x82 or uint8(1) == 0x81 or uint8(1) == 0x83) and any of them
}
