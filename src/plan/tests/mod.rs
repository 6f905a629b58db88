//! Stories: what is seen, and what is done about it.

mod flutter;
mod holds;
mod middle;
mod price;
mod relax;
mod rolls;
mod worlds;
