//! AWS Account Management: which regions an account has enabled.

use scangap_model::{Partition, REGIONS, RegionName, region_info};
use serde_json::{Value, json};

use super::pages::{page, size};
use super::unknown_operation;
use crate::wire::{Incoming, WireError};
use crate::world::{Caller, World};

pub(crate) fn answer(world: &mut World, caller: &Caller, request: &Incoming) -> Result<Value, WireError> {
    let account = world.accounts.get(&caller.account).ok_or_else(|| {
        WireError::new(403, "AccessDeniedException", "You don't have permission to access this resource.")
    })?;
    let status = |name: &str, default_enabled: bool| {
        let enabled = account.regions.iter().any(|region| region.as_str() == name);
        match (enabled, default_enabled) {
            (true, true) => "ENABLED_BY_DEFAULT",
            (true, false) => "ENABLED",
            (false, _) => "DISABLED",
        }
    };
    match request.operation.as_str() {
        "ListRegions" => {
            let wanted: Option<Vec<&str>> = request
                .input
                .get("RegionOptStatusContains")
                .and_then(Value::as_array)
                .map(|words| words.iter().filter_map(Value::as_str).collect());
            let known = REGIONS.iter().filter(|region| region.partition == Partition::Aws);
            // Regions that AWS opened since: known where an account has them.
            let since = account.regions.iter().map(RegionName::as_str).filter(|name| region_info(name).is_none());
            let rows: Vec<Value> = known
                .map(|region| (region.name, region.default_enabled))
                .chain(since.map(|name| (name, false)))
                .map(|(name, default_enabled)| (name, status(name, default_enabled)))
                .filter(|(_, status)| wanted.as_ref().is_none_or(|wanted| wanted.contains(status)))
                .map(|(name, status)| json!({"RegionName": name, "RegionOptStatus": status}))
                .collect();
            let asked = request.input.get("MaxResults").and_then(Value::as_u64);
            let page = page(
                rows,
                request.page_token(),
                size(asked, 20, 50, "ValidationException")?,
                false,
                "ValidationException",
            )?;
            Ok(json!({"Regions": page.items, "NextToken": page.next}))
        }
        "GetRegionOptStatus" => {
            let name = request.text("RegionName").unwrap_or_default();
            let region = REGIONS
                .iter()
                .find(|region| region.name == name && region.partition == Partition::Aws)
                .ok_or_else(|| WireError::new(400, "ValidationException", format!("{name} is not a region")))?;
            Ok(json!({"RegionName": name, "RegionOptStatus": status(name, region.default_enabled)}))
        }
        _ => Err(unknown_operation(request)),
    }
}
