# The cluster's tables, and what of ours its database holds. Runs on the management host.
#
# Inputs
#   server   a node's name, several times: they are asked in this order until one answers
# Answers
#   time  UTC
#   asked  SERVER                        who answered; all that follows is from it. Not there if nobody did
#   raw  node:SERVER      … cluster.exe /cluster:SERVER node             for each that was asked, the last one answered
#   raw  group            … cluster.exe /cluster:SERVER group
#   raw  resource         … cluster.exe /cluster:SERVER resource
#   raw  private          … cluster.exe /cluster:SERVER /priv
Say 'time' (Format-Time ([DateTime]::UtcNow))
foreach ($server in @(Get-Inputs 'server')) {
    $to = '/cluster:' + $server
    if ((Ask-Native ('node:' + $server) 15 'cluster.exe' @($to, 'node')) -ne 0) { continue }
    Say 'asked' $server
    [void](Ask-Native 'group' 15 'cluster.exe' @($to, 'group'))
    [void](Ask-Native 'resource' 15 'cluster.exe' @($to, 'resource'))
    [void](Ask-Native 'private' 15 'cluster.exe' @($to, '/priv'))
    break
}
