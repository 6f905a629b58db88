# Begins an order on a node: starts a worker that outlives the connection, and waits for its first word. The same text is the
# worker's: the request that is given to it has the name `work`, and the same inputs.
#
# Inputs
#   folder       where rollward keeps what belongs on a node
#   id           of the order
#   epoch        of the claim it is given under
#   holder       whose claim that is, as one word of a list
#   patience     how long the worker waits for leave, in seconds
#   server       whom to ask for the cluster: this node and then the others; several times. None for a standalone host
#   name, value  of the announcement
#   unannounced  yes: where nobody answers for the cluster, it goes on without
#   node         this node, as the cluster calls it
#   work         what is kept of the work, as JSON
#   counts       WORDS: FILE SUBJECT True|False, what failures are counted as, and whether success forgets them; not given
#                if they are not counted
#   step         WORDS: SECONDS NAME ARGUMENT…, several times, in this order
# Answers
#   time  UTC
#   announced                            it waits for leave
#   refused  CHECK  SAW                  it has ended, and nothing was done
# Unknown parts
#   order
function Start-Worker {
    $lines = New-Object Collections.ArrayList
    [void]$lines.Add("rollward-request`t1`twork")
    [void]$lines.Add("script`t" + [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($text)))
    foreach ($key in @($RollwardInput.Keys)) {
        foreach ($value in $RollwardInput[$key]) { [void]$lines.Add("input`t" + $key + "`t" + (Escape $value)) }
    }
    [void]$lines.Add("end`t" + $lines.Count)
    Write-Whole (Get-Order 'request') ($lines.ToArray())
    # A file for what this one was started with: the shell takes some two thousand characters.
    $words = @([Environment]::GetCommandLineArgs())
    $boot = [Text.Encoding]::Unicode.GetString([Convert]::FromBase64String($words[$words.Length - 1]))
    Write-Whole (Get-Order 'boot') @($boot)
    [Environment]::SetEnvironmentVariable('ROLLWARD_BOOT', (Get-Order 'boot'))
    [Environment]::SetEnvironmentVariable('ROLLWARD_REQUEST', (Get-Order 'request'))
    $script:begun = $false
    & {
        # Windows' management service may be stopped, as a broken-off setup leaves it.
        trap { continue }
        $script:begun = Start-Apart
    }
    if (-not $script:begun) { Start-Beside }
}

# The same for each worker: nothing of an order is in it.
$RollwardWords = '-NoLogo -NoProfile -NonInteractive -Command "Invoke-Expression ([IO.File]::ReadAllText($env:ROLLWARD_BOOT))"'

function Get-Program { return [Diagnostics.Process]::GetCurrentProcess().MainModule.FileName }

# By Windows' management service, as the same user: an ssh server may end all that was started in a connection with it, as
# OpenSSH for Windows does, by a job that this then is not in. The flag is that it is in no job of that service's either.
function Start-Apart {
    $environment = @()
    $table = [Environment]::GetEnvironmentVariables()
    foreach ($name in @($table.Keys)) { $environment += ([string]$name + '=' + [string]$table[$name]) }
    $startup = ([wmiclass]'Win32_ProcessStartup').psbase.CreateInstance()
    $startup.ShowWindow = 0
    $startup.CreateFlags = 16777216
    $startup.EnvironmentVariables = [string[]]$environment
    $class = [wmiclass]'Win32_Process'
    $given = $class.psbase.GetMethodParameters('Create')
    $given.CommandLine = '"' + (Get-Program) + '" ' + $RollwardWords
    $given.ProcessStartupInformation = $startup
    return ($class.psbase.InvokeMethod('Create', $given, $null).ReturnValue -eq 0)
}

# By the shell: it has no handle of the connection, and outlives it where the ssh server lets it.
function Start-Beside {
    $start = New-Object Diagnostics.ProcessStartInfo
    $start.FileName = Get-Program
    $start.Arguments = $RollwardWords
    $start.UseShellExecute = $true
    $start.WindowStyle = 'Hidden'
    [void][Diagnostics.Process]::Start($start)
}

function Request-Order {
    Say 'time' (Format-Time ([DateTime]::UtcNow))
    Start-Worker
    $said = Get-Order 'said'
    $deadline = [DateTime]::UtcNow.AddSeconds(40)
    while (-not [IO.File]::Exists($said)) {
        if ([DateTime]::UtcNow -gt $deadline) {
            Say 'refused' 'worker' 'it did not begin within 40 s; if it does so later, it takes its announcement back'
            return
        }
        Start-Sleep -Milliseconds 250
    }
    $word = (Read-FirstLine $said).Split([char]9)
    if ($word[0] -eq 'announced') { Say 'announced' }
    else {
        Say 'refused' $word[1] $word[2]
        [IO.File]::Delete($said)
    }
}

if ($RollwardScript -eq 'work') { Work-Order }
else { Attempt 'order' { Request-Order } }
