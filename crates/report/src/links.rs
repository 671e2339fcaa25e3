//! Links that leave a report: to AWS's console and nowhere else.

use scangap_model::{AccountId, Partition, RegionName, RepositoryFacts};

use crate::input::Input;

/// Where the console of a partition is; a region stands before it.
pub(crate) fn console_host(partition: Partition) -> Option<&'static str> {
    match partition.as_str() {
        "aws" => Some("console.aws.amazon.com"),
        "aws-cn" => Some("console.amazonaws.cn"),
        "aws-us-gov" => Some("console.amazonaws-us-gov.com"),
        _ => None,
    }
}

/// The repository in AWS's console. A simulated one is nowhere.
pub(crate) fn repository_url(input: &Input<'_>, repository: &RepositoryFacts) -> Option<String> {
    let partition = input.facts.organization.partition;
    let url = || console_url(partition, repository.account, &repository.region, repository.name.as_str());
    if input.simulated { None } else { url() }
}

/// The repository in the console of its partition. `None` where it is not known what the console is called there.
fn console_url(partition: Partition, account: AccountId, region: &RegionName, repository: &str) -> Option<String> {
    let host = console_host(partition)?;
    let name = percent_encoded(repository);
    Some(format!("https://{region}.{host}/ecr/repositories/private/{account}/{name}?region={region}"))
}

/// Everything but what RFC 3986 leaves alone, and the slashes of a repository's path.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_console_whatever_a_repository_is_called() {
        let url = |partition: &str, name: &str| {
            let (account, region) = ("000000000012".parse().unwrap(), "eu-west-1".parse().unwrap());
            console_url(partition.parse().unwrap(), account, &region, name)
        };
        assert_eq!(
            url("aws", "team/app").unwrap(),
            "https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/000000000012/team/app?region=eu-west-1"
        );
        assert!(url("aws-cn", "a").unwrap().contains(".console.amazonaws.cn/"));
        assert!(
            url("aws", "x\"><script>@evil.example")
                .unwrap()
                .ends_with("/x%22%3E%3Cscript%3E%40evil.example?region=eu-west-1")
        );
    }
}
