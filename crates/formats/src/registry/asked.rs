//! What is read of a hive: the places from which programs start, at which passwords, logons, firewalls and antivirus are
//! set, and those that say what the machine is.

/// Values below a place.
pub struct Asked {
    /// Keys from the begin of the hive's part on; `*` is any one key, whose name the record gives as `Name`.
    pub path: &'static str,
    /// Names of values; none: all of them.
    pub values: &'static [&'static str],
}

const fn asked(path: &'static str, values: &'static [&'static str]) -> Asked {
    Asked { path, values }
}

/// Below each control set of SYSTEM.
pub const CONTROL_SET: [Asked; 15] = [
    asked(r"Services\*", &["ImagePath", "Start", "Type", "ObjectName", "DisplayName", "FailureCommand"]),
    asked(r"Services\*\Parameters", &["ServiceDll"]),
    asked(r"Services\PortProxy\v4tov4\tcp", &[]),
    asked(r"Services\PortProxy\v4tov6\tcp", &[]),
    asked(r"Services\W3SVC\Parameters", &[]),
    asked(r"Control\Lsa", &["Authentication Packages", "Notification Packages", "Security Packages"]),
    asked(r"Control\Lsa\OSConfig", &["Security Packages"]),
    asked(r"Control\SecurityProviders\WDigest", &["UseLogonCredential"]),
    asked(r"Control\Print\Monitors\*", &["Driver"]),
    asked(r"Control\Terminal Server", &["fDenyTSConnections", "fSingleSessionPerUser"]),
    asked(r"Control\Terminal Server\WinStations\RDP-Tcp", &["PortNumber", "UserAuthentication", "InitialProgram"]),
    asked(r"Control\Session Manager", &["BootExecute"]),
    asked(r"Control\Session Manager\AppCertDlls", &[]),
    asked(r"Control\TimeZoneInformation", &["TimeZoneKeyName", "ActiveTimeBias"]),
    asked(r"Control\ComputerName\ComputerName", &["ComputerName"]),
];

/// Below SOFTWARE.
pub const SOFTWARE: [Asked; 31] = [
    asked(r"Microsoft\Windows\CurrentVersion\Run", &[]),
    asked(r"Microsoft\Windows\CurrentVersion\RunOnce", &[]),
    asked(r"Microsoft\Windows\CurrentVersion\RunOnceEx\*", &[]),
    asked(r"Microsoft\Windows\CurrentVersion\Policies\Explorer\Run", &[]),
    asked(r"WOW6432Node\Microsoft\Windows\CurrentVersion\Run", &[]),
    asked(r"WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce", &[]),
    asked(r"WOW6432Node\Microsoft\Windows\CurrentVersion\Policies\Explorer\Run", &[]),
    asked(r"Microsoft\Windows NT\CurrentVersion\Winlogon", &["Shell", "Userinit", "Notify", "Taskman", "VmApplet"]),
    asked(r"Microsoft\Windows NT\CurrentVersion\Winlogon\Notify\*", &["DLLName"]),
    asked(r"Microsoft\Windows NT\CurrentVersion\Winlogon\SpecialAccounts\UserList", &[]),
    asked(r"Microsoft\Windows NT\CurrentVersion\Image File Execution Options\*", &["Debugger", "GlobalFlag"]),
    asked(
        r"WOW6432Node\Microsoft\Windows NT\CurrentVersion\Image File Execution Options\*",
        &["Debugger", "GlobalFlag"],
    ),
    asked(
        r"Microsoft\Windows NT\CurrentVersion\SilentProcessExit\*",
        &["MonitorProcess", "ReportingMode", "DumpType", "LocalDumpFolder"],
    ),
    asked(r"Microsoft\Windows NT\CurrentVersion\Windows", &["AppInit_DLLs", "LoadAppInit_DLLs"]),
    asked(r"WOW6432Node\Microsoft\Windows NT\CurrentVersion\Windows", &["AppInit_DLLs", "LoadAppInit_DLLs"]),
    asked(r"Microsoft\Windows Defender", &["DisableAntiSpyware", "DisableAntiVirus"]),
    asked(r"Microsoft\Windows Defender\Real-Time Protection", &["DisableRealtimeMonitoring"]),
    asked(r"Microsoft\Windows Defender\Exclusions\Paths", &[]),
    asked(r"Microsoft\Windows Defender\Exclusions\Processes", &[]),
    asked(r"Microsoft\Windows Defender\Exclusions\Extensions", &[]),
    asked(r"Policies\Microsoft\Windows Defender", &["DisableAntiSpyware", "DisableAntiVirus"]),
    asked(r"Policies\Microsoft\Windows Defender\Real-Time Protection", &["DisableRealtimeMonitoring"]),
    asked(r"Policies\Microsoft\Windows Defender\Exclusions\Paths", &[]),
    asked(r"Policies\Microsoft\Windows Defender\Exclusions\Processes", &[]),
    asked(r"Policies\Microsoft\Windows Defender\Exclusions\Extensions", &[]),
    asked(r"Microsoft\ExchangeServer\v14\Setup", EXCHANGE),
    asked(r"Microsoft\ExchangeServer\v15\Setup", EXCHANGE),
    asked(r"MSERTBootstrap\PatchState", &[]),
    asked(r"Microsoft\RemovalTools\MRT", &[]),
    asked(r"Microsoft\Windows NT\CurrentVersion", &["ProductName", "CurrentBuild", "InstallDate"]),
    asked(r"Microsoft\InetStp", &["VersionString", "PathWWWRoot"]),
];

const EXCHANGE: &[&str] = &["MsiInstallPath", "MsiProductMajor", "MsiProductMinor", "MsiBuildMajor", "MsiBuildMinor"];

/// Below the hive of a user.
pub const USER: [Asked; 6] = [
    asked(r"Software\Microsoft\Windows\CurrentVersion\Run", &[]),
    asked(r"Software\Microsoft\Windows\CurrentVersion\RunOnce", &[]),
    asked(r"Software\Microsoft\Windows\CurrentVersion\Policies\Explorer\Run", &[]),
    asked(r"Software\Microsoft\Windows NT\CurrentVersion\Windows", &["Load", "Run"]),
    asked(r"Software\Microsoft\Windows NT\CurrentVersion\Winlogon", &["Shell"]),
    asked(r"Environment", &["UserInitMprLogonScript"]),
];
