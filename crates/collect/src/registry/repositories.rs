//! Each repository of a registry: its policy, its scan frequency, and its tags and images where a decision needs them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use futures::stream::{self, StreamExt};
use scangap_aws::CallError;
use scangap_aws::pages::{Ended, pages};
use scangap_aws::read::PolicyAnswer;
use scangap_model::{Api, Asked, Gap, GapKind, Observed, RegistryFacts, RepositoryFacts, RepositoryName};

use super::{Covered, Policies, Registry, Target};
use crate::backlog::is_large;
use crate::coverage::ImageTally;

/// AWS: `BatchGetRepositoryScanningConfiguration` takes 25 names.
const NAMES_PER_BATCH: usize = 25;

/// Repositories of one registry that are read at once. The gate bounds the whole; this keeps one large registry from
/// holding thousands of futures.
const AT_ONCE: usize = 64;
/// The same of a small registry: many are read at once, and twenty calls a second need no more even where an answer takes a third of
/// a second.
const AT_ONCE_OF_SMALL: usize = 8;

/// What ECR says of repositories by name. Each part is asked for those of which it is not known.
#[derive(Default)]
pub(super) struct Answers {
    policies: BTreeMap<RepositoryName, Result<PolicyAnswer, CallError>>,
    frequencies: Frequencies,
    images: Vec<(ImageQuestion, Result<ImagesFound, CallError>)>,
}

impl Answers {
    pub(super) fn keep_policies(&mut self, answers: Vec<(RepositoryName, Result<PolicyAnswer, CallError>)>) {
        self.policies.extend(answers);
    }

    pub(super) async fn ask_policies(&mut self, registry: &Registry<'_>, targets: &BTreeMap<RepositoryName, Target>) {
        let names: Vec<RepositoryName> =
            targets.keys().filter(|name| !self.policies.contains_key(*name)).cloned().collect();
        self.policies.extend(policies_of(registry, &names).await);
    }

    pub(super) async fn ask_frequencies(
        &mut self,
        registry: &Registry<'_>,
        targets: &BTreeMap<RepositoryName, Target>,
    ) {
        let names: Vec<RepositoryName> =
            targets.keys().filter(|name| !self.frequencies.contains_key(*name)).cloned().collect();
        self.frequencies.append(&mut frequencies_of(registry, &names).await);
    }

    /// Once it is known what coverage says, and what ECR scans.
    pub(super) async fn ask_images(
        &mut self,
        registry: &Registry<'_>,
        targets: &BTreeMap<RepositoryName, Target>,
        facts: &RegistryFacts,
        coverage: &Covered,
    ) {
        let questions = image_questions(targets, &self.frequencies, facts, coverage);
        self.images = stream::iter(questions)
            .map(|question| async move {
                let answer = ask_images(registry, &question).await;
                (question, answer)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
    }
}

pub(super) async fn read(
    registry: &Registry<'_>,
    targets: BTreeMap<RepositoryName, Target>,
    Answers { policies: mut answers, frequencies, images }: Answers,
    facts: &mut RegistryFacts,
    policies: &mut Policies,
    coverage: &mut Covered,
) -> Vec<RepositoryFacts> {
    let mut repositories = Vec::with_capacity(targets.len());
    for target in targets.into_values() {
        let Some(answer) = answers.remove(&target.name) else { continue };
        let policy = match answer {
            Ok(PolicyAnswer::Text(text)) => Observed::Known(policies.keep(text)),
            Ok(PolicyAnswer::None) => Observed::Absent,
            Ok(PolicyAnswer::RepositoryGone) => {
                facts.vanished += 1;
                continue;
            }
            Err(error) => Observed::unknown(registry.gap(error, target.name.as_str())),
        };
        let scan_frequency = match frequencies.get(&target.name) {
            Some(Ok(Some(word))) => Observed::Known(word.clone()),
            Some(Ok(None)) => {
                facts.vanished += 1;
                continue;
            }
            Some(Err(gap)) => Observed::unknown(gap.clone()),
            None => Observed::unknown(missing_from_batch(registry, &target.name)),
        };
        repositories.push(RepositoryFacts {
            account: registry.account,
            region: registry.region.clone(),
            name: target.name,
            arn: target.arn,
            listed: target.listed,
            created_at: target.created_at,
            policy,
            scan_frequency,
            has_active_image: Asked::NotNeeded,
            tags: Asked::NotNeeded,
        });
    }
    let registry_names_tags = facts.registry_policy.known().is_some_and(|hash| policies.names_tags(hash));
    let for_policy = |repository: &RepositoryFacts| {
        registry_names_tags || repository.policy.known().is_some_and(|hash| policies.names_tags(hash))
    };
    let asked = &registry.context.options.tags;
    let wanting_tags: Vec<usize> = repositories
        .iter()
        .enumerate()
        .filter(|(_, repository)| !asked.is_empty() || for_policy(repository))
        .map(|(at, _)| at)
        .collect();
    let gone = tags(registry, &mut repositories, &wanting_tags).await;
    vanish(&mut repositories, &gone, facts);
    // Tags are private: if no policy depends on them, only the requested keys are kept.
    for repository in repositories.iter_mut().filter(|repository| !for_policy(repository)) {
        if let Asked::Answered(Observed::Known(tags)) = &mut repository.tags {
            tags.retain(|key, _| asked.contains(key));
        }
    }
    let gone = keep_images(registry, &mut repositories, images, coverage);
    vanish(&mut repositories, &gone, facts);
    repositories
}

/// Counts repositories that are gone since they were listed, and leaves them out.
fn vanish(repositories: &mut Vec<RepositoryFacts>, gone: &BTreeSet<RepositoryName>, facts: &mut RegistryFacts) {
    repositories.retain(|repository| !gone.contains(&repository.name));
    facts.vanished += u64::try_from(gone.len()).unwrap_or(u64::MAX);
}

/// Whether ECR says that the repository that was asked about is not there.
fn is_gone(error: &CallError) -> bool {
    error.code == "RepositoryNotFoundException"
}

fn missing_from_batch(registry: &Registry<'_>, name: &RepositoryName) -> Gap {
    let api = Api::BatchGetRepositoryScanningConfiguration;
    let error = CallError::malformed(
        api,
        "RepositoryNotInAnswer",
        "the answer holds neither the repository nor a failure for it",
    );
    registry.gap(error, name.as_str())
}

/// In the order of the names.
pub(super) async fn policies_of(
    registry: &Registry<'_>,
    names: &[RepositoryName],
) -> Vec<(RepositoryName, Result<PolicyAnswer, CallError>)> {
    let at_once = if is_large(names.len()) { AT_ONCE } else { AT_ONCE_OF_SMALL };
    stream::iter(names.iter().cloned())
        .map(|name| async move {
            let asked = registry.calls.call(Api::GetRepositoryPolicy, |call| {
                let name = name.as_str();
                async move { registry.reader.repository_policy(&call, name).await }
            });
            let answer = asked.await;
            (name, answer)
        })
        .buffered(at_once)
        .collect()
        .await
}

type Frequencies = BTreeMap<RepositoryName, Result<Option<String>, Gap>>;

/// In batches; one that is refused is cut in two until the repository that refuses is alone.
async fn frequencies_of(registry: &Registry<'_>, names: &[RepositoryName]) -> Frequencies {
    let api = Api::BatchGetRepositoryScanningConfiguration;
    let mut frequencies = Frequencies::new();
    let mut batches: Vec<Vec<RepositoryName>> = names.chunks(NAMES_PER_BATCH).map(<[RepositoryName]>::to_vec).collect();
    while !batches.is_empty() {
        let answers: Vec<(Vec<RepositoryName>, _)> = stream::iter(std::mem::take(&mut batches))
            .map(|batch| async move {
                let texts: Vec<String> = batch.iter().map(ToString::to_string).collect();
                let asked = registry.calls.call(api, |call| {
                    let texts = &texts;
                    async move { registry.reader.scan_frequencies(&call, texts).await }
                });
                let answer = asked.await;
                (batch, answer)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (batch, answer) in answers {
            match answer {
                Ok(answer) => {
                    for name in batch {
                        if let Some(word) = answer.found.get(name.as_str()) {
                            frequencies.insert(name, Ok(Some(word.clone())));
                        } else if answer.gone.iter().any(|gone| gone == name.as_str()) {
                            frequencies.insert(name, Ok(None));
                        } else if let Some((_, code)) = answer.failed.iter().find(|(failed, _)| failed == name.as_str())
                        {
                            let mut error = CallError::malformed(api, code, "the service gave no configuration for it");
                            error.kind = GapKind::Refused;
                            let gap = registry.gap(error, name.as_str());
                            frequencies.insert(name, Err(gap));
                        }
                    }
                }
                // A refusal can be one repository's fault; anything else would fail again in halves.
                Err(error) if matches!(error.kind, GapKind::AccessDenied | GapKind::Refused) && batch.len() > 1 => {
                    let (left, right) = batch.split_at(batch.len() / 2);
                    batches.extend([left.to_vec(), right.to_vec()]);
                }
                Err(error) => {
                    for name in batch {
                        let gap = registry.gap(error.clone(), name.as_str());
                        frequencies.insert(name, Err(gap));
                    }
                }
            }
        }
    }
    frequencies
}

/// Gives back the repositories that are gone.
async fn tags(
    registry: &Registry<'_>,
    repositories: &mut [RepositoryFacts],
    wanting: &[usize],
) -> BTreeSet<RepositoryName> {
    let wanting: Vec<(usize, String, RepositoryName)> = wanting
        .iter()
        .filter_map(|&at| repositories.get(at).map(|repository| (at, repository.arn.clone(), repository.name.clone())))
        .collect();
    let asked: Vec<_> = stream::iter(wanting)
        .map(|(at, arn, name)| async move {
            let arn = arn.as_str();
            let answer = registry
                .calls
                .call(Api::ListTagsForResource, |call| async move { registry.reader.tags(&call, arn).await });
            (at, name, answer.await)
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut gone = BTreeSet::new();
    for (at, name, answer) in asked {
        let Some(repository) = repositories.get_mut(at) else { continue };
        repository.tags = match answer {
            Ok(tags) => Observed::Known(tags).into(),
            Err(error) => {
                if is_gone(&error) {
                    gone.insert(name.clone());
                }
                Observed::unknown(registry.gap(error, name.as_str())).into()
            }
        };
    }
    gone
}

/// What ECR is asked about a repository's images.
struct ImageQuestion {
    name: RepositoryName,
    /// Whether any is active: asked where Inspector should have an image's row and has none.
    any_active: bool,
    /// Whether any of those that Inspector calls unsupported is an index.
    indexes: bool,
}

/// What must be asked of images, for a decision or a count.
fn image_questions(
    targets: &BTreeMap<RepositoryName, Target>,
    frequencies: &Frequencies,
    facts: &RegistryFacts,
    coverage: &Covered,
) -> Vec<ImageQuestion> {
    let on = facts.inspector_ecr_status.known().is_some_and(|word| word == "ENABLED");
    let enhanced = facts.registry_scan_type.known().is_some_and(|word| word == "ENHANCED");
    let read = facts.coverage.known().is_some() && facts.image_coverage.known().is_some();
    // A row that says ACTIVE says nothing of images.
    let ends: BTreeSet<&RepositoryName> = coverage
        .rows
        .iter()
        .filter(|row| row.status.known().is_none_or(|word| word != "ACTIVE"))
        .map(|row| &row.repository)
        .collect();
    let question = |name: &RepositoryName| {
        // `None` of an answer: the repository is gone.
        let frequency = match frequencies.get(name) {
            Some(Ok(None)) => return None,
            Some(Ok(Some(word))) => Some(word.as_str()),
            Some(Err(_)) | None => None,
        };
        let tally = coverage.images.get(name);
        let selected = frequency.is_none_or(|word| word != "MANUAL");
        let no_row = tally.is_none() && !ends.contains(name);
        let any_active = on && enhanced && read && selected && no_row;
        let indexes = tally.is_some_and(ImageTally::may_hold_indexes);
        (any_active || indexes).then(|| ImageQuestion { name: name.clone(), any_active, indexes })
    };
    targets.keys().filter_map(question).collect()
}

/// Gives back the repositories that are gone.
fn keep_images(
    registry: &Registry<'_>,
    repositories: &mut [RepositoryFacts],
    answers: Vec<(ImageQuestion, Result<ImagesFound, CallError>)>,
    coverage: &mut Covered,
) -> BTreeSet<RepositoryName> {
    let mut gone = BTreeSet::new();
    for (question, answer) in answers {
        // In the order of the names, as they are stored. One that a policy or its tags said is gone has no place any more.
        let Ok(at) = repositories.binary_search_by(|repository| repository.name.cmp(&question.name)) else { continue };
        let Some(repository) = repositories.get_mut(at) else { continue };
        match answer {
            Ok(found) => {
                if question.any_active {
                    repository.has_active_image = Observed::Known(found.any_active).into();
                }
                if let Some(tally) = coverage.images.get_mut(&question.name) {
                    tally.without_indexes(&found.indexes);
                    if tally.counts.is_empty() {
                        // An index whose children have no rows leaves nothing to count.
                        repository.has_active_image = Observed::Known(found.any_active).into();
                    }
                }
            }
            Err(error) => {
                if is_gone(&error) {
                    gone.insert(question.name.clone());
                }
                repository.has_active_image = Observed::unknown(registry.gap(error, question.name.as_str())).into();
            }
        }
    }
    gone
}

#[derive(Default)]
struct ImagesFound {
    any_active: bool,
    indexes: BTreeSet<String>,
}

/// Reads the list of images; where one active image is all that is wanted, until it is met.
async fn ask_images(registry: &Registry<'_>, question: &ImageQuestion) -> Result<ImagesFound, CallError> {
    let name = question.name.as_str();
    let mut found = ImagesFound::default();
    let ended = pages(
        Api::DescribeImages,
        |token| {
            registry
                .calls
                .call(Api::DescribeImages, |call| async move { registry.reader.images(&call, name, token).await })
        },
        |images| {
            for image in images {
                found.any_active |= image.status == "ACTIVE";
                if image.is_index {
                    found.indexes.insert(image.digest);
                }
            }
            if found.any_active && !question.indexes { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    )
    .await;
    match ended {
        Ended::Broken(error) => Err(error),
        Ended::Whole | Ended::Stopped(()) => Ok(found),
    }
}
