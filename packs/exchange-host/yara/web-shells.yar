// Families of web shells in pages that IIS runs, by what they must hold in order to work, and by texts that their authors left.
// One letter of each text stands in brackets, so that this file holds none of them.
// Pages saved as UTF-16 count as well.

private rule Page
{
    condition:
        extension matches /^\.(as[pmh]x?|ashx|asmx|asax|ascx|asa|cer|cdx|svc|soap|cshtml|vbhtml|master)$/
}

private rule ServerPage
{
    strings:
        $open = "\x3c%" ascii wide
        $runat = /<script[^>]{0,200}runa[t]/ nocase ascii wide
    condition:
        Page and any of them
}

rule ChopperPage
{
    meta:
        title = "Page of China Chopper or a like client"
        description = "A page hands what a request brings to the evaluator of its language. Clients such as China Chopper, AntSword and Cknife need no more than that line."
        author = "afterpatch"
        reference = "FireEye, Breaking Down the China Chopper Web Shell (2013-08)"
        reference = "NSA, Mitigating Web Shells (2020)"
        false_positives = "None known"
        attack = "T1505.003"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $script = /\beval[ \t]{0,20}\([^;%]{0,300}Reques[t][ \t]{0,20}[.\[(][^%]{0,300}["']unsaf[e]["']/ nocase ascii wide
        $by_part = /["']unsaf[e]["']/ nocase ascii wide
        $late = /\beva[l][ \t]{0,20}\([^;%]{0,200},[ \t]{0,20}(["']uns|[a-z_]{1,40}[ \t]{0,20}\))/ ascii wide
        $asked = /\bReques[t][ \t"',)]{0,20}[.\[(\r\n]/ nocase ascii wide
        $basic = /(<%|[\n:=])[ \t\r\n]{0,20}(response\.write[ \t(]{0,20})?(execut[e]|execut[e]global|eva[l])[ \t(]{1,20}\(?[ \t]{0,20}(session\([^)]{0,40}\)|reques[t])[ \t]{0,20}(\(|\.(form|item|querystring)\b)/ nocase ascii wide
        // Script for the server, whose evaluator takes a second argument in order to be let loose.
        $server_script = /<%@[^>]{0,200}languag[e][ \t]{0,10}=[ \t]{0,10}["']?jscrip[t]|<script[^>]{0,100}(runa[t][^>]{0,100}jscrip[t]|jscrip[t][^>]{0,100}runa[t])/ nocase ascii wide
        $handler = /<%@[ \t]{0,10}Web(Handler|Service)[^>]{0,100}languag[e][ \t]{0,10}=[ \t]{0,10}["']?jscrip[t]/ nocase ascii wide
        $evaluates = /\beva[l][ \t\r\n]{0,20}\(/ ascii wide
        $two_arguments = /\beva[l][ \t\r\n]{0,20}\([ \t\r\n]{0,20}[A-Za-z_][A-Za-z0-9_.]{0,60}[ \t\r\n]{0,20},[ \t\r\n]{0,20}["'A-Za-z_\/]/ ascii wide
        $script_control = /MSScriptContro[l]\.ScriptContro[l]/ nocase ascii wide
        $executes = /\.(ExecuteStatemen[t]|Eva[l]|AddCod[e])[ \t]{0,10}\(/ nocase ascii wide
        $web_admin = /\bWebAdmin2[Y]\./ ascii wide
    condition:
        ServerPage and ($script or $basic or $web_admin or ($by_part and $late and $asked)
        or ($server_script and $two_arguments) or ($handler and $evaluates) or ($script_control and $executes and $asked))
}

rule ChopperActions
{
    meta:
        title = "Page that answers the actions of China Chopper"
        description = "A page without an evaluator that carries out what China Chopper and AntSword send as numbered parameters, and frames its answers with their marks."
        author = "afterpatch"
        reference = "Cisco Talos, China Chopper still active 9 years later (2019-08-27)"
        attack = "T1505.003"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $begin = /["'](\\x2[d]\\x3[e]|-[>])\|["']/ nocase ascii wide
        $end = /["']\|(<[-]|\\x3[c]\\x2[d])["']/ nocase ascii wide
        $first = /["\[(]z[1]["\])]/ nocase ascii wide
        $second = /["\[(]z[2]["\])]/ nocase ascii wide
        // One letter each: drives, folders, files and so on.
        $action = /\bcas[e] ?\(?["'][A-Q]["']/ nocase ascii wide
    condition:
        Page and $first and $second and (($begin and $end) or #action >= 6)
}

rule BehinderOrGodzillaPage
{
    meta:
        title = "Page that loads an encrypted assembly from a request"
        description = "A page decrypts the body of a request, loads it as a .NET assembly and creates a class of it: the server side of Behinder and Godzilla, which keep the assembly in the session."
        author = "afterpatch"
        reference = "https://github.com/BeichenDream/Godzilla"
        reference = "https://github.com/rebeyond/Behinder"
        false_positives = "None known"
        attack = "T1505.003; T1620"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $loads_name = /\bAssembly["']?[\])]{0,3}\s{0,10}\.\s{0,10}(Loa[d]|GetMetho[d])\s{0,10}\(/ ascii wide
        $loads_late = /["']Loa[d]["']/ ascii wide
        $decrypts = /CreateDecrypto[r]\s{0,10}\(|\.TransformFinalBloc[k]\s{0,10}\(/ ascii wide
        $request_body = /Reques[t]\.(BinaryRea[d]|InputStrea[m])/ ascii wide
        $request_value = /(Contex[t]\.)?Reques[t]\s{0,10}(\[|\.(For[m]|Item|Params|Headers)\b)/ ascii wide
        $kept = /Sessio[n]\s{0,10}(\[|\.Add\s{0,10}\()/ ascii wide
        $at_once = /\.Loa[d]\s{0,10}\(\s{0,10}(Contex[t]\.)?Reques[t]\s{0,10}[.\[]/ ascii wide
        $class = /CreateInstanc[e]\s{0,10}\(\s{0,10}["'](LY|U)["']/ ascii wide
        $key_behinder = /e45e329fe[b]5d925b/ ascii wide
        $key_godzilla = /3c6e0b8a9[c]15224a/ ascii wide
    condition:
        ServerPage and ($loads_name or $loads_late) and any of ($request_*)
        and (($decrypts and ($kept or $class)) or $class or $at_once or any of ($key_*))
}

rule SharPyShellPage
{
    meta:
        title = "Page of SharPyShell"
        description = "A page compiles C# that a request brings encrypted and runs it in memory."
        author = "afterpatch"
        reference = "https://github.com/antonioCoco/SharPyShell"
        attack = "T1505.003; T1027.004"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $named = /\bSharP[y]\b/ ascii wide
        $compiler = /CSharpCodeProvide[r]|CreateProvide[r]\s{0,10}\(\s{0,10}["']C#/ ascii wide
        $compiles = /CompileAssemblyFromSourc[e]/ ascii wide
        $request = /Reques[t]\s{0,10}(\[|\.(For[m]|BinaryRea[d]|InputStrea[m]|Headers|Params|Item)\b)/ ascii wide
        $base64 = /FromBase64Strin[g]/ ascii wide
        $runs = /ExecRuntim[e]/ ascii wide
    condition:
        ServerPage and $base64 and $request and (($compiler and $compiles) or $named or $runs)
}

rule TunnelPage
{
    meta:
        title = "Page that tunnels connections (reGeorg, Neo-reGeorg)"
        description = "A page opens sockets to where a request says and passes bytes on through the session: a way into the network behind the server."
        author = "afterpatch"
        reference = "https://github.com/sensepost/reGeorg"
        reference = "https://github.com/L-codes/Neo-reGeorg"
        false_positives = "None known"
        attack = "T1505.003; T1572"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $greeting = /Geor[g] says/ ascii wide
        $socket = /new\s{1,10}(System\.Net\.Sockets\.)?(Socke[t]|TcpClien[t])\s{0,10}\(/ ascii wide
        $connects = /\.(Begin)?Connec[t]\s{0,10}\(/ ascii wide
        $session = /Sessio[n]\s{0,10}(\[|\.(Add|Contents)\b)/ ascii wide
        $header = /Reques[t]\.(Header[s]|QueryString)\s{0,10}(\.Get\s{0,10}\(|\[)/ ascii wide
        $command = /["']x-(cm[d]|targe[t]|statu[s]|por[t])["']/ nocase ascii wide
        $translates = /\bStrT[r]\s{0,10}\(/ ascii wide
        $body = /Reques[t]\.(InputStrea[m]|BinaryRea[d])/ ascii wide
    condition:
        ServerPage and ($greeting or ($socket and $connects and $session and $body and ($header or $command or $translates)))
        and ($socket or $connects)
}

rule AbpttsPage
{
    meta:
        title = "Page of ABPTTS"
        description = "A Black Path Toward The Sun: a page that carries TCP connections in requests."
        author = "afterpatch"
        reference = "https://github.com/nccgroup/ABPTTS"
        attack = "T1505.003; T1572"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $name_value = /dataBlockNameValueSeparato[r]/ ascii wide
        $parameters = /dataBlockParamSeparato[r]/ ascii wide
        $open = /opModeStringOpenConnectio[n]/ ascii wide
        $send = /opModeStringSendReceiv[e]/ ascii wide
        $close = /opModeStringCloseConnectio[n]/ ascii wide
    condition:
        Page and 3 of them
}

rule AspxSpyPage
{
    meta:
        title = "File manager of the ASPXSpy family"
        description = "A page with a file manager, a command line, a database client and a port scanner behind one password."
        author = "afterpatch"
        reference = "https://attack.mitre.org/software/S0073/"
        attack = "T1505.003"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $name = /ASPXSp[y]/ nocase ascii wide
        $cookie = /vbhL[n]/ ascii wide
        $bin_1 = /Bin_(Table_Fil[e]|Span_FileNam[e]|Button_Logi[n]|List_Selec[t]|Menu_Sp[y]|CmdShel[l])/ ascii wide
        $bin_2 = /Bin_(Style_Logi[n]|H2_Titl[e]|Error_Sq[l]|Td_Re[s]|TextBox_Logi[n])/ ascii wide
        $bin_3 = /JscriptSende[r]/ ascii wide
        $login = /FormsAuthentication\.HashPasswordForStoringInConfigFil[e]\s{0,10}\(/ ascii wide
        $command = /cmd\.ex[e]/ nocase ascii wide
    condition:
        ServerPage and (2 of ($name, $cookie, $bin_*) or ($name and $login) or ($login and $command and any of ($bin_*)))
}

rule PowerShellPage
{
    meta:
        title = "PowerShell in a page (Antak)"
        description = "A page runs what its visitor types as PowerShell and shows the answer."
        author = "afterpatch"
        reference = "https://github.com/samratashok/nishang (Antak-WebShell)"
        false_positives = "A page that an administrator wrote to run fixed cmdlets"
        attack = "T1505.003; T1059.001"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $named = /\bAnta[k]\b/ nocase ascii wide
        $run_space = /RunspaceFactor[y]\s{0,10}\.\s{0,10}CreateRunspac[e]|PowerShel[l]\s{0,10}\.\s{0,10}Creat[e]\s{0,10}\(/ ascii wide
        $script = /\.AddScrip[t]\s{0,10}\(/ ascii wide
        $process = /ProcessStartInf[o]/ ascii wide
        $power_shell = /powershel[l](\.exe)?\b/ nocase ascii wide
        $arguments = /-(noninterac[t]ive|execut[i]onpolicy|encodedcomman[d]|enc\b)/ nocase ascii wide
        $asked = /<asp:Tex[t]Box|Reques[t]\s{0,10}(\[|\.(For[m]|Item|Params|QueryString|Headers)\b)/ nocase ascii wide
    condition:
        ServerPage and $asked and (($run_space and $script) or ($process and $power_shell and ($named or $arguments)))
}

rule CommandPage
{
    meta:
        title = "Page that starts programs for its visitor"
        description = "A page starts the command interpreter with what a request or a text field brings and shows what it prints."
        author = "afterpatch"
        reference = "NSA, Mitigating Web Shells (2020)"
        false_positives = "A page that an administrator wrote to start programs"
        attack = "T1505.003; T1059.003"
        severity = "high"
    strings:
        $starts = /ProcessStartInf[o]|\bProces[s]\s{0,10}\.\s{0,10}Star[t]\s{0,10}\(|new\s{1,10}(System\.Diagnostics\.)?Proces[s]\s{0,10}\(|WScript\.Shel[l]|xp_cmdshel[l]/ nocase ascii wide
        $interpreter = /\b(cm[d]|powershel[l])(\.exe)?\b/ nocase ascii wide
        $asked = /<asp:Tex[t]Box|Reques[t]\s{0,10}(\[|\(|\.(For[m]|Item|Params|QueryString|Headers)\b)/ nocase ascii wide
        $shown = /StandardOutpu[t]|StdOu[t]|Response\.Writ[e]/ nocase ascii wide
    condition:
        ServerPage and all of them and filesize < 300KB
}

rule UploadPage
{
    meta:
        title = "Small page that writes what it is sent"
        description = "A page of a few lines takes a path and a content from a request and writes the file: how intruders place the next page."
        author = "afterpatch"
        reference = "Volexity, Operation Exchange Marauder (2021-03-02)"
        false_positives = "Small upload forms of applications"
        attack = "T1505.003; T1105"
        severity = "medium"
    strings:
        $path = /Reques[t]\s{0,10}(\[|\(|\.(For[m]|Item|Params|QueryString|Headers)\b)/ nocase ascii wide
        $writes = /(File\.(WriteAll(Text|Bytes)|CreateTex[t]|Appen[d]AllText|Creat[e])|new\s{1,10}(System\.IO\.)?(StreamWrite[r]|FileStrea[m])|CreateTextFil[e]|SaveToFil[e]|\.SaveA[s])\s{0,10}[( ]/ nocase ascii wide
        $chosen = /(WriteAll(Text|Bytes)|CreateTex[t]|StreamWrite[r]|CreateTextFil[e]|SaveToFil[e]|SaveA[s])\s{0,10}[( ]\s{0,10}([a-z_.]{0,40}MapPat[h]\s{0,10}\(\s{0,10})?reques[t]/ nocase ascii wide
    condition:
        ServerPage and filesize < 3KB and $path and $writes and $chosen
}

rule EncodedScriptPage
{
    meta:
        title = "Page with encoded script"
        description = "Script in the form that the Windows Script Encoder writes, which no current product ships. Web shells hide in it."
        author = "afterpatch"
        reference = "https://attack.mitre.org/techniques/T1027/"
        false_positives = "Very old applications that ship encoded script"
        attack = "T1505.003; T1027"
        severity = "high"
    strings:
        // The mark, eight characters of length, and the end with a check sum.
        $encoded = /#@~\^[A-Za-z0-9+\/]{4,6}={2}[\x09-\xff]{10}/ ascii wide
    condition:
        ServerPage and $encoded
}

rule KeptCodePage
{
    meta:
        title = "Page that runs what the session holds"
        description = "A page runs text that it keeps in the session: code that was sent or deciphered once, so that later requests look like any other."
        author = "afterpatch"
        reference = "NSA, Mitigating Web Shells (2020)"
        false_positives = "None known"
        attack = "T1505.003; T1027"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $runs = /[^.A-Za-z0-9_](execut[e]|execut[e]global|eva[l])[ \t(]{1,10}(session|application)[ \t]{0,5}\([ \t]{0,5}["'a-z]/ nocase ascii wide
        $keeps = /\b(sessio[n]|applicatio[n])[ \t]{0,5}\([^)]{1,60}\)[ \t]{0,5}=[ \t]{0,5}[a-z]/ nocase ascii wide
    condition:
        ServerPage and $runs and $keeps
}

rule RenamedEvaluatorPage
{
    meta:
        title = "Page that calls its evaluator by another name"
        description = "Script of the server's side gives the evaluator of its language another name or puts it into an object, which hides where code is run."
        author = "afterpatch"
        reference = "https://attack.mitre.org/techniques/T1027/"
        false_positives = "None known"
        attack = "T1505.003; T1027"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $server_script = /<%@[^>]{0,200}languag[e][ \t]{0,10}=[ \t]{0,10}["']?(jscrip[t]|javascrip[t])|<script[^>]{0,100}(runa[t][^>]{0,100}(jscrip[t]|javascrip[t])|(jscrip[t]|javascrip[t])[^>]{0,100}runa[t])/ nocase ascii wide
        $renamed = /[:=][ \t]{0,10}(this\.)?eva[l][ \t]{0,10}[;,}\r\n]/ ascii wide
        $asked = /\bReques[t][ \t]{0,5}[.(\[]/ nocase ascii wide
    condition:
        ServerPage and all of them
}

rule OpaqueTextsPage
{
    meta:
        title = "Page whose code lies in long texts in disguise"
        description = "A page of script hands long rows of letters and digits to a method that decodes them, and holds next to nothing else: its code is to be seen by its own decoder only."
        author = "afterpatch"
        reference = "https://attack.mitre.org/techniques/T1027/"
        false_positives = "Protected pages of very old applications"
        attack = "T1505.003; T1027"
        severity = "high"
        afterpatch_proves = "persistence"
    strings:
        $handed = /\b[A-Za-z_]{1,40}[ \t]{0,5}\.[ \t]{0,5}(En|De)(co[d]e|cryp[t])[A-Za-z]{0,20}[ \t]{0,5}\([ \t]{0,5}"[A-Za-z0-9+\/=]{300}/ nocase ascii wide
        $object = /CreateObjec[t][ \t]{0,5}\(/ nocase ascii wide
    condition:
        ServerPage and $object and #handed > 3
}

rule AccountListPage
{
    meta:
        title = "Page that lists the accounts of the server"
        description = "A page asks the server for its own accounts by WinNT and shows them: what an intruder looks up before guessing passwords."
        author = "afterpatch"
        reference = "https://attack.mitre.org/techniques/T1087/001/"
        false_positives = "Administration pages of hosting companies"
        attack = "T1505.003; T1087.001"
        severity = "medium"
    strings:
        $accounts = /["']WinN[T]:\/\/(127\.0\.0\.1|localhost|\.)?["',\/]/ nocase ascii wide
        $user = /\.Clas[s][ \t)]{0,5}(=|,)[ \t]{0,5}["']User["']|["']User["'][ \t]{0,5}={1,2}|Filter[ \t]{0,5}=[^\r\n]{0,20}["']User["']/ nocase ascii wide
    condition:
        ServerPage and all of them
}

rule PictureWithServerScript
{
    meta:
        title = "Page that begins like a picture"
        description = "A file with the name of a page and the first bytes of a picture holds server code: it was made to pass an upload filter."
        author = "afterpatch"
        reference = "https://owasp.org/www-community/vulnerabilities/Unrestricted_File_Upload"
        false_positives = "None known"
        attack = "T1505.003; T1036.008"
        severity = "critical"
        afterpatch_proves = "persistence"
    strings:
        $code = /<%(@[ \t\r\n]{0,10}(Page|Language|WebHandler|WebService)|[^%>]{0,300}\b(Reques[t]|eva[l]|execut[e]|Respons[e])\b)/ nocase ascii wide
        $runat = /<script[^>]{0,200}runa[t]/ nocase ascii wide
    condition:
        Page and any of them
        and (uint32be(0) == 0x47494638 or uint32be(0) == 0x89504E47 or uint16be(0) == 0xFFD8 or uint16be(0) == 0x424D)
}

rule PictureWithServerScriptByName
{
    meta:
        title = "Picture that holds server code"
        description = "A file with the name and the first bytes of a picture holds a directive of a server page. It runs only where it is included or renamed."
        author = "afterpatch"
        reference = "https://owasp.org/www-community/vulnerabilities/Unrestricted_File_Upload"
        attack = "T1036.008"
        severity = "medium"
    strings:
        $directive = /<%@[ \t]{0,10}(Page|WebHandler|WebService|Language)[ \t]{1,10}[A-Za-z= "]{3,40}/ nocase ascii wide
        $runat = /<script[^>]{0,100}runa[t][ ]?=[ ]?["']?serve[r]/ nocase ascii wide
    condition:
        extension matches /^\.(gif|jpe?g|png|bmp|ico)$/ and any of them
        and (uint32be(0) == 0x47494638 or uint32be(0) == 0x89504E47 or uint16be(0) == 0xFFD8 or uint16be(0) == 0x424D)
}
