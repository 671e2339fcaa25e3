//! AWS IAM: Inspector's service-linked role, and nothing else.

use std::fmt::Write;

use jiff::Timestamp;
use scangap_model::{INSPECTOR_ROLE_NAME, Partition, inspector_role_arn};

use crate::wire::{Incoming, WireError, escape, xml_answer};
use crate::world::{Caller, World};

const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

pub(crate) fn answer(world: &mut World, caller: &Caller, request: &Incoming) -> Result<String, WireError> {
    match request.operation.as_str() {
        "GetRole" => get_role(world, caller, request),
        _ => Err(WireError::new(400, "InvalidAction", format!("Could not find operation {}", request.operation))),
    }
}

fn get_role(world: &World, caller: &Caller, request: &Incoming) -> Result<String, WireError> {
    let name = request.text("RoleName").unwrap_or_default();
    let account = world.accounts.get(&caller.account);
    let role = account.map(|account| &account.inspector_role).filter(|role| role.exists && name == INSPECTOR_ROLE_NAME);
    let role =
        role.ok_or_else(|| WireError::new(404, "NoSuchEntity", format!("The role with name {name} cannot be found.")))?;
    let id = role.id_in(caller.account.as_str());
    let arn = inspector_role_arn(Partition::Aws, caller.account);
    let mut body = format!(
        "<Role><Path>/aws-service-role/inspector2.amazonaws.com/</Path><RoleName>{name}</RoleName><RoleId>{}</RoleId>\
         <Arn>{arn}</Arn><CreateDate>2024-01-01T00:00:00Z</CreateDate>",
        escape(&id)
    );
    if !role.tags.is_empty() {
        body.push_str("<Tags>");
        for (key, value) in &role.tags {
            let _ = write!(body, "<member><Key>{}</Key><Value>{}</Value></member>", escape(key), escape(value));
        }
        body.push_str("</Tags>");
    }
    // AWS: a role that was not used has the element, and nothing in it.
    body.push_str("<RoleLastUsed>");
    if let Some(time) = role.last_used_at.as_ref().and_then(|text| text.parse::<Timestamp>().ok()) {
        let _ = write!(
            body,
            "<LastUsedDate>{}</LastUsedDate><Region>us-east-1</Region>",
            time.strftime("%Y-%m-%dT%H:%M:%SZ")
        );
    }
    body.push_str("</RoleLastUsed></Role>");
    Ok(xml_answer(NAMESPACE, "GetRole", &body))
}
