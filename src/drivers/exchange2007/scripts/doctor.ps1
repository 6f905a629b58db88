# What a machine must have for rollward to look and, later, to act: asked by `doctor` only. Runs on the management host and on
# each node. It changes nothing.
#
# Inputs
#   crl   a host whose port 80 is tried: where certificates' revocation lists come from; not given if it is not to be tried
# Answers
#   time  UTC
#   windows  VERSION  LANGUAGE           such as 6.0.6002.0 and en-US: the language of Windows itself
#   powershell  VERSION  BITS            1.0 or 2.0; 32 or 64: one of 32 bits sees another registry
#   login  NAME  DOMAIN  ADMINISTRATOR   who ssh logged in as; True or False: it is a domain's account, it has an
#                                        administrator's rights
#   tool  NAME  True|False               cluster.exe, msiexec.exe: whether it is in the PATH
#   installer-start  NUMBER              start type of Windows Installer's service, as in the registry (4 disabled)
#   revocation  STATE                    WinTrust's State of this login, as 8 hexadecimal digits: 00023e00 checks no
#                                        publisher's certificate for revocation, 00023c00 does
#   crl  True|False                      whether the host answers on port 80
#   start-limit  MILLISECONDS            ServicesPipeTimeout, empty where Windows' own 30 s count
#   snapin  True|False                   whether the Exchange cmdlets are there
# Unknown parts
#   windows, powershell, login, tool:NAME, installer-start, revocation, crl, start-limit, snapin
Say 'time' (Format-Time ([DateTime]::UtcNow))
Attempt 'windows' {
    Say 'windows' ([Environment]::OSVersion.Version) ([Globalization.CultureInfo]::InstalledUICulture.Name)
}
Attempt 'powershell' {
    # PowerShell 1.0 has no $PSVersionTable.
    $version = '1.0'
    if (Test-Path 'Variable:PSVersionTable') { $version = (Get-Variable 'PSVersionTable').Value['PSVersion'] }
    Say 'powershell' $version ([IntPtr]::Size * 8)
}
Attempt 'login' {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object Security.Principal.WindowsPrincipal $identity
    # Names of built-in accounts are translated; their SIDs are none of a machine or a domain.
    $account = $identity.User.Value -like 'S-1-5-21-*' -and -not $identity.IsSystem
    $local = $identity.Name.Split('\')[0] -eq [Environment]::MachineName
    Say 'login' $identity.Name ($account -and -not $local) ($principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator))
}
foreach ($tool in @('cluster.exe', 'msiexec.exe')) {
    Attempt ('tool:' + $tool) {
        $found = $false
        foreach ($folder in $env:PATH.Split(';')) {
            if ($folder.Trim() -and [IO.File]::Exists([IO.Path]::Combine($folder.Trim(), $tool))) { $found = $true }
        }
        Say 'tool' $tool $found
    }
}
Attempt 'installer-start' {
    Say 'installer-start' (Read-Value 'HKLM:\SYSTEM\CurrentControlSet\Services\MSIServer' 'Start')
}
Attempt 'revocation' {
    $state = Read-Value 'HKCU:\Software\Microsoft\Windows\CurrentVersion\WinTrust\Trust Providers\Software Publishing' 'State'
    if ($state -eq $null) { $state = 0x23c00 }
    Say 'revocation' ([int]$state).ToString('x8')
}
foreach ($server in @(Get-Inputs 'crl')) {
    if (-not $server) { continue }
    Attempt 'crl' {
        $client = New-Object Net.Sockets.TcpClient
        $connecting = $client.BeginConnect($server, 80, $null, $null)
        Say 'crl' ($connecting.AsyncWaitHandle.WaitOne(5000, $false) -and $client.Connected)
        $client.Close()
    }
}
Attempt 'start-limit' {
    Say 'start-limit' (Read-Value 'HKLM:\SYSTEM\CurrentControlSet\Control' 'ServicesPipeTimeout')
}
Attempt 'snapin' {
    $registered = @(Get-PSSnapin -Registered | Where-Object { $_.Name -eq 'Microsoft.Exchange.Management.PowerShell.Admin' })
    Say 'snapin' ($registered.Length -gt 0)
}
