mod cli;
mod door;
mod record;
