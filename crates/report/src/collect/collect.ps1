Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false

$principal = New-Object System.Security.Principal.WindowsPrincipal ([System.Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)) {
    throw 'Run this elevated: robocopy needs the right to back up files.'
}
if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
    throw 'Use the 64-bit PowerShell: the other one sees another System32.'
}

$problems = New-Object 'System.Collections.Generic.List[string]'

function Find-Exchange {
    if ($ExchangePath) { return $ExchangePath }
    foreach ($version in 'v15', 'v14') {
        $key = "HKLM:\SOFTWARE\Microsoft\ExchangeServer\$version\Setup"
        if (Test-Path -LiteralPath $key) {
            $setup = Get-ItemProperty -LiteralPath $key -Name MsiInstallPath -ErrorAction SilentlyContinue
            if ($setup) { return $setup.MsiInstallPath }
        }
    }
    return (Join-Path $env:ProgramFiles 'Microsoft\Exchange Server\V15')
}

function Find-IisLogs {
    if ($IisLogs) { return @($IisLogs) }
    $found = New-Object 'System.Collections.Generic.List[string]'
    $found.Add("$env:SystemDrive\inetpub\logs\LogFiles")
    $config = "$env:SystemRoot\System32\inetsrv\config\applicationHost.config"
    if (Test-Path -LiteralPath $config) {
        try {
            $xml = New-Object System.Xml.XmlDocument
            $xml.XmlResolver = $null
            $xml.Load($config)
            foreach ($node in $xml.SelectNodes('//sites//logFile[@directory]')) {
                $found.Add([Environment]::ExpandEnvironmentVariables($node.GetAttribute('directory')))
            }
        } catch {
            $problems.Add("applicationHost.config could not be read: $($_.Exception.Message)")
        }
    }
    return @($found | ForEach-Object { $_.TrimEnd('\').ToLowerInvariant() } | Sort-Object -Unique)
}

function Get-Roots([string]$name) {
    switch ($name) {
        'exchange' { return @(Find-Exchange) }
        'iis-logs' { return @(Find-IisLogs) }
        'system-root' { return @($env:SystemRoot) }
        'program-data' { return @($env:ProgramData) }
        default { return @($env:SystemDrive) }
    }
}

# A drive is a folder of its letter below the destination: C:\Windows is copied to files\C\Windows.
function Get-Target([string]$folder) {
    return (Join-Path $files ($folder.Substring(0, 1).ToUpperInvariant() + $folder.Substring(2))).TrimEnd('\')
}

function Copy-Row($row, [string]$folder) {
    $arguments = @($folder, (Get-Target $folder)) + $row.Masks
    $arguments += '/B', '/COPY:DAT', '/DCOPY:T', '/XJ', '/R:0', '/W:0', '/NP', '/NFL', '/NDL', '/NJH', '/NJS'
    if ($row.Depth -ne 0) { $arguments += '/S' }
    if ($row.Depth -gt 0) { $arguments += "/LEV:$($row.Depth + 1)" }
    if ($row.MaxAge) { $arguments += "/MAXAGE:$($row.MaxAge)" }
    $said = & robocopy.exe $arguments
    if ($LASTEXITCODE -ge 8) {
        $problems.Add("$($row.Id): robocopy ended with $LASTEXITCODE in $folder")
        foreach ($line in $said) { if ("$line".Trim()) { $problems.Add("  $line") } }
    }
}

# Windows writes the hive as it stands; nothing in the registry is changed.
function Save-Hives($row, [string]$folder) {
    $target = Get-Target $folder
    New-Item -ItemType Directory -Path $target -Force | Out-Null
    foreach ($hive in $row.Masks) {
        & reg.exe save "HKLM\$hive" (Join-Path $target $hive) /y | Out-Null
        if ($LASTEXITCODE -ne 0) { $problems.Add("$($row.Id): $hive could not be saved") }
    }
}

# Names, sizes and times only, one JSON object a line, as afterpatch reads it.
function Write-Names($row, [string]$folder) {
    $options = @{ LiteralPath = $folder; Recurse = $true; Force = $true; File = $true; ErrorAction = 'SilentlyContinue' }
    if ($row.Depth -ge 0) { $options['Depth'] = $row.Depth }
    Get-ChildItem @options | ForEach-Object {
        $line = [ordered]@{
            SourceFile = $_.FullName
            FileSize = $_.Length
            Created = $_.CreationTimeUtc.ToString('yyyy-MM-ddTHH:mm:ss.ffffffZ', [Globalization.CultureInfo]::InvariantCulture)
            Modified = $_.LastWriteTimeUtc.ToString('yyyy-MM-ddTHH:mm:ss.ffffffZ', [Globalization.CultureInfo]::InvariantCulture)
        }
        $names.WriteLine(($line | ConvertTo-Json -Compress))
    }
}

$Destination = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Destination)
$files = Join-Path $Destination 'files'
if (Test-Path -LiteralPath $files) { throw "$files is there already; choose another folder." }
New-Item -ItemType Directory -Path $files -Force | Out-Null
$names = New-Object System.IO.StreamWriter ((Join-Path $Destination 'names.jsonl'), $false, (New-Object System.Text.UTF8Encoding $false))

try {
    foreach ($row in $rows) {
        foreach ($root in (Get-Roots $row.Root)) {
            $folder = ($root.TrimEnd('\') + '\' + $row.Folder).TrimEnd('\')
            if ($folder.EndsWith(':')) { $folder += '\' }
            if (-not (Test-Path -LiteralPath $folder)) { $problems.Add("$($row.Id): no $folder"); continue }
            Write-Host "$($row.Id): $folder"
            switch ($row.How) {
                'copy' { Copy-Row $row $folder }
                'hive' { Save-Hives $row $folder }
                'names' { Write-Names $row $folder }
                'raw' { $problems.Add("$($row.Id): take $($row.Masks -join ', ') of each volume with a tool that reads the raw volume") }
            }
        }
    }
} finally {
    $names.Dispose()
}

$all = @(Get-ChildItem -LiteralPath $files -Recurse -Force -File)
$all | ForEach-Object {
    $hash = Get-FileHash -LiteralPath $_.FullName -Algorithm SHA256 -ErrorAction SilentlyContinue
    New-Object PSObject -Property ([ordered]@{
        SHA256 = $(if ($hash) { $hash.Hash } else { '' })
        Length = $_.Length
        LastWriteTimeUtc = $_.LastWriteTimeUtc.ToString('yyyy-MM-ddTHH:mm:ssZ', [Globalization.CultureInfo]::InvariantCulture)
        Path = $_.FullName.Substring($Destination.TrimEnd('\').Length + 1)
    })
} | Export-Csv -LiteralPath (Join-Path $Destination 'hashes.csv') -NoTypeInformation -Encoding UTF8
Set-Content -LiteralPath (Join-Path $Destination 'problems.txt') -Value $problems -Encoding UTF8

$megabytes = 0
if ($all.Count -gt 0) { $megabytes = [math]::Ceiling(($all | Measure-Object -Property Length -Sum).Sum / 1MB) }
if ($all.Count -gt 0 -and $megabytes -le $ZipUpToMB) {
    Compress-Archive -Path $files -DestinationPath (Join-Path $Destination 'files.zip')
}
Write-Host "$($all.Count) files, $megabytes MB in $Destination; $($problems.Count) lines in problems.txt"
