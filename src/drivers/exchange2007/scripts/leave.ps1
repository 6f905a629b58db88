# Gives a worker leave to go on, or tells it to end.
#
# Inputs
#   folder    where rollward keeps what belongs on a node
#   id        of the order
#   verdict   go or no
#   verified  the rollup that the node is at and healthy with, if it is
# Answers
#   begun                                it was taken. What is over soon is over before this is said
#   refused  CHECK  SAW                  nobody waited for it any more
# Unknown parts
#   leave
Attempt 'leave' {
    $request = Get-Order 'request'
    $leave = Get-Order 'leave'
    $waits = [IO.File]::Exists($request)
    if ($waits) {
        Write-Whole $leave @(@(Get-Inputs 'verdict')[0], [string]@(Get-Inputs 'verified')[0])
        $deadline = [DateTime]::UtcNow.AddSeconds(10)
        while ([IO.File]::Exists($leave) -and [DateTime]::UtcNow -lt $deadline) { Start-Sleep -Milliseconds 100 }
        # Exactly one of the two takes it away.
        if (Move-File $leave (Get-Order 'back')) {
            [IO.File]::Delete((Get-Order 'back'))
            $waits = $false
        }
    }
    if (-not $waits) { Say 'refused' 'leave' 'the order had waited too long, and was taken back' }
    else {
        $deadline = [DateTime]::UtcNow.AddSeconds(5)
        while ([IO.File]::Exists($request) -and [DateTime]::UtcNow -lt $deadline) { Start-Sleep -Milliseconds 100 }
        Say 'begun'
    }
}
