# Forgets what is kept on a node, for a person's command. Runs on the node.
#
# Inputs
#   folder   where rollward keeps what belongs on a node
#   forget   yes: failed tries and handoffs
#   clear    yes: all but the highest epoch that was obeyed here, which must never be forgotten, and the lock that guards it
# Answers
#   refused  CHECK  SAW                  nothing was done: work of ours is running
#   done  tidy
# Unknown parts
#   tidy
Attempt 'tidy' {
    $held = Wait-Lock
    if ($null -eq $held) { Say 'refused' 'lock' 'work of ours is running on this machine' }
    else {
        $files = @()
        if (@(Get-Inputs 'forget')[0] -eq 'yes') { $files = @('tries', 'handoffs') }
        if (@(Get-Inputs 'clear')[0] -eq 'yes') {
            $files = @('tries', 'handoffs', 'verified', 'work', 'services')
            foreach ($folder in @('packages', 'logs', 'orders')) {
                $path = Get-Place $folder
                if ([IO.Directory]::Exists($path)) { [IO.Directory]::Delete($path, $true) }
            }
        }
        foreach ($file in $files) {
            Remove-Whole (Get-Place 'kept' $file)
        }
        $held.Close()
        Say 'done' 'tidy'
    }
}
