# What of ours stands in the cluster's own database: private properties of the cluster, whose names begin with Rollward.
# A standalone host has no such database and keeps them as files in FOLDER\store, a line each.
#
# Nothing compares and sets them in one step. But all writes of that database are in one order: of two who write and then
# read, one at least sees what the other wrote.

# The words of a list: parted by spaces, each percent-encoded; `%` is an empty one.
function Split-Words([string]$text) {
    foreach ($word in $text.Split([char]32)) {
        if ($word -eq '%') { '' } else { [Uri]::UnescapeDataString($word) }
    }
}

# What a tool said, where it did not do what it was asked.
function Get-Complaint([string]$tool, $said) {
    $words = @($said.Lines | Where-Object { $_.Trim() -ne '' })
    if ($words.Length -gt 2) { $words = @($words[0], $words[1]) }
    return ($tool + ' ended with ' + $said.Exit + ': ' + [string]::Join(' ', [string[]]$words))
}

# Asks the cluster by a server; Exit is -1 where the tool did not end.
function Ask-Cluster([string]$server, [int]$seconds, $words) {
    $script:said = $null
    & {
        trap { $script:said = @{ Exit = -1; Lines = @([string]$_.Exception.Message) }; continue }
        $script:said = Run-Native $seconds 'cluster.exe' (@('/cluster:' + $server) + @($words))
    }
    return $script:said
}

# The first of the servers that answers for the cluster; empty on a standalone host, which has none.
function Find-Server {
    $servers = @(Get-Inputs 'server')
    if ($servers.Length -eq 0) { return '' }
    $why = ''
    foreach ($server in $servers) {
        $said = Ask-Cluster $server 5 @('node')
        if ($said.Exit -eq 0) { return $server }
        $why = $why + '; ' + $server + ': ' + (Get-Complaint 'cluster.exe' $said)
    }
    throw ('no node answers for the cluster' + $why)
}

# All properties of ours, by name.
function Read-Properties([string]$server) {
    $all = @{}
    if ($server -eq '') {
        $script:files = @()
        & {
            trap { if (Test-Missing $_.Exception) { continue }; break }
            $script:files = [IO.Directory]::GetFiles((Get-Place 'store'))
        }
        foreach ($path in $script:files) { $all[[IO.Path]::GetFileName($path)] = Read-FirstLine $path }
        return $all
    }
    $said = Ask-Cluster $server 10 @('/priv')
    if ($said.Exit -ne 0) { throw (Get-Complaint 'cluster.exe' $said) }
    foreach ($line in $said.Lines) {
        if ($line -match '\s(Rollward[A-Za-z0-9]+)\s+(\S+)\s*$') { $all[$matches[1]] = $matches[2] }
    }
    return $all
}

# Writes a property and reads it back.
function Set-Property([string]$server, [string]$name, [string]$value) {
    if ($server -eq '') { Write-Whole (Get-Place 'store' $name) @($value) }
    else {
        $said = Ask-Cluster $server 15 @('/priv', ($name + '=' + $value))
        if ($said.Exit -ne 0) { throw (Get-Complaint 'cluster.exe' $said) }
    }
    if (-not [string]::Equals((Read-Properties $server)[$name], $value)) { throw ($name + ' was written and reads back otherwise') }
}

# Removes a property, and sees that it is gone.
function Remove-Property([string]$server, [string]$name) {
    if (-not (Read-Properties $server).ContainsKey($name)) { return }
    if ($server -eq '') { Remove-Whole (Get-Place 'store' $name) }
    else {
        $said = Ask-Cluster $server 15 @('/priv', $name, '/usedefault')
        if ($said.Exit -ne 0) { throw (Get-Complaint 'cluster.exe' $said) }
    }
    if ((Read-Properties $server).ContainsKey($name)) { throw ($name + ' was removed and is still there') }
}
