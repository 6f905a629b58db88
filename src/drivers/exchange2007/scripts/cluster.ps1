# The cluster's tables, and what of ours its database holds. Runs on the management host.
#
# Inputs
#   server   a node's name, several times: they are asked in this order until one answers, for 40 s in all
# Answers
#   time  UTC
#   asked  SERVER                        who answered; all that follows is from it. Not there if nobody did
#   raw  node:SERVER      … cluster.exe /cluster:SERVER node             for each that was asked, the last one answered
#   raw  group            … cluster.exe /cluster:SERVER group
#   raw  resource         … cluster.exe /cluster:SERVER resource
#   raw  private          … cluster.exe /cluster:SERVER /priv
# Unknown parts
#   node:SERVER, group, resource, private
Say 'time' (Format-Time ([DateTime]::UtcNow))
# A dead node keeps whoever asks it waiting: seven of them leave time for the eighth.
$deadline = [DateTime]::UtcNow.AddSeconds(40)
foreach ($server in @(Get-Inputs 'server')) {
    if ([DateTime]::UtcNow -gt $deadline) {
        Say-Unknown ('node:' + $server) 'no time was left to ask it'
        continue
    }
    $to = '/cluster:' + $server
    if ((Ask-Native ('node:' + $server) 5 'cluster.exe' @($to, 'node')) -ne 0) { continue }
    Say 'asked' $server
    [void](Ask-Native 'group' 10 'cluster.exe' @($to, 'group'))
    [void](Ask-Native 'resource' 10 'cluster.exe' @($to, 'resource'))
    [void](Ask-Native 'private' 10 'cluster.exe' @($to, '/priv'))
    break
}
