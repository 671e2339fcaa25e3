//! What a template or module makes for each grantee, in words that both share.

use crate::grant::Grantee;
use crate::terms::Terms;

/// A role or policy that is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made<'t> {
    /// `AuditRole`.
    pub(crate) logical: &'static str,
    /// `audit`.
    pub(crate) label: &'static str,
    pub(crate) description: &'static str,
    /// `/audit/`.
    pub(crate) path: &'t str,
    pub(crate) name: &'t str,
    /// A role. Else a policy, for a principal that is there.
    pub(crate) is_role: bool,
}

const ORGANIZATION_ROLE: &str = "scangap-organization";
const CALLER_POLICY: &str = "scangap-caller";

pub(crate) fn made<'t>(grantee: Grantee, terms: &'t Terms) -> Made<'t> {
    let of = |logical, label, description, named: &'t str, is_role| {
        let named = named.trim_start_matches('/');
        let (path, name) = named.rsplit_once('/').map_or(("", named), |(path, name)| (path, name));
        Made { logical, label, description, path, name, is_role }
    };
    match grantee {
        Grantee::Audit => {
            let name = terms.role_names.first().map_or("", String::as_str);
            of("AuditRole", "audit", "Reads ECR and Amazon Inspector for scangap. Changes nothing.", name, true)
        }
        Grantee::Write => of("WriteRole", "write", "Carries out the plans of scangap.", &terms.write_role_name, true),
        Grantee::Publish => {
            of("PublishRole", "publish", "Sends findings of scangap to Security Hub.", &terms.publish_role_name, true)
        }
        Grantee::Organization => {
            let arn = terms.organization_role_arn.as_deref();
            let name = arn.and_then(|arn| arn.split_once(":role/")).map_or(ORGANIZATION_ROLE, |(_, name)| name);
            of("OrganizationRole", "organization", "Reads the organization for scangap. Changes nothing.", name, true)
        }
        Grantee::Caller => of(
            "CallerPolicy",
            "caller",
            "What starts scangap: assumes its roles, reads its own account.",
            CALLER_POLICY,
            false,
        ),
    }
}

impl Made<'_> {
    /// As IAM writes a path.
    pub(crate) fn whole_path(&self) -> String {
        if self.path.is_empty() { "/".to_owned() } else { format!("/{}/", self.path) }
    }
}
