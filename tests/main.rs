mod cli;
mod door;
mod layers;
mod record;
mod scenarios;
