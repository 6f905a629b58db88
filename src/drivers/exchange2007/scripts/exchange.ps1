# Clustered mailbox servers, their copies, standby copies and backups, by the Exchange cmdlets. Runs on the management host.
#
# Inputs
#   cms    a clustered mailbox server's name; several times
#   host   the name of a Mailbox server that is no cluster; several times
# Answers, for each server SERVER of either kind
#   cms  SERVER  STATE  FQDN             Get-ClusteredMailboxServerStatus; only for `cms`
#   machine  SERVER  TEXT                each of its OperationalMachines, as it stands: `EXNODE1 <Active, Quorum Owner>`
#   failed-resource  SERVER  NAME        each of its FailedResources
#   server  SERVER  STORAGE              Get-MailboxServer, ClusteredStorageType: Disabled, NonShared (CCR), Shared (SCC)
#   redundant  SERVER  MACHINE           each of its RedundantMachines
#   storage-group  SERVER  GROUP  RECOVERY
#                                        Get-StorageGroup: Identity, and Recovery, True or False
#   standby  SERVER  GROUP  MACHINE      each of its StandbyMachines, NodeName
#   copy  SERVER  MACHINE  GROUP  STATUS  COPYQUEUE  REPLAYQUEUE  SUSPEND  SEEDING
#                                        Get-StorageGroupCopyStatus. MACHINE is empty for the copy inside the cluster, which is
#                                        asked for where STORAGE is NonShared; else the standby machine that was asked for
#   held  SERVER  MACHINE  GROUP         a copy that somebody has suspended and said why, which an installer does not
#   database  SERVER  DATABASE  MOUNTED  BACKUP  RECOVERY
#                                        Get-MailboxDatabase and Get-PublicFolderDatabase, -Status: Mounted,
#                                        BackupInProgress and Recovery, True, False or empty (of public folders there
#                                        is no Recovery)
#   last-backup  SERVER  DATABASE  TIME  LastFullBackup, UTC, of those that are mounted; empty if there is none
#   done  WHAT                           after the last line of a part that was seen whole, also where it is empty
# Unknown parts, and parts that are done
#   snapin, cms:SERVER, server:SERVER, storage-groups:SERVER, copies:SERVER:MACHINE, databases:SERVER
function Say-Server([string]$server, [bool]$clustered) {
    $script:storage = ''
    $script:standby = @{}
    if ($clustered) {
        Attempt ('cms:' + $server) {
            $status = Get-ClusteredMailboxServerStatus -Identity $server
            Say 'cms' $server $status.State $status.ClusteredMailboxServerName
            foreach ($machine in @($status.OperationalMachines)) { if ($machine -ne $null) { Say 'machine' $server $machine } }
            foreach ($name in @($status.FailedResources)) { if ($name -ne $null) { Say 'failed-resource' $server $name } }
            Say 'done' ('cms:' + $server)
        }
    }
    Attempt ('server:' + $server) {
        $box = Get-MailboxServer -Identity $server
        $script:storage = [string]$box.ClusteredStorageType
        Say 'server' $server $script:storage
        foreach ($machine in @($box.RedundantMachines)) { if ($machine -ne $null) { Say 'redundant' $server $machine } }
        Say 'done' ('server:' + $server)
    }
    Attempt ('storage-groups:' + $server) {
        foreach ($group in @(Get-StorageGroup -Server $server)) {
            if ($group -eq $null) { continue }
            Say 'storage-group' $server $group.Identity $group.Recovery
            foreach ($machine in @($group.StandbyMachines)) {
                if ($machine -eq $null) { continue }
                Say 'standby' $server $group.Identity $machine.NodeName
                $script:standby[[string]$machine.NodeName] = $true
            }
        }
        Say 'done' ('storage-groups:' + $server)
    }
    if ($script:storage -eq 'NonShared') {
        Attempt ('copies:' + $server + ':') {
            Say-Copies $server '' @(Get-StorageGroupCopyStatus -Server $server)
        }
    }
    foreach ($machine in @($script:standby.Keys | Sort-Object)) {
        Attempt ('copies:' + $server + ':' + $machine) {
            Say-Copies $server $machine @(Get-StorageGroupCopyStatus -Server $server -StandbyMachine $machine)
        }
    }
    Attempt ('databases:' + $server) {
        $all = @(Get-MailboxDatabase -Server $server -Status) + @(Get-PublicFolderDatabase -Server $server -Status)
        foreach ($database in $all) {
            if ($database -eq $null) { continue }
            Say 'database' $server $database.Identity $database.Mounted $database.BackupInProgress $database.Recovery
            if ([string]$database.Mounted -ne 'True' -or [string]$database.Recovery -eq 'True') { continue }
            $backup = ''
            if ($database.LastFullBackup) { $backup = Format-Time $database.LastFullBackup }
            Say 'last-backup' $server $database.Identity $backup
        }
        Say 'done' ('databases:' + $server)
    }
}

function Say-Copies([string]$server, [string]$machine, $copies) {
    foreach ($copy in $copies) {
        if ($copy -eq $null) { continue }
        Say 'copy' $server $machine $copy.Identity $copy.SummaryCopyStatus $copy.CopyQueueLength $copy.ReplayQueueLength $copy.Suspend $copy.Seeding
        if ([string]$copy.Suspend -eq 'True' -and [string]$copy.SuspendComment -ne '') { Say 'held' $server $machine $copy.Identity }
    }
    Say 'done' ('copies:' + $server + ':' + $machine)
}

$script:snapin = $false
Attempt 'snapin' {
    Add-PSSnapin Microsoft.Exchange.Management.PowerShell.Admin
    $script:snapin = $true
    Say 'done' 'snapin'
}
if ($script:snapin) {
    foreach ($server in @(Get-Inputs 'cms')) { Say-Server $server $true }
    foreach ($server in @(Get-Inputs 'host')) { Say-Server $server $false }
}
