//! What holds for a whole registry: its policy and scope, its scanning configuration, its templates.

use scangap_aws::pages::list;
use scangap_model::{Api, Asked, CreationTemplate, Gap, Observed, RegistryFacts};

use super::{Policies, Registry};

pub(super) async fn read(registry: &Registry<'_>, facts: &mut RegistryFacts, policies: &mut Policies) {
    let (calls, reader) = (&registry.calls, &registry.reader);
    let (policy, scope, configuration, templates) = tokio::join!(
        calls.call(Api::GetRegistryPolicy, |call| async move { reader.registry_policy(&call).await }),
        calls.call(Api::GetAccountSetting, |call| async move { reader.registry_policy_scope(&call).await }),
        calls.call(
            Api::GetRegistryScanningConfiguration,
            |call| async move { reader.scanning_configuration(&call).await }
        ),
        list(Api::DescribeRepositoryCreationTemplates, |token| {
            calls.call(Api::DescribeRepositoryCreationTemplates, |call| async move {
                reader.creation_templates(&call, token).await
            })
        }),
    );
    facts.registry_policy = match policy {
        Ok(text) => Observed::from_answer(text.map(|text| policies.keep(text))).into(),
        Err(error) => Observed::unknown(registry.gap(error, "")).into(),
    };
    facts.registry_policy_scope = match scope {
        Ok(word) => Observed::from_answer(word).into(),
        Err(error) => Observed::unknown(registry.gap(error, "")).into(),
    };
    match configuration {
        Ok(configuration) => {
            facts.scan_rules = Observed::Known(configuration.sorted_rules()).into();
            facts.registry_scan_type = Observed::Known(configuration.scan_type).into();
        }
        Err(error) => {
            let gap: Gap = registry.gap(error, "");
            facts.registry_scan_type = Observed::unknown(gap.clone()).into();
            facts.scan_rules = Observed::unknown(gap).into();
        }
    }
    facts.templates = match templates.error {
        None => {
            let mut found: Vec<CreationTemplate> = templates
                .items
                .into_iter()
                .map(|template| CreationTemplate {
                    prefix: template.prefix,
                    policy: template.policy.map(|text| policies.keep(text)),
                })
                .collect();
            found.sort();
            // A list may hold a row twice.
            found.dedup();
            Asked::Answered(Observed::Known(found))
        }
        Some(error) => Observed::unknown(registry.gap(error, "")).into(),
    };
}
