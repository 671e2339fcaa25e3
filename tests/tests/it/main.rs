//! Everything that is asked of the binary from outside, in one test program.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::format_collect, reason = "tests")]

mod accept;
mod apply;
mod causes;
mod changes;
mod console_blocks;
mod crashes;
mod demo;
mod deploy;
mod errors;
mod executor;
mod explain;
mod fault_matrix;
mod faults;
mod floor;
mod hostile;
mod images;
mod independent_client;
mod independent_evaluator;
mod independent_servers;
mod interrupt;
mod journey;
mod old_files;
mod owners;
mod page;
mod plan;
mod reach;
mod rehearsal;
mod reports;
mod resume;
mod resync;
mod role;
mod scope;
mod screens;
mod settings;
mod shards;
mod throttling;
mod trend;
mod trouble;
mod unread;
mod way_back;
mod wire;
mod workbook;
mod write_role;
mod writing;
