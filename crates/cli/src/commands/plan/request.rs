//! What a plan is asked for.

use scangap_model::{AccountId, Diagnosis, RegionName};
use scangap_plan::PlanRequest;

use crate::args::Plan;
use crate::error::CliError;
use crate::settings::{account, duration, region};

pub(super) fn request(command: &Plan) -> Result<PlanRequest, CliError> {
    let accounts = |texts: &[String]| texts.iter().map(|text| account(text)).collect::<Result<Vec<_>, _>>();
    let diagnosis = |word: &String| {
        Diagnosis::from_word(word)
            .filter(|one| {
                matches!(one, Diagnosis::Blocked | Diagnosis::AtRisk | Diagnosis::Undecided | Diagnosis::Stale)
            })
            .ok_or_else(|| CliError::BadValue {
                value: word.clone(),
                expected: "a diagnosis that a plan can do something about",
                hint: "--diagnoses takes blocked, at_risk, undecided, stale".to_owned(),
            })
    };
    // Neither means both.
    let both = command.fix == command.resync;
    Ok(PlanRequest {
        fix: command.fix || both,
        resync: command.resync || both,
        accounts: accounts(&command.accounts)?,
        organizational_units: command.ou.clone(),
        regions: command.regions.iter().map(|text| region(text)).collect::<Result<_, _>>()?,
        diagnoses: command.diagnoses.iter().map(diagnosis).collect::<Result<_, _>>()?,
        blocklist: accounts(&command.blocklist)?,
        only_scan_type: command.only_scan_type.iter().map(|text| registry(text)).collect::<Result<_, _>>()?,
        write_role_name: command.write_role_name.clone(),
        min_age: duration(&command.min_age)?,
        min_age_text: command.min_age.clone(),
    })
}

/// `ACCOUNT:REGION`.
fn registry(text: &str) -> Result<(AccountId, RegionName), CliError> {
    let (id, name) = text.split_once(':').ok_or_else(|| CliError::BadValue {
        value: text.to_owned(),
        expected: "a registry",
        hint: "write it as 111122223333:eu-west-1".to_owned(),
    })?;
    Ok((account(id)?, region(name)?))
}
