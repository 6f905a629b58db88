# What every script begins with: how facts are said, and how a native tool is asked. PowerShell 1.0 and 2.0.
#
# Answer lines that any script may give:
#   rollward-answer  1  SCRIPT           first
#   unknown  WHAT  WHY                   a part that could not be seen
#   raw  ID  EXIT  LINE                  a line of a native tool, word for word; EXIT is the tool's exit code. At least one
#                                        for each tool that ended, with an empty LINE if it said nothing
#   end  COUNT                           last; COUNT lines stand before it, the first one included
# Fields are parted by tabs; `%` and all that is not printable ASCII is percent-encoded, as UTF-8. True and False, words of
# enumerations and numbers are those of the invariant culture, times are UTC as 2017-04-01T20:00:00.0000000Z.
$ErrorActionPreference = 'Stop'
$RollwardSaid = 0

function Escape([string]$text) {
    if ($text -cnotmatch '[^\x20-\x7e]|%') { return $text }
    $out = New-Object Text.StringBuilder
    foreach ($byte in [Text.Encoding]::UTF8.GetBytes($text)) {
        if ($byte -lt 0x20 -or $byte -gt 0x7e -or $byte -eq 0x25) { [void]$out.Append('%' + $byte.ToString('X2')) }
        else { [void]$out.Append([char]$byte) }
    }
    return $out.ToString()
}

# One answer line: a tag and its fields.
function Say {
    $fields = New-Object Collections.ArrayList
    foreach ($field in $args) { [void]$fields.Add((Escape ([string]$field))) }
    [Console]::Out.Write([string]::Join("`t", [string[]]$fields.ToArray([string])) + "`n")
    $global:RollwardSaid++
}

function Say-Unknown([string]$what, [string]$why) { Say 'unknown' $what $why }

# Does something; if it fails, this part is unknown and the rest goes on. Nothing it returns may stand among the answers.
function Attempt([string]$what, $do) {
    trap { Say-Unknown $what $_.Exception.Message; continue }
    & $do | Out-Null
}

function Get-Inputs([string]$key) {
    if ($RollwardInput.ContainsKey($key)) { foreach ($value in $RollwardInput[$key]) { $value } }
}

# Whether an error says that there is no such file or folder. `Exists` says so where access is denied, too.
function Test-Missing($what) {
    while ($what.InnerException) { $what = $what.InnerException }
    return ($what -is [IO.FileNotFoundException] -or $what -is [IO.DirectoryNotFoundException])
}

function Format-Time([DateTime]$time) {
    return $time.ToUniversalTime().ToString('o', [Globalization.CultureInfo]::InvariantCulture)
}

# A value of the registry; $null where there is none.
function Read-Value([string]$key, [string]$name) {
    if (-not (Test-Path -LiteralPath $key)) { return $null }
    return (Get-Item -LiteralPath $key).GetValue($name, $null)
}

# One argument as CommandLineToArgvW takes it apart again. Whatever is a name is quoted, and the value of an option or of a
# property by itself: a tool that looks for `/`, `:` or `=` in its command line itself finds none in there, and finds its
# own options.
function Quote-Argument([string]$text) {
    if ($text -cmatch '^[-/]?[A-Za-z]+\z' -or $text -eq '/l*v') { return $text }
    if ($text -cmatch '^(/[A-Za-z]+:|Rollward[A-Za-z0-9]+=|MSIPATCHREMOVE=)') {
        $option = $matches[0]
        return $option + (Quote-Text ($text.Substring($option.Length)))
    }
    return (Quote-Text $text)
}

function Quote-Text([string]$text) {
    $text = $text -replace '(\\*)"', '$1$1\"'
    $text = $text -replace '(\\+)$', '$1$1'
    return '"' + $text + '"'
}

# What comes from a stream until it ends; $null if it does not end in time.
function Read-Until([IO.Stream]$stream, [DateTime]$deadline) {
    $whole = New-Object IO.MemoryStream
    $buffer = New-Object byte[] 8192
    while ($true) {
        $left = [int][Math]::Max(0, ($deadline - [DateTime]::UtcNow).TotalMilliseconds)
        $reading = $stream.BeginRead($buffer, 0, $buffer.Length, $null, $null)
        if (-not $reading.AsyncWaitHandle.WaitOne($left, $false)) { return $null }
        $count = $stream.EndRead($reading)
        if ($count -eq 0) { return ,$whole.ToArray() }
        $whole.Write($buffer, 0, $count)
    }
}

# Asks a native tool and says its lines as `raw`. Returns its exit code; $null if it did not end in time or at all.
function Ask-Native([string]$id, [int]$seconds, [string]$tool, $arguments) {
    $global:RollwardExit = $null
    Attempt $id {
        $said = Run-Native $seconds $tool $arguments
        foreach ($line in $said.Lines) { Say 'raw' $id $said.Exit $line }
        $global:RollwardExit = $said.Exit
    }
    return $global:RollwardExit
}

# Starts a native tool with nothing to read.
function Start-Native([string]$tool, $arguments) {
    $start = New-Object Diagnostics.ProcessStartInfo
    $start.FileName = $tool
    $quoted = @($arguments | ForEach-Object { Quote-Argument ([string]$_) })
    $start.Arguments = [string]::Join(' ', [string[]]$quoted)
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $process = [Diagnostics.Process]::Start($start)
    $process.StandardInput.Close()
    return $process
}

# Runs a native tool to its end: its exit code as Exit, and its Lines.
function Run-Native([int]$seconds, [string]$tool, $arguments) {
    $process = Start-Native $tool $arguments
    # What it writes to a pipe is in the code page of consoles, whichever .NET takes for its own.
    $encoding = [Text.Encoding]::GetEncoding([Globalization.CultureInfo]::CurrentCulture.TextInfo.OEMCodePage)
    $deadline = [DateTime]::UtcNow.AddSeconds($seconds)
    $out = Read-Until $process.StandardOutput.BaseStream $deadline
    $err = $null
    if ($null -ne $out) { $err = Read-Until $process.StandardError.BaseStream $deadline }
    if ($null -eq $err -or -not $process.WaitForExit(2000)) {
        if (-not $process.HasExited) { $process.Kill() }
        throw ($tool + ' did not end within ' + $seconds + ' s')
    }
    $text = $encoding.GetString($out) + $encoding.GetString($err)
    $lines = @($text.TrimEnd().Split([char]10) | ForEach-Object { $_.TrimEnd([char]13) })
    return @{ Exit = $process.ExitCode; Lines = $lines }
}

Say 'rollward-answer' '1' $RollwardScript
