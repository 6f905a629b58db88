//! `completions` and `man`: what the shell and the manual need, from the same list as `--help`.

use std::io::Write;

use super::Exit;

/// Print a script that teaches a shell to complete commands and options.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rollward completions bash > /etc/bash_completion.d/rollward
  rollward completions zsh > ~/.zfunc/_rollward")]
pub(super) struct Completions {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: clap_complete::Shell,
}

impl Completions {
    pub fn run(self, all: &mut clap::Command) -> anyhow::Result<Exit> {
        let mut page = Vec::new();
        clap_complete::generate(self.shell, all, "rollward", &mut page);
        write(&page)
    }
}

/// Print the manual page, all commands in one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rollward man | man -l -
  rollward man > /usr/share/man/man8/rollward.8")]
pub(super) struct Man {}

impl Man {
    pub fn run(self, mut all: clap::Command) -> anyhow::Result<Exit> {
        all.build();
        let mut page = Vec::new();
        clap_mangen::Man::new(all.clone()).section("8").render(&mut page)?;
        for command in all.get_subcommands().filter(|command| command.get_name() != "help") {
            let man = clap_mangen::Man::new(command.clone());
            let name = format!("rollward {}", command.get_name());
            writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
            man.render_description_section(&mut page)?;
            man.render_options_section(&mut page)?;
            man.render_extra_section(&mut page)?;
        }
        write(&page)
    }
}

fn write(page: &[u8]) -> anyhow::Result<Exit> {
    let mut to = std::io::stdout().lock();
    to.write_all(page)?;
    to.flush()?;
    Ok(Exit::Done)
}
