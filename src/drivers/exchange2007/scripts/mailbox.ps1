# The steps of a worker that Exchange does: a clustered mailbox server is moved, stopped and started by the Exchange cmdlets
# only, which make checks that the cluster's own tools do not.

$script:snapin = $false
function Add-Exchange {
    if ($script:snapin) { return }
    Add-PSSnapin Microsoft.Exchange.Management.PowerShell.Admin
    $script:snapin = $true
}

# The databases of a server that serve users.
function Get-Databases([string]$cms) {
    foreach ($database in (@(Get-MailboxDatabase -Server $cms -Status) + @(Get-PublicFolderDatabase -Server $cms -Status))) {
        if ($database -ne $null -and [string]$database.Recovery -ne 'True') { $database }
    }
}

function Get-Dismounted([string]$cms, $wanted) {
    foreach ($database in @(Get-Databases $cms)) {
        # A person keeps one dismounted by this setting.
        $is_wanted = [string]$database.MountAtStartup -ne 'False'
        if ($null -ne $wanted) { $is_wanted = $wanted -contains [string]$database.Identity }
        if ($is_wanted -and [string]$database.Mounted -ne 'True') { $database }
    }
}

# All of these databases are mounted, or which are not. $null: all that there are.
function Ask-Databases([string]$cms, $wanted) {
    foreach ($database in @(Get-Dismounted $cms $wanted)) { return ([string]$database.Identity + ' is not mounted') }
    return ''
}

function Mount-Missing([string]$cms, $wanted) {
    foreach ($database in @(Get-Dismounted $cms $wanted)) { Mount-Database -Identity $database.Identity -Confirm:$false | Out-Null }
    Wait-Until @('databases', $cms, $wanted)
}

# A move that fails late has moved the server and left databases dismounted: then what is left to do is to mount them.
function Step-Handoff([string]$cms, [string]$node, [string]$state, [string]$comment) {
    Add-Exchange
    $offline = ($state -eq 'Offline')
    $mounted = @()
    if (-not $offline) {
        foreach ($database in @(Get-Databases $cms)) {
            if ([string]$database.Mounted -eq 'True') { $mounted += [string]$database.Identity }
        }
    }
    Move-ClusteredMailboxServer -Identity $cms -TargetMachine $node -MoveComment $comment -ValidateOnly -IgnoreDismounted:$offline -Confirm:$false | Out-Null
    $script:complaint = ''
    & {
        trap { $script:complaint = $_.Exception.Message; continue }
        Move-ClusteredMailboxServer -Identity $cms -TargetMachine $node -MoveComment $comment -IgnoreDismounted:$offline -Confirm:$false | Out-Null
    }
    if ($script:complaint -ne '') {
        $there = Find-Group $cms
        if ($null -eq $there -or $there.Node -ne $node) { throw ('Move-ClusteredMailboxServer: ' + $script:complaint) }
    }
    if ($offline) {
        Wait-Until @('group', $cms, $node, @('Offline'))
        return
    }
    Wait-Until @('group', $cms, $node, @('Online', 'Partially Online'))
    Mount-Missing $cms $mounted
    Wait-Until @('group', $cms, $node, @('Online'))
}

function Step-Stop([string]$cms, [string]$node, [string]$reason) {
    Add-Exchange
    Stop-ClusteredMailboxServer -Identity $cms -StopReason $reason -Confirm:$false | Out-Null
    Wait-Until @('group', $cms, $node, @('Offline'))
}

# That the cmdlet comes back does not say that all is online.
function Step-Start([string]$cms, [string]$node) {
    Add-Exchange
    $there = Find-Group $cms
    if ($null -eq $there) { throw ($cms + ' is in no row of the table of groups') }
    if (@('Online', 'Partially Online') -notcontains $there.State) {
        Start-ClusteredMailboxServer -Identity $cms -Confirm:$false | Out-Null
    }
    Wait-Until @('group', $cms, $node, @('Online', 'Partially Online'))
    Mount-Missing $cms $null
    Wait-Until @('group', $cms, $node, @('Online'))
}

# Copies that an installer has suspended. Whoever suspends one by hand says why: that stays.
function Get-Suspended([string]$cms) {
    foreach ($copy in @(Get-StorageGroupCopyStatus -Server $cms)) {
        if ($copy -ne $null -and [string]$copy.Suspend -eq 'True' -and [string]$copy.SuspendComment -eq '') { $copy }
    }
}

function Ask-Copies([string]$cms) {
    foreach ($copy in @(Get-Suspended $cms)) { return ('the copy of ' + [string]$copy.Identity + ' is still suspended') }
    return ''
}

function Step-ResumeCopies([string]$cms) {
    Add-Exchange
    foreach ($copy in @(Get-Suspended $cms)) { Resume-StorageGroupCopy -Identity $copy.Identity -Confirm:$false | Out-Null }
    Wait-Until @('copies', $cms)
}
