# What is kept in FOLDER on a machine: how it is read, and written so that a reader finds what was there or all that is new.

# A path in FOLDER.
function Get-Place {
    $path = [string](@(Get-Inputs 'folder')[0])
    foreach ($part in $args) { $path = [IO.Path]::Combine($path, [string]$part) }
    return $path
}

# A process begins without the types of services; a cmdlet for services would bring them.
[void][Reflection.Assembly]::LoadWithPartialName('System.ServiceProcess')

# FOLDER is for administrators and the system only: what lies in it is obeyed.
function New-Folder([string]$path) {
    $rights = New-Object Security.AccessControl.DirectorySecurity
    $rights.SetSecurityDescriptorSddlForm('D:PAI(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)')
    [void][IO.Directory]::CreateDirectory((Get-Place), $rights)
    [void][IO.Directory]::CreateDirectory($path)
}

# Where a file is for the instant in which a new one takes its place, and after a power cut in that instant.
function Get-Old([string]$path) { return (Get-Place ('old-' + [IO.Path]::GetFileName($path))) }

# All lines of a file as $script:read; $null if there is no such file.
function Read-Once([string]$path) {
    $script:read = $null
    & {
        trap { if (Test-Missing $_.Exception) { continue }; break }
        $script:read = [IO.File]::ReadAllLines($path)
    }
}

# The lines of a file; none if there is no such file.
function Read-Lines([string]$path) {
    Read-Once $path
    if ($null -eq $script:read) {
        Start-Sleep -Milliseconds 50
        Read-Once $path
    }
    if ($null -eq $script:read) { Read-Once (Get-Old $path) }
    foreach ($line in @($script:read)) { if ($null -ne $line) { $line } }
}

function Read-FirstLine([string]$path) {
    foreach ($line in @(Read-Lines $path)) { return $line }
    return ''
}

# Does something that others may keep from being done for an instant: who reads a file, or looks it over for viruses.
function Wait-Done($what) {
    $deadline = [DateTime]::UtcNow.AddSeconds(10)
    while ($true) {
        $script:hindrance = $null
        & {
            trap { $script:hindrance = $_.Exception.Message; continue }
            Step-File $what
        }
        if ($null -eq $script:hindrance) { return }
        if ([DateTime]::UtcNow -gt $deadline) { throw $script:hindrance }
        Start-Sleep -Milliseconds 200
    }
}

function Step-File($what) {
    switch ($what[0]) {
        'write' { [IO.File]::WriteAllText($what[1], $what[2]) }
        'delete' { [IO.File]::Delete($what[1]) }
        'place' {
            if (-not [IO.File]::Exists($what[1])) { return }
            if ([IO.File]::Exists($what[2])) { [IO.File]::Replace($what[1], $what[2], (Get-Old $what[2])) }
            else { [IO.File]::Move($what[1], $what[2]) }
        }
    }
}

function Write-Whole([string]$path, $lines) {
    New-Folder ([IO.Path]::GetDirectoryName($path))
    $new = Get-Place ('new-' + [Guid]::NewGuid().ToString())
    Wait-Done @('write', $new, ([string]::Join("`n", [string[]]@($lines)) + "`n"))
    Wait-Done @('place', $new, $path)
    Wait-Done @('delete', (Get-Old $path))
}

function Remove-Whole([string]$path) {
    Wait-Done @('delete', (Get-Old $path))
    Wait-Done @('delete', $path)
}

# Whether an error says that somebody else has the file: a sharing violation.
function Test-Held($what) {
    while ($what.InnerException) { $what = $what.InnerException }
    return ([Runtime.InteropServices.Marshal]::GetHRForException($what) -eq -2147024864)
}

# FOLDER\lock, opened so; $null if somebody else has it.
function Open-Lock([IO.FileMode]$mode, [IO.FileAccess]$access, [IO.FileShare]$share) {
    $script:lock = $null
    & {
        trap { if (Test-Held $_.Exception) { continue }; break }
        $script:lock = [IO.File]::Open((Get-Place 'lock'), $mode, $access, $share)
    }
    return $script:lock
}

# Whether somebody holds the lock.
function Test-Lock {
    $open = Open-Lock ([IO.FileMode]::Open) ([IO.FileAccess]::Read) ([IO.FileShare]::ReadWrite)
    if ($null -eq $open) { return $true }
    $open.Close()
    return $false
}

# The lock, held until it is closed; $null if somebody else's work has it. A look may have it, for an instant.
function Wait-Lock {
    New-Folder (Get-Place)
    $deadline = [DateTime]::UtcNow.AddSeconds(10)
    while ($true) {
        $held = Open-Lock ([IO.FileMode]::OpenOrCreate) ([IO.FileAccess]::ReadWrite) ([IO.FileShare]::None)
        if ($null -ne $held -or [DateTime]::UtcNow -gt $deadline) { return $held }
        Start-Sleep -Milliseconds 200
    }
}

# Moves a file; false if it is not there, or somebody else moves it.
function Move-File([string]$from, [string]$to) {
    $script:moved = $true
    & {
        trap { $script:moved = $false; continue }
        [IO.File]::Move($from, $to)
    }
    return $script:moved
}

# A file of this order.
function Get-Order([string]$what) { return (Get-Place 'orders' (@(Get-Inputs 'id')[0] + '.' + $what)) }

# SHA-256 of a file, in lower-case hexadecimal; empty if there is no such file.
function Get-Hash([string]$path) {
    $script:stream = $null
    & {
        trap { if (Test-Missing $_.Exception) { continue }; break }
        $script:stream = [IO.File]::Open($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]'ReadWrite, Delete')
    }
    if ($script:stream -eq $null) { return '' }
    $hash = (New-Object Security.Cryptography.SHA256Managed).ComputeHash($script:stream)
    $script:stream.Close()
    return [BitConverter]::ToString($hash).Replace('-', '').ToLower()
}

# Another text for each start of the machine: when the process began that begins with it, and only then.
function Get-Boot {
    return (Format-Time (@(Get-Process -Name 'services')[0].StartTime))
}

# Where the registry has a service.
function Get-ServiceKey([string]$name) { return 'HKLM:\SYSTEM\CurrentControlSet\Services\' + $name }

# The services that there are, of all that begin with MSExchange and of these.
function Get-ServiceNames($more) {
    $names = @{}
    foreach ($service in @(Get-Service)) { if ($service.Name -like 'MSExchange*') { $names[$service.Name] = $true } }
    foreach ($name in @($more)) { if ($name) { $names[$name] = $true } }
    foreach ($name in @($names.Keys | Sort-Object)) {
        if (Test-Path -LiteralPath (Get-ServiceKey $name)) { $name }
    }
}

function Get-ServiceState([string]$name) {
    $controller = New-Object ServiceProcess.ServiceController $name
    return [string]$controller.Status
}

# Whether Windows Installer is in the midst of something: it has this mutex while it works, and its process stays for long after.
function Test-Installing {
    $script:installing = $true
    & {
        trap {
            $what = $_.Exception
            while ($what.InnerException) { $what = $what.InnerException }
            if ($what -is [Threading.WaitHandleCannotBeOpenedException]) { $script:installing = $false; continue }
            break
        }
        [Threading.Mutex]::OpenExisting('Global\_MSIExecute').Close()
    }
    return $script:installing
}
