//! The repairs as Terraform, where the policies are managed there: for each account a root module of its own, that imports the
//! policies and takes their texts from the files beside it.
//!
//! Providers of the versions 5 and 6 take the same module. A region is given by an aliased provider: the argument `region` of a
//! resource, and `name@region` in an import, are known to version 6 alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use scangap_model::{AccountId, RegionName, account_label, hcl_string};

use super::PlanFile;
use crate::step::PolicyStep;

/// The modules' files, each below the plan's folder.
pub(crate) fn modules(steps: &[PolicyStep]) -> Vec<PlanFile> {
    let mut accounts: BTreeMap<AccountId, Vec<&PolicyStep>> = BTreeMap::new();
    for step in steps {
        accounts.entry(step.account).or_default().push(step);
    }
    let mut files = Vec::new();
    for (account, steps) in accounts {
        let folder = format!("terraform/{account}");
        files.push(PlanFile { path: format!("{folder}/main.tf"), text: module(account, &steps) });
        // Beside the module, so that its folder can be moved to where its account is managed.
        for step in steps {
            files.push(PlanFile { path: format!("{folder}/{}", policy_file(step)), text: step.after.clone() });
        }
    }
    files
}

fn policy_file(step: &PolicyStep) -> String {
    format!("{}.json", step.id)
}

fn module(account: AccountId, steps: &[&PolicyStep]) -> String {
    let name = steps.first().and_then(|step| step.account_name.as_deref());
    let mut text = format!(
        "# Account {}: lets Amazon Inspector in. The steps are those of plan.json.

terraform {{
  required_version = \">= 1.5\"
  required_providers {{
    aws = {{
      source  = \"hashicorp/aws\"
      version = \">= 5.0, < 7.0\"
    }}
  }}
}}

variable \"assume_role_arn\" {{
  description = \"The role in the account to change its policies with. Without it, the credentials are used as they are.\"
  type        = string
  default     = null
}}
",
        account_label(account, name)
    );
    let regions: BTreeSet<&RegionName> = steps.iter().map(|step| &step.region).collect();
    for region in regions {
        let _ = write!(
            text,
            "
# Refuses any other account.
provider \"aws\" {{
  alias               = {}
  region              = {}
  allowed_account_ids = [\"{account}\"]

  dynamic \"assume_role\" {{
    for_each = var.assume_role_arn == null ? [] : [var.assume_role_arn]
    content {{
      role_arn = assume_role.value
    }}
  }}
}}
",
            hcl_string(&alias(region)),
            hcl_string(region.as_str())
        );
    }
    for step in steps {
        let label = step.id.replace('-', "_");
        let repository = hcl_string(step.repository.as_str());
        let _ = write!(
            text,
            "
import {{
  to = aws_ecr_repository_policy.{label}
  id = {repository}
}}

resource \"aws_ecr_repository_policy\" \"{label}\" {{
  provider   = aws.{}
  repository = {repository}
  policy     = file(\"${{path.module}}/{}\")
}}
",
            alias(&step.region),
            policy_file(step)
        );
    }
    text
}

/// A region as a word of HCL.
fn alias(region: &RegionName) -> String {
    region.as_str().replace('-', "_")
}
