//! RUN: its command, its mounts, and the step; and the shells that open where a RUN would run.

pub mod agent;
pub mod command;
pub mod failed;
pub mod failure_store;
pub mod log;
pub mod mounts;
pub mod output;
pub mod ready;
pub mod shell;
pub mod step;
pub mod tail;
pub mod world;
