//! What the tests share: one request by Inspector's role, and the verdict of a policy for it.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::float_cmp,
    clippy::format_collect,
    reason = "shared by several test programs, none of which uses all of it"
)]

pub(crate) mod generate;
pub(crate) mod reference;
pub(crate) mod survive;

use std::collections::{BTreeMap, BTreeSet};

use scangap_model::{Partition, Verdict};
use scangap_policy::{
    Action, Caller, Context, Decision, Organization, PolicyDocument, REPOSITORY_ACTIONS, Request, RoleIdentity, Tags,
    decide, verdicts,
};

pub(crate) const ROLE: &str =
    "arn:aws:iam::111122223333:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2";

pub(crate) fn request() -> Request {
    Request {
        partition: Partition::Aws,
        account: "111122223333".parse().expect("an account"),
        region: "eu-west-1".parse().expect("a region"),
        repository: Some("team/app".parse().expect("a repository")),
        organization: Organization::Member {
            id: "o-exampleorg".into(),
            path: Some("o-exampleorg/r-ab12/ou-ab12-1/".into()),
        },
        tags: Tags::Known(BTreeMap::from([("Scan".to_owned(), "yes".to_owned())])),
        inspector_role: RoleIdentity::UNKNOWN,
        principal: Caller::Inspector,
        as_of: "2026-11-23T00:00:00Z".parse().expect("a time"),
        stated: BTreeMap::new(),
    }
}

pub(crate) fn parse(text: &str) -> PolicyDocument {
    PolicyDocument::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// One action decided: the quick answer must be the explained one.
pub(crate) fn evaluate(document: &PolicyDocument, action: Action, request: &Request) -> Decision {
    let context = Context::new(request);
    let decision = decide(&[document], action, &context);
    assert_eq!(verdicts(&[document], &context).of(action), decision.verdict, "quick and explained differ");
    decision
}

/// Folded over the six actions: `denied`, `allowed`, or `depends` with its keys.
pub(crate) fn verdict(text: &str, request: &Request) -> String {
    let document = parse(text);
    let decisions: Vec<Decision> =
        REPOSITORY_ACTIONS.iter().map(|&action| evaluate(&document, action, request)).collect();
    let verdict = Verdict::fold(decisions.iter().map(|decision| decision.verdict));
    let keys: BTreeSet<String> = decisions.into_iter().flat_map(|decision| decision.depends_on).collect();
    if keys.is_empty() {
        verdict.word().to_owned()
    } else {
        format!("{} {}", verdict.word(), keys.into_iter().collect::<Vec<_>>().join(" ").to_lowercase())
    }
}

/// A Deny of everything to everyone under a Condition block.
pub(crate) fn deny_under(block: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"*","Condition":{{{block}}}}}]}}"#
    )
    .replace("ROLE", ROLE)
}

/// Rows of a table, each a test with the row's name, and the list of all.
#[macro_export]
macro_rules! rows {
    ($check:ident, $names:ident; $($test:ident $row:literal: [$($case:expr),+ $(,)?])+) => {
        const $names: &[&str] = &[$($row),+];
        $(
            #[test]
            fn $test() {
                for case in [$($case),+] {
                    $check($row, case);
                }
            }
        )+
    };
}
