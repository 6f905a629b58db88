# One machine about itself: what is installed, what runs, what we keep on it, and whom it sees. Runs on the node.
#
# It asks neither WMI nor Remote Registry, which the installer of a rollup stops.
#
# Inputs
#   folder     where rollward keeps what belongs on a node, such as C:\rollward
#   clustered  yes or no: whether it is a node of a cluster
#   service    the name of a service to tell of, besides all that begin with MSExchange; several times
#   package    the name of a file to look for in FOLDER\packages; several times
#   witness    the host of the file share witness; not given if there is none
# Answers
#   time  UTC
#   machine  NAME                        its own name
#   raw  node             … cluster.exe node, asked of this machine's own cluster service; only if clustered
#   exsetup  VERSION                     file version of ExSetup.exe, such as 08.03.0279.006
#   product  VERSION                     DisplayVersion of the product in the patch registry: the service pack
#   patch  ID  NAME  INSTALLED           each patch of the product: DisplayName, and Installed as yyyymmdd
#   program  NAME                        each installed program whose name holds `Interim Update` or `Update Rollup`
#   pending  SOURCE  True|False          each of cbs, windows-update, file-rename, update-exe
#   service  NAME  START  STATE          START is the number in the registry (2 automatic, 3 manual, 4 disabled), STATE is
#                                        .NET's word: Running, Stopped, StartPending, …
#   installer  PID  NAME                 each process that may be an installer's
#   msi  True|False                      whether Windows Installer is in the midst of a transaction
#   disk  ROOT  MIB                      free space of the system's drive and of the product's
#   staged  FILE  SHA256                 each package that is there, hash in lower-case hexadecimal
#   witness  True|False                  whether the witness's host answers on port 445
#   kept  FILE  LINE                     each line of each file FOLDER\kept\FILE
#   stored  NAME  VALUE                  each property in FOLDER\store, where a host that is no cluster keeps them
#   lock  True|False  ORDER  WORK        whether an order of ours holds FOLDER\lock, which had it last, and whose work
#                                        FOLDER\kept\work told of just before
#   boot  TEXT                           another for each start of the machine
#   done  WHAT                           after the last line of a part that was seen whole, also where it is empty
# Unknown parts, and parts that are done
#   exsetup, patches, programs, pending:SOURCE, services, service:NAME, installers, msi, disk, staged, witness, kept,
#   stored, lock, boot
Say 'time' (Format-Time ([DateTime]::UtcNow))
Say 'machine' ([Environment]::MachineName)
if (@(Get-Inputs 'clustered')[0] -eq 'yes') {
    [void](Ask-Native 'node' 15 'cluster.exe' @('node'))
}

$software = 'HKLM:\SOFTWARE\Microsoft'
$product = $software + '\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products\461C2B4266EDEF444B864AD6D9E5B613'
$script:bin = $null

# A PowerShell of 32 bits is shown another HKLM\SOFTWARE, and other folders: what it does not find there may well be there.
function Assert-Bits {
    if ([IntPtr]::Size -ne 8) { throw 'this PowerShell is of 32 bits and sees another registry: let ssh start that of 64' }
}

Attempt 'exsetup' {
    Assert-Bits
    $path = Read-Value ($software + '\Exchange\v8.0\Setup') 'MsiInstallPath'
    if ($path) { $script:bin = [IO.Path]::Combine([IO.Path]::Combine($path, 'Bin'), 'ExSetup.exe') }
    else { $script:bin = (Get-Command 'ExSetup.exe').Definition }
    $info = [Diagnostics.FileVersionInfo]::GetVersionInfo($script:bin)
    Say 'exsetup' ([string]$info.FileMajorPart + '.' + $info.FileMinorPart + '.' + $info.FileBuildPart + '.' + $info.FilePrivatePart)
    Say 'done' 'exsetup'
}
Attempt 'patches' {
    Assert-Bits
    Say 'product' (Read-Value ($product + '\InstallProperties') 'DisplayVersion')
    $patches = $product + '\Patches'
    if (Test-Path -LiteralPath $patches) {
        foreach ($patch in @(Get-ChildItem -LiteralPath $patches)) {
            if ($patch -eq $null) { continue }
            Say 'patch' $patch.PSChildName ($patch.GetValue('DisplayName', '')) ($patch.GetValue('Installed', ''))
        }
    }
    Say 'done' 'patches'
}
Attempt 'programs' {
    Assert-Bits
    foreach ($root in @($software + '\Windows\CurrentVersion\Uninstall', 'HKLM:\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall')) {
        if (-not (Test-Path -LiteralPath $root)) { continue }
        foreach ($program in @(Get-ChildItem -LiteralPath $root)) {
            if ($program -eq $null) { continue }
            $name = [string]$program.GetValue('DisplayName', '')
            if ($name -match 'Interim Update|Update Rollup') { Say 'program' $name }
        }
    }
    Say 'done' 'programs'
}
Attempt 'pending:cbs' {
    Assert-Bits
    Say 'pending' 'cbs' (Test-Path -LiteralPath ($software + '\Windows\CurrentVersion\Component Based Servicing\RebootPending'))
}
Attempt 'pending:windows-update' {
    Assert-Bits
    Say 'pending' 'windows-update' (Test-Path -LiteralPath ($software + '\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired'))
}
Attempt 'pending:file-rename' {
    $key = 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager'
    $renames = @(Read-Value $key 'PendingFileRenameOperations') + @(Read-Value $key 'PendingFileRenameOperations2')
    Say 'pending' 'file-rename' (@($renames | Where-Object { $_ }).Length -gt 0)
}
Attempt 'pending:update-exe' {
    Assert-Bits
    $volatile = Read-Value ($software + '\Updates\UpdateExeVolatile') 'Flags'
    Say 'pending' 'update-exe' ($volatile -ne $null -and $volatile -ne 0)
}
Attempt 'services' {
    foreach ($name in @(Get-ServiceNames @(Get-Inputs 'service'))) {
        Attempt ('service:' + $name) {
            Say 'service' $name (Read-Value (Get-ServiceKey $name) 'Start') (Get-ServiceState $name)
        }
    }
    Say 'done' 'services'
}
Attempt 'installers' {
    foreach ($process in @(Get-Process)) {
        if (@('msiexec', 'exsetup', 'exsetupui', 'update', 'hotfix', 'wusa', 'spuninst') -contains $process.ProcessName) {
            Say 'installer' $process.Id $process.ProcessName
        }
    }
    Say 'done' 'installers'
}
Attempt 'msi' { Say 'msi' (Test-Installing) }
Attempt 'disk' {
    $roots = @{}
    $roots[[IO.Path]::GetPathRoot([Environment]::SystemDirectory)] = $true
    if (-not $script:bin) { throw 'where the product is was not seen, and so not the drive that it is on' }
    $roots[[IO.Path]::GetPathRoot($script:bin)] = $true
    foreach ($root in @($roots.Keys | Sort-Object)) {
        $drive = New-Object IO.DriveInfo $root
        Say 'disk' $root ([long][Math]::Floor($drive.AvailableFreeSpace / 1048576))
    }
    Say 'done' 'disk'
}
Attempt 'staged' {
    foreach ($file in @(Get-Inputs 'package')) {
        $hash = Get-Hash (Get-Place 'packages' $file)
        if ($hash -ne '') { Say 'staged' $file $hash }
    }
    Say 'done' 'staged'
}
foreach ($server in @(Get-Inputs 'witness')) {
    if (-not $server) { continue }
    Attempt 'witness' {
        $client = New-Object Net.Sockets.TcpClient
        $connecting = $client.BeginConnect($server, 445, $null, $null)
        Say 'witness' ($connecting.AsyncWaitHandle.WaitOne(5000, $false) -and $client.Connected)
        $client.Close()
    }
}
# Before what is kept: work that ends meanwhile has written its end before it gives the lock back.
Attempt 'lock' {
    $work = ([string]@(Read-Lines (Get-Place 'kept' 'work'))[1]).Split([char]9)[0]
    $script:held = $false
    & {
        # Where there is no lock, nobody holds it.
        trap { if (Test-Missing $_.Exception) { continue }; break }
        $script:held = Test-Lock
    }
    Say 'lock' $script:held (Read-FirstLine (Get-Place 'holder')) $work
}
Attempt 'kept' {
    $script:files = @()
    & {
        trap { if (Test-Missing $_.Exception) { continue }; break }
        $script:files = [IO.Directory]::GetFiles((Get-Place 'kept'))
    }
    # One that another takes the place of just now is in no list.
    $names = @{}
    foreach ($name in @('epoch', 'work', 'tries', 'handoffs', 'verified', 'services')) { $names[$name] = $true }
    foreach ($path in $script:files) { $names[[IO.Path]::GetFileName($path)] = $true }
    foreach ($name in @($names.Keys | Sort-Object)) {
        foreach ($line in @(Read-Lines (Get-Place 'kept' $name))) { Say 'kept' $name $line }
    }
    Say 'done' 'kept'
}
Attempt 'stored' {
    $properties = Read-Properties ''
    foreach ($name in @($properties.Keys | Sort-Object)) { Say 'stored' $name $properties[$name] }
    Say 'done' 'stored'
}
Attempt 'boot' {
    Say 'boot' (Get-Boot)
}
