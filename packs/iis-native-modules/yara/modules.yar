// Modules of IIS that were published, by their texts. Native ones register themselves by one export; managed ones are .NET.

private rule NativeModule
{
    strings:
        $export = "RegisterModul\x65" fullword
    condition:
        uint16be(0) == 0x4D5A and $export
}

rule IisRaid
{
    meta:
        title = "IIS module of the IIS-Raid family"
        description = "A native module that runs commands which come in a header, and keeps passwords that are sent to the site."
        author = "afterpatch"
        reference = "https://github.com/0x09AL/IIS-Raid"
        reference = "ESET, Anatomy of native IIS malware (2021-08)"
        false_positives = "None known"
        attack = "T1505.004"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $header_1 = "X-Chrome-Variation\x73"
        $header_2 = "X-FFEServe\x72"
        $header_3 = "COM_InterPro\x74"
        $header_4 = "XXXYYY-Re\x66"
        $header_5 = "Sense-Pw\x64"
        $store_1 = "\\Temp\\creds.d\x62"
        $store_2 = "\\Temp\\thumbs.d\x62"
        $order_1 = "INJEC\x54|"
        $order_2 = "CM\x44|"
        $order_3 = "DUM\x50|"
        $order_4 = "PIN\x47|"
    condition:
        NativeModule and (2 of ($header_*, $store_*) or (any of ($header_*, $store_*) and any of ($order_*)) or 3 of ($order_*))
}

rule SessionManagerModule
{
    meta:
        title = "SessionManager"
        description = "A native module of IIS that takes commands from a cookie: files, programs, tunnels."
        author = "afterpatch"
        reference = "Kaspersky, The SessionManager IIS backdoor (2022-06-30)"
        false_positives = "None known"
        attack = "T1505.004"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $cookie = "SM_SESSIO\x4e"
        $order_1 = "GETFIL\x45"
        $order_2 = "PUTFIL\x45"
        $order_3 = "DELETEFIL\x45"
        $order_4 = "FILESIZ\x45"
        $order_5 = "S5CONNEC\x54"
        $order_6 = "S5WRIT\x45"
        $order_7 = "S5REA\x44"
    condition:
        NativeModule and $cookie and 2 of ($order_*)
}

rule OwowaModule
{
    meta:
        title = "Owowa"
        description = "A managed module of IIS that keeps the passwords of Outlook on the web and takes orders as user names of a certain spelling."
        author = "afterpatch"
        reference = "Kaspersky, Owowa: the add-on that turns your OWA into a credential stealer and remote access panel (2021-12-14)"
        false_positives = "None known"
        attack = "T1505.004; T1556"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $order_1 = "jFuLIXpzRdateYHoVwMlf\x63" ascii wide
        $order_2 = "Fb8v91c6tHiKsWzrulCeq\x4f" ascii wide
        $order_3 = "dEUM3jZXaDiob8BrqSy2PQO\x31" ascii wide
        $name = "ExtenderControlDesigne\x72" ascii wide
        $event = "PreSendRequestConten\x74" ascii wide
        $fields = "/owa/auth.ow\x61" ascii wide
    condition:
        uint16be(0) == 0x4D5A and (any of ($order_*) or ($name and $event and $fields))
}
