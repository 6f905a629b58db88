# What a worker is: it holds this machine's lock from before its announcement to the end of its work, so nobody else of ours
# works here meanwhile. It outlives the connection that began it, and is given leave, or not, through a file.
#
# In this order: the lock; the epoch, of which it refuses a lower one than it has seen, and the same of another holder; the
# announcement, written into the cluster's database and read back; leave; the steps, up to the first that fails; the
# announcement taken back; the end, written down. One that is killed writes no end, and its lock is free.

# A moment as what is kept has it: seconds since 1970, UTC.
function Get-Seconds {
    $seconds = ([DateTime]::UtcNow.Ticks - 621355968000000000) / 10000000
    return ([double]$seconds).ToString('F3', [Globalization.CultureInfo]::InvariantCulture)
}

# A text as one line that fits into what is kept.
function Get-Line([string]$text) {
    $line = ($text -replace '[^\x20-\x7e]+', ' ').Trim()
    if ($line.Length -gt 300) { $line = $line.Substring(0, 300) }
    return $line
}

function Test-Input([string]$key) { return (@(Get-Inputs $key)[0] -eq 'yes') }

# Failures in a row are lines: of what, how many, when, and why.
function Read-Others([string]$path, [string]$subject) {
    foreach ($line in @(Read-Lines $path)) {
        if ($line -ne '' -and -not [string]::Equals($line.Split([char]9)[0], $subject)) { $line }
    }
}

function Add-Failure([string]$file, [string]$subject, [string]$why) {
    $path = Get-Place 'kept' $file
    $count = 0
    foreach ($line in @(Read-Lines $path)) {
        $fields = $line.Split([char]9)
        if ([string]::Equals($fields[0], $subject)) { $count = [int]$fields[1] }
    }
    $new = [string]::Join("`t", [string[]]@($subject, [string]($count + 1), (Get-Seconds), $why))
    Write-Whole $path (@(Read-Others $path $subject) + @($new))
}

function Remove-Failures([string]$file, [string]$subject) {
    $path = Get-Place 'kept' $file
    if ([IO.File]::Exists($path)) { Write-Whole $path @(Read-Others $path $subject) }
}

# Another order that was cut off failed, and could not count it itself.
function Add-CutOff {
    $lines = @(Read-Lines (Get-Place 'kept' 'work'))
    if ($lines.Length -ne 2) { return }
    $fields = $lines[1].Split([char]9)
    if ($fields.Length -eq 4 -and $fields[2] -ne '') {
        Add-Failure $fields[2] $fields[3] 'the work ended without a word: the machine was cut off, or the process killed'
    }
}

# Everything up to the announcement. Says why not in $script:refusal.
function Start-Order {
    $script:held = Wait-Lock
    if ($null -eq $script:held) {
        $script:refusal = @('lock', 'work of ours is running on this machine')
        return
    }
    Write-Whole (Get-Place 'holder') @(@(Get-Inputs 'id')[0])
    foreach ($path in [IO.Directory]::GetFiles((Get-Place 'orders'))) {
        if ([IO.File]::GetLastWriteTimeUtc($path) -lt [DateTime]::UtcNow.AddHours(-1)) { [IO.File]::Delete($path) }
    }
    $epoch = [long]@(Get-Inputs 'epoch')[0]
    $holder = [string]@(Get-Inputs 'holder')[0]
    $seen = (Read-FirstLine (Get-Place 'kept' 'epoch'))
    if ($seen -ne '') {
        $number = [long]$seen.Split([char]64)[0]
        $same = [string]::Equals($seen, ([string]$epoch + '@' + $holder))
        if ($number -gt $epoch -or ($number -eq $epoch -and -not $same)) {
            $script:refusal = @('epoch', ('this machine has obeyed ' + $seen + '; this is ' + $epoch + '@' + $holder))
            return
        }
    }
    Write-Whole (Get-Place 'kept' 'epoch') @([string]$epoch + '@' + $holder)
    & {
        trap { $script:refusal = @('store', $_.Exception.Message); continue }
        Add-Announcement
    }
    # Where the cluster does not run at all there is nobody to tell.
    if ($null -ne $script:refusal -and $script:refusal[0] -eq 'store' -and -not $script:announced -and (Test-Input 'unannounced')) {
        $script:refusal = $null
    }
}

function Add-Announcement {
    $server = Find-Server
    $name = @(Get-Inputs 'name')[0]
    if ((Read-Properties $server).ContainsKey($name)) {
        $script:refusal = @('nothingElseInProgress', 'an action is announced on this machine already')
        return
    }
    $script:announced = $true
    Set-Property $server $name (@(Get-Inputs 'value')[0])
}

# Takes the announcement back, if it is still ours.
function Remove-Own {
    $server = Find-Server
    $name = @(Get-Inputs 'name')[0]
    if ([string]::Equals((Read-Properties $server)[$name], @(Get-Inputs 'value')[0])) { Remove-Property $server $name }
}

# The same. Where that fails, it is taken back like that of any work that has ended.
function Remove-Announcement {
    if (-not $script:announced) { return }
    & {
        trap { continue }
        Remove-Own
    }
}

# What is not so any more that was judged before leave was given: nothing, if all is. Whoever gave it may have slept since.
function Find-Lapse {
    if (-not $script:announced) { return '' }
    $there = Read-Properties (Find-Server)
    if (-not [string]::Equals($there[@(Get-Inputs 'name')[0]], @(Get-Inputs 'value')[0])) {
        return 'its announcement was removed before it began'
    }
    $holder = [Uri]::UnescapeDataString(@(Get-Inputs 'holder')[0])
    if ($holder -eq 'nobody') { return '' }
    $claim = [Uri]::UnescapeDataString([string]$there['RollwardClaim'])
    if ($claim.StartsWith(([string]@(Get-Inputs 'epoch')[0] + '@' + $holder + '#'), [StringComparison]::Ordinal)) { return '' }
    return 'the claim was another''s before it began'
}

# Waits for leave, as long as it may take to look. Whoever takes longer has looked too long ago.
function Wait-Leave {
    $deadline = [DateTime]::UtcNow.AddSeconds([int]@(Get-Inputs 'patience')[0])
    while ([DateTime]::UtcNow -lt $deadline) {
        if (Move-File (Get-Order 'leave') (Get-Order 'taken')) {
            $lines = @(Read-Lines (Get-Order 'taken'))
            $script:verified = [string]$lines[1]
            return ($lines[0] -eq 'go')
        }
        Start-Sleep -Milliseconds 250
    }
    return $false
}

function Invoke-Work {
    $script:counts = @('', '', '')
    foreach ($words in @(Get-Inputs 'counts')) { $script:counts = @(Split-Words $words) }
    Add-CutOff
    $order = @(Get-Inputs 'id')[0]
    $begun = [string]::Join("`t", [string[]]@($order, (Get-Boot), $script:counts[0], $script:counts[1]))
    $work = @(@(Get-Inputs 'work')[0], $begun)
    Write-Whole (Get-Place 'kept' 'work') $work
    $script:failure = ''
    $script:exit = 0
    $script:restarts = $false
    & {
        trap { $script:failure = Get-Line ('the cluster could not be asked before it began: ' + $_.Exception.Message); continue }
        $script:failure = Find-Lapse
    }
    # What did not begin did not fail either.
    if ($script:failure -ne '') { $script:counts = @('', '', '') }
    foreach ($step in @(Get-Inputs 'step')) {
        if ($script:failure -ne '') { break }
        & {
            trap {
                $script:failure = Get-Line $_.Exception.Message
                if ($script:failure -eq '') { $script:failure = 'it failed without a word' }
                continue
            }
            Invoke-Step @(Split-Words $step)
        }
    }
    # The machine is about to start anew: that is its end.
    if ($script:restarts -and $script:failure -eq '') { return }
    if ($script:failure -ne '' -and $script:exit -eq 0) { $script:exit = 1 }
    & {
        trap { continue }
        Write-Count
    }
    # First the announcement: whoever sees the end need not take it back any more. Until then the lock says the same.
    Remove-Announcement
    $end = [string]::Join("`t", [string[]]@((Get-Seconds), [string]$script:exit, $script:failure))
    Write-Whole (Get-Place 'kept' 'work') ($work + @($end))
}

function Write-Count {
    if ($script:counts[0] -eq '') { return }
    if ($script:failure -ne '') { Add-Failure $script:counts[0] $script:counts[1] $script:failure }
    elseif ($script:counts[2] -eq 'True') { Remove-Failures $script:counts[0] $script:counts[1] }
}

# Another worker of the same order has the lock: this one is one too many, and says nothing.
function Test-Double {
    if ($null -eq $script:refusal -or $script:refusal[0] -ne 'lock') { return $false }
    return ((Read-FirstLine (Get-Place 'holder')) -eq @(Get-Inputs 'id')[0])
}

function Work-Order {
    $script:refusal = $null
    $script:held = $null
    $script:announced = $false
    & {
        trap { $script:refusal = @('state', $_.Exception.Message); continue }
        Start-Order
    }
    if (Test-Double) { return }
    if ($null -ne $script:refusal) {
        Remove-Announcement
        $words = @('refused', $script:refusal[0], (Get-Line $script:refusal[1]))
        Write-Whole (Get-Order 'said') @([string]::Join("`t", [string[]]$words))
    }
    else {
        Write-Whole (Get-Order 'said') @('announced')
        if (Wait-Leave) {
            & {
                # What cannot even write down what it does ends without a word, and does nothing more.
                trap { Remove-Announcement; continue }
                Invoke-Work
            }
        }
        else { Remove-Announcement }
        [IO.File]::Delete((Get-Order 'taken'))
        [IO.File]::Delete((Get-Order 'said'))
    }
    if ($null -ne $script:held) { $script:held.Close() }
    [IO.File]::Delete((Get-Order 'boot'))
    Wait-Done @('delete', (Get-Order 'request'))
}
