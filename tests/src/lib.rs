//! The harness of the integration tests: simulated organizations in a few lines, the real binary, and readers for what
//! it leaves behind. Tests speak of the binary's behaviour only.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a harness fails tests by panicking"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests stand outside the product: they may ask the clock and the environment"
)]

mod binary;
mod operator;
mod scenario;
mod tools;

pub use binary::{Audited, Finished, Row, Scangap, program};
pub use operator::Operator;
pub use scenario::{Simulated, now, organization, simulate};
pub use tools::{
    Server, age, aws_program, browser, knob, node, python, requires_tools, search_path, synthesize, venv_program,
};
