//! What a plan is asked for.

use scangap_plan::PlanRequest;

use crate::args::Plan;

pub(super) fn request(command: &Plan) -> PlanRequest {
    // Neither means both.
    let both = command.fix == command.resync;
    PlanRequest {
        fix: command.fix || both,
        resync: command.resync || both,
        accounts: command.accounts.clone(),
        organizational_units: command.ou.clone(),
        regions: command.regions.clone(),
        diagnoses: command.diagnoses.clone(),
        blocklist: command.blocklist.clone(),
        only_scan_type: command.only_scan_type.clone(),
        write_role_name: command.write_role_name.clone(),
        min_age: command.min_age.duration,
        min_age_text: command.min_age.text.clone(),
    }
}
