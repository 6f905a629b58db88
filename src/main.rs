//! The command `rollward`. It turns what became of a command into an exit code, and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollward::cli::main(std::env::args_os())
}
