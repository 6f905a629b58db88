# Sends a piece of a package to a worker that waits for it.
#
# Inputs
#   folder   where rollward keeps what belongs on a node
#   id       of the order
#   file     the package's file
#   sha256   of the whole, in lower-case hexadecimal
#   offset   where the piece belongs
#   data     the piece, as base64: several times, at most 16 KiB each; none to ask only how much is there
# Answers
#   at  FILE  BYTES                      how much is there now. A piece that does not belong there is not written
#   refused  CHECK  SAW                  nobody waits for it
# Unknown parts
#   stage
Attempt 'stage' {
    if (-not [IO.File]::Exists((Get-Order 'request'))) { Say 'refused' 'order' 'it has ended: nobody waits for the package' }
    else {
        $file = @(Get-Inputs 'file')[0]
        $path = (Get-Place 'packages' $file) + '.' + @(Get-Inputs 'sha256')[0].Substring(0, 16) + '.part'
        [void][IO.Directory]::CreateDirectory((Get-Place 'packages'))
        $stream = [IO.File]::Open($path, [IO.FileMode]::OpenOrCreate, [IO.FileAccess]::Write, [IO.FileShare]::Read)
        if ($stream.Length -eq [long]@(Get-Inputs 'offset')[0]) {
            [void]$stream.Seek(0, [IO.SeekOrigin]::End)
            foreach ($data in @(Get-Inputs 'data')) {
                $bytes = [Convert]::FromBase64String($data)
                $stream.Write($bytes, 0, $bytes.Length)
            }
        }
        Say 'at' $file $stream.Length
        $stream.Close()
    }
}
