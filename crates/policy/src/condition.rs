//! Condition operators over what is known of a key.

mod operator;
mod wanted;

use std::collections::BTreeSet;

pub use operator::operator_names;
pub(crate) use operator::{Comparison, Operator, Order, Quantifier};
pub(crate) use wanted::{Filled, Wanted, filled, known_value, value};

use crate::action::Class;
use crate::context::{Context, Family, State, Value};
use crate::element::Version;
use crate::key::{Key, Kind};
use crate::outcome::{Kleene, Outcome};
use crate::template::Variable;

/// One key under one operator, with the values it is compared to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) operator_text: Box<str>,
    pub(crate) key: Key,
    /// As the author wrote them.
    pub(crate) values: Vec<Box<str>>,
    /// The same, read as what the operator compares.
    pub(crate) wanted: Vec<Wanted>,
    /// From the key to the end of its values, in the text.
    pub(crate) span: (usize, usize),
}

impl Condition {
    pub(crate) fn new(
        operator: Operator,
        operator_text: &str,
        key: &str,
        values: Vec<Box<str>>,
        version: Version,
        span: (usize, usize),
    ) -> Self {
        let wanted = values.iter().map(|text| Wanted::read(text, operator, version)).collect();
        Self { operator, operator_text: operator_text.into(), key: Key::new(key), values, wanted, span }
    }

    /// `NotIpAddress aws:SourceIp`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.operator_text, self.key.text)
    }

    pub(crate) fn evaluate(&self, context: &Context<'_>, class: Class) -> Outcome {
        let one = |value: Value<'_>| self.present(std::iter::once(value), context, class);
        match context.state(&self.key, class) {
            State::One(value) => Outcome::always(one(value)),
            State::Many(values) => {
                let values = values.iter().map(|text| Value::Text(text));
                Outcome::always(self.present(values, context, class))
            }
            State::Absent => Outcome::always(self.absent()),
            State::Open => Outcome::always(one(Value::Anything).agree(self.absent())),
            State::In(cases, value) => Outcome::split(cases, one(value), self.absent()),
            State::MaybeIn(cases, value) => Outcome::split(cases, one(value).agree(self.absent()), self.absent()),
            State::AddressIn(cases) => {
                let either = one(Value::AwsAddress(Family::V4)).agree(one(Value::AwsAddress(Family::V6)));
                Outcome::split(cases, either, self.absent())
            }
        }
    }

    /// AWS: "IAM JSON policy elements: Condition operators", where a key is missing.
    fn absent(&self) -> Kleene {
        let operator = self.operator;
        if operator.comparison == Comparison::Null && operator.quantifier == Quantifier::Single {
            return self.missing(true);
        }
        match (operator.if_exists, operator.quantifier) {
            (true, _) | (false, Quantifier::ForAllValues) => Kleene::Yes,
            (false, Quantifier::ForAnyValue) => Kleene::No,
            // AWS accepts an empty list of values and does not say what it means.
            (false, Quantifier::Single) if self.values.is_empty() => Kleene::Open,
            (false, Quantifier::Single) => Kleene::of(operator.negated),
        }
    }

    /// `Null`: its values say whether the key should be missing.
    fn missing(&self, is_missing: bool) -> Kleene {
        if self.wanted.is_empty() {
            return Kleene::Open;
        }
        self.any_wanted(|wanted| match wanted {
            Wanted::Missing(wanted) => Kleene::of(*wanted == is_missing),
            _ => Kleene::Open,
        })
    }

    fn any_wanted(&self, test: impl Fn(&Wanted) -> Kleene) -> Kleene {
        let mut any = Kleene::No;
        for wanted in &self.wanted {
            any = any.or(test(wanted));
            if any == Kleene::Yes {
                break;
            }
        }
        any
    }

    /// The key is there, with these values.
    pub(crate) fn present<'v>(
        &self,
        mut values: impl Iterator<Item = Value<'v>>,
        context: &Context<'_>,
        class: Class,
    ) -> Kleene {
        let operator = self.operator;
        if operator.comparison == Comparison::Null {
            // What a set operator does to `Null` is documented for missing keys only.
            return if operator.quantifier == Quantifier::Single { self.missing(false) } else { Kleene::Open };
        }
        let one = |found: Value<'_>| {
            if self.wanted.is_empty() {
                return Kleene::Open;
            }
            let hit = self.any_wanted(|wanted| wanted.compare(operator.comparison, found, context, class));
            if operator.negated { hit.not() } else { hit }
        };
        match operator.quantifier {
            Quantifier::ForAllValues => values.fold(Kleene::Yes, |all, value| all.and(one(value))),
            // AWS: without a value of the policy to match, `ForAnyValue` never does.
            Quantifier::ForAnyValue if self.wanted.is_empty() => Kleene::No,
            Quantifier::ForAnyValue => values.fold(Kleene::No, |any, value| any.or(one(value))),
            Quantifier::Single => match (values.next(), values.next()) {
                (Some(value), None) => one(value),
                // AWS: several values without a set operator are not defined.
                _ => Kleene::Open,
            },
        }
    }

    fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.wanted.iter().flat_map(|wanted| match wanted {
            Wanted::Text(template) => template.variables().collect(),
            _ => Vec::new(),
        })
    }

    /// The keys whose values would settle it.
    pub(crate) fn hangs_on(&self, context: &Context<'_>, class: Class) -> BTreeSet<String> {
        let keys = std::iter::once(&self.key).chain(self.variables().map(|variable| &variable.key));
        let open: BTreeSet<String> =
            keys.filter(|key| !context.is_settled(key, class)).map(|key| key.text.to_string()).collect();
        // If no key is open, AWS does not define the comparison; the condition then depends on its own key.
        if open.is_empty() { BTreeSet::from([self.key.text.to_string()]) } else { open }
    }

    /// Whether it can match only where the key is there.
    pub(crate) fn needs_the_key(&self) -> bool {
        let operator = self.operator;
        match (operator.comparison, operator.quantifier) {
            (_, Quantifier::ForAllValues) => false,
            (Comparison::Null, _) => self.wanted.as_slice() == [Wanted::Missing(false)],
            (_, Quantifier::ForAnyValue) => !operator.if_exists,
            (_, Quantifier::Single) => !operator.negated && !operator.if_exists,
        }
    }

    /// Whether it is decided by the tags of the role, so that a tag of the session's could decide it otherwise.
    pub(crate) fn rests_on_role_tags(&self, context: &Context<'_>, class: Class) -> bool {
        if !context.knows_role_tags() {
            return false;
        }
        let in_a_value = self.variables().any(|variable| variable.key.kind == Kind::PrincipalTag);
        let with_any = || Outcome::always(self.present(std::iter::once(Value::Anything), context, class));
        let if_open = || Outcome::always(self.absent()) == with_any();
        in_a_value || (self.key.kind == Kind::PrincipalTag && !if_open())
    }

    /// Whether it would go another way if the key were missing.
    pub(crate) fn hangs_on_presence(&self, context: &Context<'_>, class: Class) -> bool {
        self.evaluate(context, class) != Outcome::always(self.absent())
    }
}
