# How groups and resources are set up: failback, preferred and possible owners, the witness. Runs on the management host.
#
# Inputs
#   server     the node to ask, once
#   group      a group's name, as the table has it; several times
#   resource   a resource's name; several times: those outside clustered mailbox servers
#   private    a resource's name; several times: those that may be the file share witness
# Answers
#   raw  group-properties:GROUP      … cluster.exe /cluster:SERVER group GROUP /prop
#   raw  group-owners:GROUP          … cluster.exe /cluster:SERVER group GROUP /listowners
#   raw  resource-owners:RESOURCE    … cluster.exe /cluster:SERVER resource RESOURCE /listowners
#   raw  resource-private:RESOURCE   … cluster.exe /cluster:SERVER resource RESOURCE /priv
$to = '/cluster:' + @(Get-Inputs 'server')[0]
foreach ($name in @(Get-Inputs 'group')) {
    [void](Ask-Native ('group-properties:' + $name) 15 'cluster.exe' @($to, 'group', $name, '/prop'))
    [void](Ask-Native ('group-owners:' + $name) 15 'cluster.exe' @($to, 'group', $name, '/listowners'))
}
foreach ($name in @(Get-Inputs 'resource')) {
    [void](Ask-Native ('resource-owners:' + $name) 15 'cluster.exe' @($to, 'resource', $name, '/listowners'))
}
foreach ($name in @(Get-Inputs 'private')) {
    [void](Ask-Native ('resource-private:' + $name) 15 'cluster.exe' @($to, 'resource', $name, '/priv'))
}
