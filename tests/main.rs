mod cli;
mod door;
mod layers;
mod manifests;
mod record;
mod scenarios;
