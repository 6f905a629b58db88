# Writes what of ours stands in the cluster's database: the claim, and what people command. Runs on the management host; for
# a standalone host, on the host itself.
#
# Inputs
#   server   a node's name, several times: the first that answers is asked. None for a standalone host
#   folder   of a standalone host
#   expect   WORDS: NAME VALUE, at most once: what must be there (an empty VALUE: nothing), or nothing is done
#   resume   a node whose pause is to end, several times
#   drop     the name of a property that is to go, several times
#   put      WORDS: NAME VALUE, several times
# Answers
#   time  UTC
#   asked  SERVER                        who was asked; not for a standalone host
#   unexpected  VALUE                    what was there instead; nothing was done
#   raw  private          … cluster.exe /cluster:SERVER /priv            after all that
#   stored  NAME  VALUE                  the same of a standalone host
#   done  WHAT                           after the last line of a part that was seen whole
# Unknown parts, and parts that are done
#   store, private, stored; and, each done but for these, resume:NODE, drop:NAME, put:NAME
Say 'time' (Format-Time ([DateTime]::UtcNow))
Attempt 'store' {
    $server = Find-Server
    if ($server -ne '') { Say 'asked' $server }
    $there = Read-Properties $server
    $wrong = $false
    foreach ($expected in @(Get-Inputs 'expect')) {
        $words = @(Split-Words $expected)
        if (-not [string]::Equals([string]$there[$words[0]], $words[1])) {
            Say 'unexpected' $there[$words[0]]
            $wrong = $true
        }
    }
    if (-not $wrong) {
        $script:resumed = $true
        foreach ($node in @(Get-Inputs 'resume')) {
            $script:went = $false
            Attempt ('resume:' + $node) {
                $said = Ask-Cluster $server 15 @('node', $node, '/resume')
                # 5058: it is not paused.
                if ($said.Exit -ne 0 -and $said.Exit -ne 5058) { throw (Get-Complaint 'cluster.exe' $said) }
                $script:went = $true
            }
            if (-not $script:went) { $script:resumed = $false }
        }
        # A pause without its mark would be nobody's: where one could not be ended, every mark stays.
        foreach ($name in @(Get-Inputs 'drop' | Where-Object { $script:resumed })) { Attempt ('drop:' + $name) { Remove-Property $server $name } }
        foreach ($put in @(Get-Inputs 'put')) {
            $words = @(Split-Words $put)
            Attempt ('put:' + $words[0]) { Set-Property $server $words[0] $words[1] }
        }
        Say 'done' 'store'
    }
    if ($server -ne '') { [void](Ask-Native 'private' 10 'cluster.exe' @(('/cluster:' + $server), '/priv')) }
    else {
        $after = Read-Properties $server
        foreach ($name in @($after.Keys | Sort-Object)) { Say 'stored' $name $after[$name] }
        Say 'done' 'stored'
    }
}
