# The steps of a worker that Windows Installer does, and the watch beside it.
#
# The installer of a rollup stops the cluster service of this node. A group that has come here until then would go down with
# it: each second somebody looks whether one has, and ends the installer. What window remains: a group that comes within the
# last second before that, or while cluster.exe is being asked. Groups are kept from coming by the pause of the node, too.

# A group that this node owns while its cluster service runs, or nothing; nothing too where that cannot be asked.
function Find-Arrival {
    $script:arrived = ''
    & {
        trap { continue }
        $script:arrived = Read-Arrival
    }
    return $script:arrived
}

function Read-Arrival {
    $node = @(Get-Inputs 'node')[0]
    if (@(Get-Inputs 'server').Length -eq 0 -or (Get-ServiceState 'ClusSvc') -ne 'Running') { return '' }
    $said = Ask-Cluster $node 5 @('group')
    if ($said.Exit -ne 0) { return '' }
    $row = '^(.*\S)\s+' + [Text.RegularExpressions.Regex]::Escape($node) + '\s+(' + $RollwardStates + ')\s*$'
    foreach ($line in $said.Lines) {
        if ($line -match $row) { return $matches[1] }
    }
    return ''
}

# What failed, by its log: the action that is said to return 3.
function Find-Cause([string]$log) {
    $script:cause = ''
    & {
        # Its writer may have it still.
        trap { continue }
        $script:cause = Read-Cause $log
    }
    return $script:cause
}

function Read-Cause([string]$log) {
    foreach ($line in @(Read-Lines $log)) {
        if ($line -match '(\w+)\. Return value 3') { return (': at ' + $matches[1]) }
    }
    return ''
}

function Invoke-Installer($arguments, [string]$log) {
    [void][IO.Directory]::CreateDirectory((Get-Place 'logs'))
    $others = [DateTime]::UtcNow.AddMinutes(10)
    while ($true) {
        $arrived = Find-Arrival
        if ($arrived -ne '') { throw ($arrived + ' came to this node before the installer began') }
        $process = Start-Native 'msiexec.exe' ($arguments + @('/qn', '/norestart', '/l*v', $log))
        while (-not $process.WaitForExit(1000)) {
            $arrived = Find-Arrival
            if ($arrived -ne '') {
                Stop-Installer $process
                throw ($arrived + ' came to this node while the installer ran, which was ended')
            }
            # Half an installation is worse than a long one: it is left to itself.
            if ([DateTime]::UtcNow -gt $script:deadline) {
                $script:announced = $false
                throw 'the installer did not end in time, and is still running'
            }
        }
        # 1618: another installation is running.
        if ($process.ExitCode -ne 1618 -or [DateTime]::UtcNow -gt $others) { break }
        Start-Sleep -Seconds 15
    }
    $script:exit = $process.ExitCode
    # 3010 and 1641: done, and the machine is to start anew.
    if (@(0, 3010, 1641) -notcontains $process.ExitCode) { throw ('msiexec ' + $process.ExitCode + (Find-Cause $log)) }
}

# Ends the installer, and waits until it has given back what it did: its service does the work, and this was only who asked. If it
# does not end, the announcement stays: nothing is to be done on this node meanwhile.
function Stop-Installer($process) {
    if (-not $process.HasExited) { $process.Kill() }
    $deadline = [DateTime]::UtcNow.AddMinutes(15)
    while (Test-Installing) {
        if ([DateTime]::UtcNow -gt $deadline) {
            $script:announced = $false
            throw 'the installer did not end when a group came to this node, and is still running'
        }
        Start-Sleep -Seconds 1
    }
}

function Step-Install([string]$file) {
    $package = Get-Place 'packages' $file
    Invoke-Installer @('/p', $package) (Get-Place 'logs' ($file + '.log'))
    & {
        # It is installed, whoever reads the file now.
        trap { continue }
        [IO.File]::Delete($package)
    }
}

# Takes a patch away. The product is Exchange Server 2007.
function Step-Remove([string]$patch) {
    $arguments = @('/package', '{24B2C164-DE66-44FE-B468-A46D9D5E6B31}', ('MSIPATCHREMOVE=' + $patch))
    Invoke-Installer $arguments (Get-Place 'logs' 'remove.log')
}
