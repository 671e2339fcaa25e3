//! A policy that is not deployed yet, of which something is not known: judged in every world that the unknown could make. Where all
//! worlds agree, that is the verdict; where they do not, it depends, on what is named.

use std::collections::BTreeSet;

use scangap_model::{AccountId, REGIONS, RegionName, Verdict, inspector_role_arn};
use scangap_policy::{Caller, Lint, SyntaxError};
use wildmatch::WildMatch;

use crate::question::{AskedPolicy, Participation, PolicyAnswer, PolicyQuestion};

/// A policy with values that are not known.
pub struct OpenPolicy<'a> {
    /// What is asked of the policy; its account and region where they are known, and no policies.
    pub question: PolicyQuestion,
    pub account: Option<AccountId>,
    pub region: Option<RegionName>,
    pub values: Vec<OpenValue>,
    /// The policy in a world.
    pub written: &'a dyn Fn(&PolicyWorld) -> Result<AskedPolicy, SyntaxError>,
    /// Whether the policy takes part; a registry's may not.
    pub counts: Participation,
}

/// A string of which something is not known.
#[derive(Debug, Clone)]
pub struct OpenValue {
    /// `["Statement", "0", "Principal", "AWS"]`.
    pub path: Vec<String>,
    /// What is not known, as its author names it.
    pub name: String,
    /// The string; `None` for a part that is not known.
    pub pieces: Vec<Option<String>>,
    /// The ARN of a role or user that is made together with the policy: never Inspector's.
    pub is_made_role: bool,
}

/// Values for everything that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWorld {
    pub account: AccountId,
    pub region: RegionName,
    /// Of each open value; `None`: a text that names no principal, no resource and no value of a request.
    pub values: Vec<Option<String>>,
}

/// The answer over all worlds.
#[derive(Debug)]
pub struct WorldsAnswer {
    pub verdict: Verdict,
    /// Whether every world was judged. Else a repair of this one may not be enough.
    pub is_whole: bool,
    /// What the verdict depends on: names of values, condition keys.
    pub depends_on: BTreeSet<String>,
    /// The question and the answer in the world that is worst.
    pub question: PolicyQuestion,
    pub answer: PolicyAnswer,
    pub world: PolicyWorld,
    /// Mistakes that are there in every world.
    pub lints: Vec<Lint>,
}

/// The account and the region, as `depends_on` names them.
pub const UNKNOWN_ACCOUNT: &str = "the account";
pub const UNKNOWN_REGION: &str = "the region";

/// Worlds that are judged one by one.
const WORLDS_MAX: usize = 256;

impl std::fmt::Debug for OpenPolicy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenPolicy")
            .field("question", &self.question)
            .field("values", &self.values)
            .finish_non_exhaustive()
    }
}

impl OpenPolicy<'_> {
    pub fn answer(&self) -> Result<WorldsAnswer, SyntaxError> {
        let base_text = unescaped(self.in_world(&self.base())?.own_text());
        let (accounts, regions) = (self.accounts(&base_text), self.regions(&base_text));
        let base = PolicyWorld {
            account: accounts.first().copied().unwrap_or(self.question.request.account),
            region: regions.first().cloned().unwrap_or_else(|| self.question.request.region.clone()),
            values: vec![None; self.values.len()],
        };
        let Some(choices) = self.choices(&base_text, &accounts, &regions) else {
            return self.too_many(&base);
        };
        let first = choices.iter().map(|alternatives| alternatives.first().cloned().flatten()).collect();
        let base = PolicyWorld { values: first, ..base };
        let mut worlds = vec![base.clone()];
        for (at, alternatives) in choices.iter().enumerate() {
            worlds = worlds
                .iter()
                .flat_map(|world| {
                    alternatives.iter().map(move |value| {
                        let mut world = world.clone();
                        if let Some(place) = world.values.get_mut(at) {
                            place.clone_from(value);
                        }
                        world
                    })
                })
                .collect();
        }
        let places = accounts.iter().flat_map(|account| regions.iter().map(move |region| (*account, region.clone())));
        let worlds: Vec<PolicyWorld> = places
            .flat_map(|(account, region)| {
                worlds.iter().map(move |world| PolicyWorld {
                    account,
                    region: region.clone(),
                    values: world.values.clone(),
                })
            })
            .collect();
        self.over(&base, &worlds)
    }

    /// The values cannot be written out world by world, so that nothing is decided.
    fn too_many(&self, base: &PolicyWorld) -> Result<WorldsAnswer, SyntaxError> {
        let mut answer = self.over(base, std::slice::from_ref(base))?;
        answer.verdict = Verdict::Depends;
        answer.is_whole = false;
        answer.depends_on = self.values.iter().map(|value| value.name.clone()).collect();
        answer.lints.clear();
        Ok(answer)
    }

    fn over(&self, base: &PolicyWorld, worlds: &[PolicyWorld]) -> Result<WorldsAnswer, SyntaxError> {
        let mut judged = Vec::new();
        for world in worlds {
            let question = self.in_world(world)?;
            let answer = question.answer();
            judged.push((world, question, answer));
        }
        let verdicts: BTreeSet<Verdict> = judged.iter().map(|(_, _, answer)| answer.verdict).collect();
        let verdict = match verdicts.len() {
            1 => verdicts.first().copied().unwrap_or(Verdict::Depends),
            _ => Verdict::Depends,
        };
        let mut depends_on = BTreeSet::new();
        if verdict == Verdict::Depends {
            let keys = judged.iter().flat_map(|(_, _, answer)| &answer.decisions);
            depends_on.extend(keys.flat_map(|(_, decision)| decision.depends_on.iter().cloned()));
            if verdicts.len() > 1 {
                depends_on.extend(self.differing(base, &judged));
            }
        }
        let lints = common_lints(&judged, &self.values);
        let worst = |verdict: Verdict| match verdict {
            Verdict::Denied => 0,
            Verdict::Depends => 1,
            Verdict::Unknown => 2,
            Verdict::Allowed => 3,
        };
        judged.sort_by_key(|(_, _, answer)| worst(answer.verdict));
        let (world, question, answer) = judged.swap_remove(0);
        Ok(WorldsAnswer { verdict, is_whole: true, depends_on, world: world.clone(), question, answer, lints })
    }

    /// What makes a difference by itself; where nothing does, all of it together.
    fn differing(
        &self,
        base: &PolicyWorld,
        judged: &[(&PolicyWorld, PolicyQuestion, PolicyAnswer)],
    ) -> BTreeSet<String> {
        let at =
            |world: &PolicyWorld| judged.iter().find(|(one, _, _)| *one == world).map(|(_, _, answer)| answer.verdict);
        let of_base = at(base);
        let mut names = BTreeSet::new();
        let mut every = BTreeSet::new();
        for (world, _, answer) in judged {
            let mut differs = Vec::new();
            if world.account != base.account {
                differs.push(UNKNOWN_ACCOUNT.to_owned());
            }
            if world.region != base.region {
                differs.push(UNKNOWN_REGION.to_owned());
            }
            let values = world.values.iter().zip(&base.values).zip(&self.values);
            differs.extend(values.filter(|((one, of_base), _)| one != of_base).map(|(_, value)| value.name.clone()));
            if Some(answer.verdict) != of_base && differs.len() == 1 {
                names.extend(differs.clone());
            }
            every.extend(differs);
        }
        if names.is_empty() { every } else { names }
    }

    fn base(&self) -> PolicyWorld {
        PolicyWorld {
            account: self.question.request.account,
            region: self.question.request.region.clone(),
            values: vec![None; self.values.len()],
        }
    }

    fn in_world(&self, world: &PolicyWorld) -> Result<PolicyQuestion, SyntaxError> {
        let mut policy = (self.written)(world)?;
        policy.counts = self.counts;
        let mut request = self.question.request.clone();
        request.account = world.account;
        request.region = world.region.clone();
        Ok(PolicyQuestion {
            request,
            policies: vec![policy],
            actions: self.question.actions.clone(),
            unread: self.question.unread,
            members: self.question.members.clone(),
        })
    }

    /// Accounts that could make a difference: one that nothing names, each that something names, and one of each pattern.
    fn accounts(&self, text: &str) -> Vec<AccountId> {
        if let Some(account) = self.account {
            return vec![account];
        }
        // In `arn*7777:role` the account is what ends in 7777: a pattern of digits may stand in a longer word.
        let is_of_digits = |c: char| c.is_ascii_digit() || matches!(c, '*' | '?');
        let has_digit = |word: &&str| word.bytes().any(|byte| byte.is_ascii_digit());
        let patterns: BTreeSet<&str> =
            words(text).flat_map(|word| word.split(|c| !is_of_digits(c))).filter(has_digit).collect();
        let mut named: BTreeSet<AccountId> = BTreeSet::new();
        for pattern in &patterns {
            named.extend(fillings(pattern, &patterns).filter_map(|text| text.parse::<AccountId>().ok()));
        }
        if text.contains("Numeric") {
            let numbers: Vec<u64> = named.iter().filter_map(|account| account.as_str().parse().ok()).collect();
            let beside = numbers.iter().flat_map(|number| [number.saturating_sub(1), number + 1]);
            named.extend(
                beside.chain([999_999_999_999]).filter_map(|number| format!("{number:012}").parse::<AccountId>().ok()),
            );
        }
        match &self.question.request.principal {
            Caller::Role { account, .. }
            | Caller::SomeRole { account }
            | Caller::User { account, .. }
            | Caller::Root { account, .. } => drop(named.insert(*account)),
            Caller::Inspector | Caller::Service(_) => {}
        }
        // Patterns may name the account that stands for one that nothing names: then another stands beside it.
        let others = ('1'..='9').filter_map(|digit| digit.to_string().repeat(ACCOUNT_DIGITS).parse().ok());
        let is_named = |account: &AccountId| {
            let text = account.to_string();
            named.contains(account) || patterns.iter().any(|pattern| is_like(pattern, &text))
        };
        let base = self.question.request.account;
        let other = is_named(&base).then(|| others.into_iter().find(|other| !is_named(other))).flatten();
        named.remove(&base);
        std::iter::once(base).chain(other).chain(named).collect()
    }

    /// The same of regions: of all that match the same patterns one stands for the others.
    fn regions(&self, text: &str) -> Vec<RegionName> {
        if let Some(region) = &self.region {
            return vec![region.clone()];
        }
        let base = self.question.request.region.clone();
        let partition = self.question.request.partition;
        let is_of_regions = |word: &&str| {
            let is_bare = !word.bytes().any(|byte| byte.is_ascii_alphanumeric());
            !is_bare && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-*?".contains(&byte))
        };
        let patterns: BTreeSet<String> = words(text).filter(is_of_regions).map(str::to_ascii_lowercase).collect();
        let known = REGIONS.iter().filter(|region| region.partition == partition).map(|region| region.name);
        // Regions that are newer than the list are named, or match as one of the list does.
        let named = patterns.iter().map(String::as_str).filter(|word| is_region(word));
        let matched = |region: &str| -> Vec<bool> { patterns.iter().map(|pattern| is_like(pattern, region)).collect() };
        let mut seen = BTreeSet::from([matched(base.as_str())]);
        let mut all = vec![base.clone()];
        for region in known.chain(named) {
            if seen.insert(matched(region)) {
                all.extend(region.parse::<RegionName>().ok());
            }
        }
        all
    }

    /// The values that each open value may have, as far as they make a difference. `None`: they cannot be written out, or are too
    /// many.
    fn choices(&self, text: &str, accounts: &[AccountId], regions: &[RegionName]) -> Option<Vec<Vec<Option<String>>>> {
        let mut all = Vec::new();
        let mut worlds = accounts.len().saturating_mul(regions.len());
        for value in &self.values {
            let mut choices: Vec<Option<String>> = Vec::new();
            for account in accounts {
                for region in regions {
                    for one in self.alternatives(value, text, *account, region)? {
                        if !choices.contains(&one) {
                            choices.push(one);
                        }
                    }
                }
            }
            worlds = worlds.saturating_mul(choices.len());
            all.push(choices);
        }
        (worlds <= WORLDS_MAX).then_some(all)
    }

    fn alternatives(
        &self,
        value: &OpenValue,
        text: &str,
        account: AccountId,
        region: &RegionName,
    ) -> Option<Vec<Option<String>>> {
        let request = &self.question.request;
        let role = inspector_role_arn(request.partition, account);
        let caller = match &request.principal {
            Caller::Inspector => role,
            Caller::Role { arn, .. } | Caller::User { arn, .. } | Caller::Root { arn, .. } => arn.clone(),
            Caller::Service(name) => name.clone(),
            Caller::SomeRole { .. } => return None,
        };
        let nothing = || vec![None];
        if value.is_made_role && request.principal == Caller::Inspector {
            return Some(nothing());
        }
        let path: Vec<&str> =
            value.path.iter().map(String::as_str).filter(|step| !step.bytes().all(|b| b.is_ascii_digit())).collect();
        if let ["Id" | "Version"] | ["Statement", "Sid"] = path.as_slice() {
            return Some(nothing());
        }
        // A pattern matches more than a text that could be written in its place.
        let is_pattern = |known: &String| known.contains(['*', '?']) || known.contains("${");
        if value.pieces.iter().flatten().any(is_pattern) {
            return None;
        }
        let or = |texts: Vec<String>| -> Vec<Option<String>> {
            let fitting = texts.into_iter().filter(|text| value.fits(text)).map(Some);
            nothing().into_iter().chain(fitting).collect()
        };
        let is_open = value.pieces.iter().all(Option::is_none);
        match path.as_slice() {
            ["Statement", "Principal" | "NotPrincipal", "AWS" | "CanonicalUser" | "Federated"] => {
                let root = format!("arn:{}:iam::{account}:root", request.partition);
                Some(or(vec![caller, root, account.to_string(), "*".to_owned()]))
            }
            ["Statement", "Principal" | "NotPrincipal", "Service"] => Some(or(vec![caller])),
            ["Statement", "Resource" | "NotResource"] => {
                let all = format!("arn:{}:ecr:{region}:{account}:repository/*", request.partition);
                Some(or(vec![all, "*".to_owned()]))
            }
            // A set operator compares all values of a key, and no variable stands for several.
            ["Statement", "Condition", operator, _] if operator.contains(':') => None,
            ["Statement", "Condition", operator, key] => {
                let operator = operator.trim_end_matches("IfExists");
                let key = key.to_ascii_lowercase();
                match operator {
                    "IpAddress" | "NotIpAddress" if is_open => {
                        Some([NO_ADDRESS, EVERY_ADDRESS].into_iter().map(|text| Some(text.to_owned())).collect())
                    }
                    "Bool" | "Null" if is_open => {
                        Some(["true", "false"].into_iter().map(|text| Some(text.to_owned())).collect())
                    }
                    "StringEquals" | "StringNotEquals" | "StringLike" | "StringNotLike" | "ArnEquals"
                    | "ArnNotEquals" | "ArnLike" | "ArnNotLike"
                        if key == "aws:principalarn" =>
                    {
                        Some(or(vec![caller, "*".to_owned()]))
                    }
                    "StringEquals" | "StringNotEquals" | "StringLike" | "StringNotLike"
                        if key == "aws:principalaccount" =>
                    {
                        Some(or(vec![account.to_string()]))
                    }
                    // A variable has the value of its own key: whatever that is, it is equal. Older versions take it for text.
                    "StringEquals" | "StringNotEquals" | "StringLike" | "StringNotLike"
                        if is_open && text.contains("\"Version\": \"2012-10-17\"") && !key.contains('/') =>
                    {
                        Some(or(vec![format!("${{{key}}}"), "*".to_owned()]))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

const ACCOUNT_DIGITS: usize = 12;

/// A range of documentation addresses, which nobody has.
const NO_ADDRESS: &str = "192.0.2.0/24";
const EVERY_ADDRESS: &str = "0.0.0.0/0";

impl OpenValue {
    /// Whether the string could be this.
    fn fits(&self, text: &str) -> bool {
        fits(&self.pieces, text)
    }

    /// `Statement[0].Principal.AWS[1]`, as lints name places.
    fn place(&self) -> String {
        let mut place = String::new();
        for (at, step) in self.path.iter().enumerate() {
            if step.bytes().all(|b| b.is_ascii_digit()) {
                place.extend(["[", step, "]"]);
            } else {
                // One statement alone is the first.
                place += if at == 1 && !place.ends_with(']') { "[0]" } else { "" };
                place += if at == 0 { "" } else { "." };
                place += step;
            }
        }
        place
    }
}

/// Whether a text could be these pieces, of which some are not known. What is not known takes as little as it can: then the rest has
/// most to be found in, and nothing is tried twice, whatever a stranger's file holds.
fn fits(pieces: &[Option<String>], text: &str) -> bool {
    let mut rest = text;
    let mut after_unknown = false;
    for (at, piece) in pieces.iter().enumerate() {
        let Some(known) = piece else {
            after_unknown = true;
            continue;
        };
        let is_last = at + 1 == pieces.len();
        let found = match after_unknown {
            false => rest.strip_prefix(known.as_str()),
            true if is_last => rest.ends_with(known.as_str()).then_some(""),
            true => rest.split_once(known.as_str()).map(|(_, after)| after),
        };
        let Some(after) = found else { return false };
        (rest, after_unknown) = (after, false);
    }
    after_unknown || rest.is_empty()
}

/// Account ids that a pattern may stand for: its wildcards filled with each digit, and with what other patterns ask for, so that one
/// account may fit several.
fn fillings<'p>(pattern: &'p str, others: &'p BTreeSet<&'p str>) -> impl Iterator<Item = String> + 'p {
    let known = pattern.bytes().filter(|byte| *byte != b'*').count();
    let missing = ACCOUNT_DIGITS.checked_sub(known).filter(|missing| *missing == 0 || pattern.contains('*'));
    let digits = ('0'..='9').map(|digit| digit.to_string());
    let asked = others.iter().map(|other| other.chars().filter(char::is_ascii_digit).collect::<String>());
    let fillers = digits.chain(asked).filter(|filler| !filler.is_empty());
    fillers.filter_map(move |filler| {
        let missing = missing?;
        let one = filler.chars().next().unwrap_or('1').to_string();
        let fill: String = filler.chars().cycle().take(missing).collect();
        let filled = pattern.replace('?', &one).replacen('*', &fill, 1).replace('*', "");
        (filled.len() == ACCOUNT_DIGITS).then_some(filled)
    })
}

/// A text of JSON with the characters that it escapes.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code =
            after.strip_prefix('u').and_then(|code| code.get(..4)).and_then(|code| u32::from_str_radix(code, 16).ok());
        rest = match code {
            Some(code) => {
                out.extend(char::from_u32(code));
                after.get(5..).unwrap_or_default()
            }
            None => after,
        };
    }
    out + rest
}

/// Whether a word is a region's name, as AWS forms them.
fn is_region(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    let is_number = parts.last().is_some_and(|last| last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit()));
    let is_area = parts.first().is_some_and(|first| first.len() == 2 && first.bytes().all(|b| b.is_ascii_lowercase()));
    parts.len() >= 3 && parts.len() <= 4 && is_number && is_area && !word.contains(['*', '?'])
}

/// Whether a text is as a pattern with `*` and `?` says.
fn is_like(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

/// Runs of letters, digits, hyphens and wildcards.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '*' | '?'))
}

/// The mistakes that are there in every world, and are not about what is not known.
fn common_lints(judged: &[(&PolicyWorld, PolicyQuestion, PolicyAnswer)], values: &[OpenValue]) -> Vec<Lint> {
    let mut all = judged.iter().map(|(_, _, answer)| answer.lints.iter().map(|(_, lint)| lint));
    let Some(first) = all.next() else { return Vec::new() };
    let others: Vec<BTreeSet<(&str, &str)>> =
        all.map(|lints| lints.map(|lint| (lint.code, lint.path.as_str())).collect()).collect();
    let open: Vec<String> = values.iter().map(OpenValue::place).collect();
    first
        .filter(|lint| others.iter().all(|known| known.contains(&(lint.code, lint.path.as_str()))))
        .filter(|lint| !open.iter().any(|place| lint.path.contains('.') && place.starts_with(lint.path.as_str())))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fits;

    fn pieces(pattern: &str) -> Vec<Option<String>> {
        let known = |piece: &str| (!piece.is_empty()).then(|| Some(piece.to_owned()));
        let mut pieces = Vec::new();
        for (at, piece) in pattern.split('*').enumerate() {
            if at > 0 {
                pieces.push(None);
            }
            pieces.extend(known(piece));
        }
        pieces
    }

    #[test]
    fn a_text_fits_what_is_known_of_it_and_many_unknowns_cost_nothing() {
        for (pattern, text, is) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*", "ab", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*ab*ab", "xabyab", true),
            ("*ab*ab", "xab", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("**a**", "日a本", true),
        ] {
            assert_eq!(fits(&pieces(pattern), text), is, "{pattern} {text}");
        }
        // Each unknown piece that tried every cut would take longer than there is time.
        assert!(!fits(&pieces(&("*a".repeat(40) + "b")), &"a".repeat(2_000)));
    }
}
