//! Tools that own a repository, as far as its tags say so: what they deploy next writes its policy again.

use std::collections::BTreeMap;
use std::fmt;

/// The tag that `CloudFormation` puts on what it makes.
const STACK_TAG: &str = "aws:cloudformation:stack-name";

/// A tool that a tag names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TagWriter {
    /// AWS itself sets the tag.
    Stack(String),
    /// Terraform sets no tag of its own: teams do, and each in its words.
    Terraform { key: String, value: String },
}

impl TagWriter {
    pub fn all(tags: &BTreeMap<String, String>) -> impl Iterator<Item = Self> {
        tags.iter().filter_map(|(key, value)| {
            if key == STACK_TAG {
                return Some(Self::Stack(value.clone()));
            }
            let names_it = |text: &String| {
                let text = text.to_lowercase();
                ["terraform", "opentofu"].iter().any(|tool| text.contains(tool))
            };
            (names_it(key) || names_it(value)).then(|| Self::Terraform { key: key.clone(), value: value.clone() })
        })
    }
}

impl fmt::Display for TagWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stack(name) => write!(f, "CloudFormation stack `{name}`"),
            Self::Terraform { key, value } => write!(f, "Terraform, as its tag says: `{key}` = `{value}`"),
        }
    }
}
