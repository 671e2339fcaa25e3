//! The services, one file each: what a call does to the world and what it answers.

mod account;
mod allow_list;
mod ecr;
mod ecr_place;
mod ecr_write;
mod iam;
mod inspector;
mod inspector_history;
mod inspector_reports;
mod inspector_scope;
mod organizations;
mod pages;
mod security_hub;
mod sts;
mod trust_policy;

use crate::wire::{Answer, Incoming, WireError};
use crate::world::{Caller, World};

pub(crate) use allow_list::{Allowed, Permitted, allows, allows_somewhere, read_identity};
pub(crate) use trust_policy::Trust;

pub(crate) fn answer(world: &mut World, caller: &Caller, request: &Incoming) -> Result<Answer, WireError> {
    match request.service {
        "sts" => sts::answer(world, caller, request).map(Answer::Xml),
        "iam" => iam::answer(world, caller, request).map(Answer::Xml),
        "organizations" => organizations::answer(world, caller, request).map(Answer::Json),
        "account" => account::answer(world, caller, request).map(Answer::Json),
        "ecr" => ecr::answer(world, caller, request).map(Answer::Json),
        "securityhub" => security_hub::answer(world, caller, request).map(Answer::Json),
        _ => inspector::answer(world, caller, request).map(Answer::Json),
    }
}

fn unknown_operation(request: &Incoming) -> WireError {
    WireError::new(400, "UnknownOperationException", format!("{} is not simulated", request.permission()))
}
