//! The repair as Terraform, where the policy is managed there: an import, and the policy from its file.

use std::fmt::Write;

use crate::step::PolicyStep;

pub(crate) fn snippet(step: &PolicyStep) -> String {
    let name = step.id.replace('-', "_");
    let (repository, region) = (quoted(step.repository.as_str()), quoted(step.region.as_str()));
    // Without its region an import takes what has the name in the provider's region, and would then replace it.
    let import = quoted(&format!("{}@{}", step.repository, step.region));
    format!(
        "terraform {{
  required_providers {{
    aws = {{
      source  = \"hashicorp/aws\"
      version = \">= 6.0\"
    }}
  }}
}}

# Refuses any other account. Add `assume_role` for this account here.
provider \"aws\" {{
  region              = {region}
  allowed_account_ids = [\"{}\"]
}}

import {{
  to = aws_ecr_repository_policy.{name}
  id = {import}
}}

resource \"aws_ecr_repository_policy\" \"{name}\" {{
  region     = {region}
  repository = {repository}
  policy     = file(\"${{path.module}}/after.json\")
}}
",
        step.account
    )
}

/// A text in HCL, where nothing of it is a template.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' => out.push_str("$$"),
            '%' => out.push_str("%%"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    // `$$` and `%%` stand for themselves only before a brace; elsewhere one is enough.
    let out = out.replace("$${", "\u{1}").replace("$$", "$").replace('\u{1}', "$${");
    out.replace("%%{", "\u{1}").replace("%%", "%").replace('\u{1}', "%%{") + "\""
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_is_a_template() {
        assert_eq!(quoted("team/app"), "\"team/app\"");
        assert_eq!(quoted("a\"b\\${x}%{y}$5 100%"), "\"a\\\"b\\\\$${x}%%{y}$5 100%\"");
    }
}
