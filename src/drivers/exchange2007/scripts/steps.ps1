# The steps of a worker, each with a limit of time. One that throws has failed, and is the last.
#
# Each is a list of words: SECONDS NAME ARGUMENT…

# The words that end a row of the table of groups.
$RollwardStates = 'Online|Offline|Failed|Partially Online|Pending|Online Pending|Offline Pending|Initializing|Unknown'

function Invoke-Step($words) {
    $script:deadline = [DateTime]::UtcNow.AddSeconds([int]$words[0])
    $rest = @()
    if ($words.Length -gt 2) { $rest = @($words[2..($words.Length - 1)]) }
    switch ($words[1]) {
        'mark' { Set-Property (Find-Server) $rest[0] $rest[1] }
        'unmark' { Remove-Property (Find-Server) $rest[0] }
        'cluster' { Step-Cluster $rest }
        'await-node' { Step-AwaitNode $rest }
        'move-group' { Step-MoveGroup $rest }
        'handoff' { Step-Handoff $rest[0] $rest[1] $rest[2] $rest[3] }
        'stop' { Step-Stop $rest[0] $rest[1] $rest[2] }
        'start' { Step-Start $rest[0] $rest[1] }
        'resume-copies' { Step-ResumeCopies $rest[0] }
        'baseline' { Step-Baseline $rest }
        'services' { Step-Services $rest }
        'start-service' { Step-StartService $rest[0] }
        'receive' { Step-Receive $rest[0] ([long]$rest[1]) $rest[2] }
        'install' { Step-Install $rest[0] }
        'remove' { Step-Remove $rest[0] }
        'reboot' { Step-Reboot }
        'verified' { Step-Verified }
        default { throw ('this version knows no step ' + $words[1]) }
    }
}

# Waits until a question is answered by nothing, which says that all is so; else by what is not.
function Wait-Until($ask) {
    while ($true) {
        $script:lacks = ''
        & {
            trap { $script:lacks = $_.Exception.Message; continue }
            $script:lacks = [string](Ask-State $ask)
        }
        if ($script:lacks -eq '') { return }
        if ([DateTime]::UtcNow -gt $script:deadline) { throw $script:lacks }
        Start-Sleep -Seconds 1
    }
}

# The questions that are waited for, each with what it is about.
function Ask-State($ask) {
    switch ($ask[0]) {
        'group' { return (Ask-Group $ask[1] $ask[2] $ask[3]) }
        'node' { return (Ask-Node $ask[1] $ask[2]) }
        'service' { return (Ask-Service $ask[1]) }
        'databases' { return (Ask-Databases $ask[1] $ask[2]) }
        'copies' { return (Ask-Copies $ask[1]) }
    }
}

# Where a group is, and how; $null where it has no row.
function Find-Group([string]$group) {
    $said = Ask-Cluster (Find-Server) 10 @('group')
    if ($said.Exit -ne 0) { throw (Get-Complaint 'cluster.exe' $said) }
    $row = '^' + [Text.RegularExpressions.Regex]::Escape($group) + '\s+(\S+)\s+(' + $RollwardStates + ')\s*$'
    foreach ($line in $said.Lines) {
        if ($line -match $row) { return @{ Node = $matches[1]; State = $matches[2] } }
    }
    return $null
}

# The group is there and in one of these states, or how it is instead.
function Ask-Group([string]$group, [string]$node, $states) {
    $there = Find-Group $group
    if ($null -eq $there) { return ($group + ' is in no row of the table of groups') }
    if ($there.Node -ne $node) { return ($group + ' did not arrive on ' + $node) }
    if ($states -notcontains $there.State) { return ($group + ' is ' + $there.State + ' on ' + $node) }
    return ''
}

function Ask-Node([string]$node, $states) {
    $said = Ask-Cluster (Find-Server) 10 @('node')
    if ($said.Exit -ne 0) { throw (Get-Complaint 'cluster.exe' $said) }
    $row = '^' + [Text.RegularExpressions.Regex]::Escape($node) + '\s+\d+\s+(\S+)\s*$'
    foreach ($line in $said.Lines) {
        if ($line -match $row) {
            if ($states -contains $matches[1]) { return '' }
            return ($node + ' is ' + $matches[1])
        }
    }
    return ($node + ' is in no row of the table of nodes')
}

function Ask-Service([string]$name) {
    $state = Get-ServiceState $name
    if ($state -eq 'Running') { return '' }
    return ('the service ' + $name + ' is ' + $state)
}

function Step-Cluster($words) {
    $said = Ask-Cluster (Find-Server) 30 $words
    if ($said.Exit -ne 0) { throw (Get-Complaint 'cluster.exe' $said) }
}

function Step-AwaitNode($words) {
    Wait-Until @('node', $words[0], @($words[1..($words.Length - 1)]))
}

# A move is over only when the group is there and as it was: the tool may come back sooner.
function Step-MoveGroup($words) {
    $group = $words[0]
    $node = $words[1]
    $seconds = [int]($script:deadline - [DateTime]::UtcNow).TotalSeconds
    $said = Ask-Cluster (Find-Server) ($seconds + 10) @('group', $group, ('/move:' + $node), ('/wait:' + $seconds))
    # 997: it is under way.
    if ($said.Exit -ne 0 -and $said.Exit -ne 997) { throw (Get-Complaint 'cluster.exe' $said) }
    Wait-Until @('group', $group, $node, @($words[2..($words.Length - 1)]))
}

# How services are before the first attempt. A retry never writes over it: what it would find may be what the first left.
function Step-Baseline($names) {
    $path = Get-Place 'kept' 'services'
    if ([IO.File]::Exists($path)) { return }
    $lines = @()
    foreach ($name in @(Get-ServiceNames $names)) {
        $fields = @($name, [string](Read-Value (Get-ServiceKey $name) 'Start'), (Get-ServiceState $name))
        $lines += [string]::Join("`t", [string[]]$fields)
    }
    Write-Whole $path $lines
}

function Set-Start([string]$name, [string]$start) {
    if ([string](Read-Value (Get-ServiceKey $name) 'Start') -eq $start) { return }
    switch ($start) {
        '2' { Set-Service -Name $name -StartupType 'Automatic' }
        '3' { Set-Service -Name $name -StartupType 'Manual' }
        '4' { Set-Service -Name $name -StartupType 'Disabled' }
        default { throw ($name + ' had a start type that is not known: ' + $start) }
    }
}

# First how all of them start, and then those that are to run: one may need another.
function Step-Services($words) {
    $run = @{}
    $named = @{}
    for ($i = 0; $i + 2 -lt $words.Length; $i += 3) {
        $named[$words[$i]] = $true
        Set-Start $words[$i] $words[$i + 1]
        $run[$words[$i]] = $words[$i + 2]
    }
    foreach ($line in @(Read-Lines (Get-Place 'kept' 'services'))) {
        $fields = $line.Split([char]9)
        if ($fields.Length -ne 3 -or $named.ContainsKey($fields[0])) { continue }
        Set-Start $fields[0] $fields[1]
        if ($fields[1] -eq '2' -and $fields[2] -eq 'Running') { $run[$fields[0]] = 'True' }
    }
    # One that does not start keeps none of the others from it.
    $failures = @()
    foreach ($name in @($run.Keys | Sort-Object)) {
        $script:trouble = ''
        & {
            trap { $script:trouble = $_.Exception.Message; continue }
            Set-Running $name $run[$name]
        }
        if ($script:trouble -ne '') { $failures += ($name + ': ' + $script:trouble) }
    }
    if ($failures.Length -gt 0) { throw ([string]::Join('; ', [string[]]$failures)) }
}

function Set-Running([string]$name, [string]$run) {
    if ($run -eq 'True' -and (Get-ServiceState $name) -ne 'Running') { Start-Service -Name $name }
    if ($run -eq 'False' -and (Get-ServiceState $name) -ne 'Stopped') { Stop-Service -Name $name -Force }
}

function Step-StartService([string]$name) {
    if ((Get-ServiceState $name) -eq 'Stopped') { Start-Service -Name $name }
    Wait-Until @('service', $name)
}

# Waits for a package that is being sent, piece by piece.
function Step-Receive([string]$file, [long]$bytes, [string]$hash) {
    $path = Get-Place 'packages' $file
    $before = Get-Hash $path
    if ($before -eq $hash) { return }
    # Another file is another try.
    if ($before -ne '' -and $script:counts[0] -ne '') { Remove-Failures $script:counts[0] $script:counts[1] }
    $part = $path + '.' + $hash.Substring(0, 16) + '.part'
    $there = [long]-1
    $grown = [DateTime]::UtcNow
    while ($true) {
        $now = [long]0
        if ([IO.File]::Exists($part)) { $now = (New-Object IO.FileInfo $part).Length }
        if ($now -ge $bytes) { break }
        if ($now -ne $there) {
            $there = $now
            $grown = [DateTime]::UtcNow
        }
        if ([DateTime]::UtcNow -gt $grown.AddSeconds(60)) { throw ('nothing more of ' + $file + ' came') }
        if ([DateTime]::UtcNow -gt $script:deadline) { throw ($file + ' did not come in time') }
        Start-Sleep -Milliseconds 500
    }
    if ((Get-Hash $part) -ne $hash) {
        Wait-Done @('delete', $part)
        throw ($file + ' came with another hash than it was sent with')
    }
    Wait-Done @('delete', $path)
    Wait-Done @('place', $part, $path)
}

# The end of this is written by nobody: another start of the machine shows it.
function Step-Reboot {
    $said = Run-Native 30 'shutdown.exe' @('-r', '-t', '5', '-f')
    if ($said.Exit -ne 0) { throw (Get-Complaint 'shutdown.exe' $said) }
    $script:restarts = $true
}

# The node is healthy with a rollup: its roll is over, and with it the services' baseline, and packages that are left.
function Step-Verified {
    if ($script:verified -eq '') { return }
    Write-Whole (Get-Place 'kept' 'verified') @($script:verified + "`t" + (Get-Seconds))
    Remove-Whole (Get-Place 'kept' 'services')
    & {
        # They only take room.
        trap { continue }
        [IO.Directory]::Delete((Get-Place 'packages'), $true)
    }
}
