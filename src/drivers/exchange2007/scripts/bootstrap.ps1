# The one command that powershell.exe is started with: reads a request from standard input and runs the script in it.
#
# It is constant. The script comes as base64, and inputs come as data, percent-encoded, in $RollwardInput: a table from
# each key to the list of its values. A request that is not whole is not run, and nothing is answered: exit code 64. Where
# the script breaks off, it ends with 65 and the reason in plain text, which would be XML if PowerShell wrote it.
#
# $input is where PowerShell 1.0 and 2.0 put what is piped to them; where a host does not, the console has it. What `begin`
# starts has nothing piped to it: its request is a file, whose name is in its environment.
# What stands here must stay short: cmd.exe takes 8191 characters, and this grows to 2.7 times its length.
$ErrorActionPreference = 'Stop'
$WarningPreference = 'SilentlyContinue'
$ProgressPreference = 'SilentlyContinue'
trap { [Console]::Error.WriteLine($_.Exception.Message); exit 65 }
$lines = @($input)
if ($env:ROLLWARD_REQUEST) { $lines = [IO.File]::ReadAllLines($env:ROLLWARD_REQUEST) }
if ($lines.Length -eq 0) { $lines = [Console]::In.ReadToEnd().Split([char]10) }
$lines = @($lines | ForEach-Object { ([string]$_).TrimEnd([char]13) } | Where-Object { $_ -ne '' })
$last = $lines.Length - 1
if ($last -lt 1 -or $lines[$last] -ne ('end' + [char]9 + $last)) { exit 64 }
$head = $lines[0].Split([char]9)
if ($head[0] -ne 'rollward-request' -or $head[1] -ne '1') { exit 64 }
$RollwardScript = $head[2]
$RollwardInput = @{}
foreach ($line in $lines) {
    $f = $line.Split([char]9)
    if ($f[0] -eq 'script') { $text = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($f[1])) }
    if ($f[0] -eq 'input') {
        if (-not $RollwardInput.ContainsKey($f[1])) { $RollwardInput[$f[1]] = New-Object Collections.ArrayList }
        [void]$RollwardInput[$f[1]].Add([Uri]::UnescapeDataString($f[2]))
    }
}
Invoke-Expression $text
exit 0
