//! What a call to Inspector asks about, and whether its caller may see that.

use scangap_model::AccountId;
use serde_json::Value;

use crate::wire::{Incoming, WireError};
use crate::world::{Caller, World};

/// AWS: the delegated administrator sees itself and its members; everyone else only themselves.
pub(super) fn sees(world: &World, caller: &Caller, account: AccountId) -> bool {
    account == caller.account
        || (world.inspector_admin == Some(caller.account)
            && world.accounts.get(&account).is_some_and(|a| a.inspector_member))
}

pub(super) fn wanted<'a>(request: &'a Incoming, filter: &str) -> Option<Vec<&'a str>> {
    let filters = request.input.get("filterCriteria")?.get(filter)?.as_array()?;
    Some(filters.iter().filter_map(|filter| filter.get("value")?.as_str()).collect())
}

/// AWS: one to ten entries a filter. Only the filters and the comparison that are simulated are accepted, so that none
/// is ever ignored in silence.
pub(super) fn check_filters(request: &Incoming, simulated: &[&str]) -> Result<(), WireError> {
    let filters = request.input.get("filterCriteria").and_then(Value::as_object).into_iter().flatten();
    for (name, entries) in filters {
        let known = simulated.contains(&name.as_str());
        let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
        let plain = entries.iter().all(|entry| entry.get("comparison").and_then(Value::as_str) == Some("EQUALS"));
        if !known || !plain || !(1..=10).contains(&entries.len()) {
            return Err(WireError::new(
                400,
                "ValidationException",
                format!("filterCriteria.{name} is not simulated so"),
            ));
        }
    }
    Ok(())
}
