//! Stories: what is seen, and what is done about it.

mod holds;
mod middle;
mod relax;
mod rolls;
mod worlds;
