mod cli;
mod daemon;
mod door;
mod layers;
mod manifests;
mod record;
mod scenarios;
