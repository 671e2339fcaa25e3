//! What an Inspector policy of the organization governs.

use scangap_model::RegionName;

/// Whether an effective Inspector policy of the organization governs ECR scanning in a region.
///
/// AWS: such a policy governs the scan types and regions that it names; types that none manages may be turned off by API.
/// A policy that cannot be read so governs: to be wrong the other way would turn off what may not be turned on.
pub fn inspector_policy_governs(policy: &str, region: &RegionName) -> bool {
    let Ok(policy) = serde_json::from_str::<serde_json::Value>(policy) else { return true };
    let mut ecr = Vec::new();
    members_of_ecr(&policy, &mut ecr);
    let mut words = Vec::new();
    for value in &ecr {
        texts(value, &mut words);
    }
    let every = |word: &&str| word.eq_ignore_ascii_case("ALL_SUPPORTED") || word.eq_ignore_ascii_case("ALL");
    match ecr.as_slice() {
        [] => !policy.is_object(),
        // The type is named, and no region with it.
        [..] if words.is_empty() => true,
        [..] => words.iter().any(|word| every(word) || *word == region.as_str()),
    }
}

fn members_of_ecr<'v>(value: &'v serde_json::Value, found: &mut Vec<&'v serde_json::Value>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        if name.to_ascii_lowercase().contains("ecr") { found.push(member) } else { members_of_ecr(member, found) }
    }
}

fn texts<'v>(value: &'v serde_json::Value, found: &mut Vec<&'v str>) {
    if let Some(text) = value.as_str() {
        found.push(text);
    }
    let members = value.as_object().into_iter().flat_map(|members| members.values());
    for member in value.as_array().into_iter().flatten().chain(members) {
        texts(member, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 8 The executor: an effective Inspector policy blocks a re-sync only for the scan types and regions that it manages
    #[test]
    fn a_policy_governs_the_types_and_regions_that_it_names() {
        let governs = |policy: &str| inspector_policy_governs(policy, &"eu-west-1".parse().unwrap());
        let ecr = |regions: &str| {
            format!(r#"{{"inspector":{{"enablement":{{"ecr_scanning":{{"enable_in_regions":{regions}}}}}}}}}"#)
        };
        assert!(governs(&ecr(r#"["eu-west-1"]"#)) && governs(&ecr(r#"["ALL_SUPPORTED"]"#)) && governs(&ecr("[]")));
        assert!(!governs(&ecr(r#"["us-east-1"]"#)));
        assert!(!governs(r#"{"inspector":{"enablement":{"ec2_scanning":{"enable_in_regions":["eu-west-1"]}}}}"#));
        assert!(governs("no JSON"));
    }
}
