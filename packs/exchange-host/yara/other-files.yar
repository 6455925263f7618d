// Files that are no pages and tell by their form: dumps of memory where they do not belong, serialised objects that run code.

rule MemoryDumpInWebFolder
{
    meta:
        title = "Memory dump in a web folder"
        description = "The dump of a process lies where the web server can hand it out. Intruders take dumps of LSASS away like that."
        author = "afterpatch"
        reference = "Microsoft, Analyzing attacks taking advantage of the Exchange Server vulnerabilities (2021-03-25)"
        false_positives = "A dump that support staff put there to pass it on"
        attack = "T1003.001; T1074.001"
        severity = "high"
        afterpatch_stage = "collection"
    condition:
        // M D M P
        uint32be(0) == 0x4D444D50
        and filepath matches /\\(inetpub\\wwwroot|aspnet_client|frontend\\httpproxy|clientaccess)(\\|$)/i
}

rule LsassDump
{
    meta:
        title = "Memory dump of LSASS"
        description = "A minidump that names the modules of LSASS: passwords and tickets of all who were logged on."
        author = "afterpatch"
        reference = "https://attack.mitre.org/techniques/T1003/001/"
        false_positives = "A dump that support staff asked for"
        attack = "T1003.001"
        severity = "high"
        afterpatch_stage = "collection"
    strings:
        $server = "lsasr\x76.dll" wide nocase
        $process = "\\lsas\x73.exe" wide nocase
    condition:
        uint32be(0) == 0x4D444D50 and any of them
}

rule SerialisedGadget
{
    meta:
        title = "Serialised object that runs code"
        description = "The header of .NET's BinaryFormatter, plain or in base64 as in a view state, with a type that is used to run code while it is read. ysoserial.net writes such objects."
        author = "afterpatch"
        reference = "https://github.com/pwntester/ysoserial.net"
        reference = "Microsoft, CVE-2020-0688"
        false_positives = "Files of security tools and their tests"
        attack = "T1190; T1505.003"
        severity = "high"
    strings:
        $header = { 00 01 00 00 00 FF FF FF FF 01 00 00 00 00 00 00 00 }
        $header_64 = "\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00" base64
        $type_1 = "TextFormattingRunPropertie\x73"
        $type_2 = "ActivitySurrogateSelecto\x72"
        $type_3 = "ObjectDataProvide\x72"
        $type_4 = "ComparisonCompare\x72"
        $type_5 = "DataSet.RemotingForma\x74"
        $type_6 = "AxHost+Stat\x65"
        $type_7 = "ToolboxItemContaine\x72"
        $in_64_1 = "TextFormattingRunPropertie\x73" base64
        $in_64_2 = "ActivitySurrogateSelecto\x72" base64
        $in_64_3 = "ObjectDataProvide\x72" base64
        $in_64_4 = "ComparisonCompare\x72" base64
        $in_64_5 = "ToolboxItemContaine\x72" base64
        $starts = "System.Diagnostics.Proces\x73"
        $starts_64 = "System.Diagnostics.Proces\x73" base64
    condition:
        // Programs hold such names; an object is none.
        uint16be(0) != 0x4D5A
        and ((any of ($in_64_*) and $header_64) or ($starts_64 and any of ($in_64_*))
        or ($header and ($type_1 or $type_2 or $type_7 or ($starts and any of ($type_*)))))
}
