//! Where a repository is, and the commands that repair it there.

use scangap_model::{AccountId, RegionName, RepositoryFacts, sanitize};

/// Where a repository is.
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) region: RegionName,
    pub(crate) repository: String,
    /// The beginning of its policy's hash.
    text: String,
}

impl Place {
    pub(crate) fn of(facts: &RepositoryFacts) -> Self {
        let hash = facts.policy.known().map(ToString::to_string).unwrap_or_default();
        Self {
            account: facts.account,
            region: facts.region.clone(),
            repository: facts.name.to_string(),
            text: hash.chars().take(8).collect(),
        }
    }

    /// What a person would type, with the name quoted. Each repository and text has a file of its own: one that is left
    /// from another can never be stored here.
    pub(crate) fn commands(&self) -> String {
        let (account, region) = (self.account, &self.region);
        let name = shell_word(&sanitize(&self.repository));
        let file = format!("repaired-{account}-{region}-{}-{}.json", self.repository.replace('/', "+"), self.text);
        let file = shell_word(&sanitize(&file));
        format!(
            "scangap explain --snapshot snapshot.db --account {account} --region {region} --repository {name} --fix --write {file}\naws ecr set-repository-policy --registry-id {account} --region {region} --repository-name {name} --policy-text file://{file}"
        )
    }
}

/// A word of the shell in which nothing acts.
pub(crate) fn shell_word(text: &str) -> String {
    // INVARIANT: with NUL allowed, every text has a quoted form.
    shlex::Quoter::new().allow_nul(true).quote(text).unwrap_or_default().into_owned()
}
