//! What holds of every text: it is answered, or refused with a place inside it.

use std::collections::BTreeMap;

use scangap_model::Partition;
use scangap_policy::{
    Caller, Context, INSPECTOR_ACTIONS, Organization, PolicyDocument, PolicyKind, Request, RoleIdentity, Tags, decide,
    exempt, lint, verdicts, why,
};

pub(crate) fn survives(text: &str) {
    let asked = Request {
        partition: Partition::Aws,
        account: "111122223333".parse().expect("an account"),
        region: "eu-west-1".parse().expect("a region"),
        repository: Some("team/app".parse().expect("a repository")),
        organization: Organization::Unknown,
        tags: Tags::Unknown,
        inspector_role: RoleIdentity::UNKNOWN,
        principal: Caller::Inspector,
        as_of: jiff::Timestamp::UNIX_EPOCH,
        stated: BTreeMap::new(),
    };
    let context = Context::new(&asked);
    let document = match PolicyDocument::parse(text) {
        Ok(document) => document,
        Err(error) => {
            assert!(text.get(error.position.offset..).is_some());
            return;
        }
    };
    for &action in INSPECTOR_ACTIONS {
        let decision = decide(&[&document], action, &context);
        assert_eq!(verdicts(&[&document], &context).of(action), decision.verdict);
        for statement in document.statements() {
            let elements = why(&document, statement.index, action, &context);
            assert!(elements.iter().all(|element| text.get(element.span.0..element.span.1).is_some()));
        }
    }
    for kind in [PolicyKind::Repository, PolicyKind::Registry] {
        let lints = lint(text, &document, kind, &context, None);
        assert!(lints.iter().all(|lint| text.get(lint.span.0..lint.span.1).is_some()));
    }
    if let Ok(repaired) = exempt(text, INSPECTOR_ACTIONS, &asked) {
        let again = PolicyDocument::parse(&repaired).expect("a repair is a policy");
        assert_eq!(verdicts(&[&again], &context).fold(INSPECTOR_ACTIONS), scangap_model::Verdict::Allowed);
    }
    let printed = document.to_string();
    let again = PolicyDocument::parse(&printed).expect("what is printed is a policy");
    assert_eq!(again.to_string(), printed);
}
