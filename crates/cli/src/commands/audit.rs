//! `scangap audit`: what was written on the command line, resolved.

pub(super) mod introduction;
mod plan_calls;

use std::sync::Arc;

use scangap_collect::CollectOptions;
use scangap_model::{Phase, RegionName, Scope, Shard, nearest_region, region_info};

use crate::args::{Audit, Global, ScopeArguments};
use crate::audit;
use crate::earlier::decisions;
use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;
use crate::fail_on::FailOn;
use crate::job::Job;
use crate::resumption::{Named, Resumption};
use crate::settings::{collect_options, connect_options};
use crate::terminal;
use crate::values::{self, BadValue};

pub(super) fn run(command: &Audit, global: &Global) -> Result<Exit, CliError> {
    let hints = command.hints.as_deref().map(plan_calls::Hints::read).transpose()?;
    if let Some(hints) = hints.as_ref().filter(|_| command.plan_calls) {
        plan_calls::print(hints, usize::from(command.run.max_in_flight));
        return Ok(Exit::Finished);
    }
    let scope = scope(&command.scope);
    let named = Named {
        scope,
        as_of: command.run.as_of,
        tags: command.run.tags.clone(),
        images: command.run.images,
        shard: command.shard,
    };
    let resume = command.resume.as_deref().map(|path| Resumption::open(path, &named)).transpose()?;
    // A resumed audit is of the slice that it was begun with, wherever it is resumed.
    let shard = match &resume {
        Some(resume) => resume.shard,
        None => shard(command)?,
    };
    let (scope, as_of, tags, keep_images) = match &resume {
        Some(resume) => (resume.organization.scope.clone(), resume.as_of, resume.tag_keys.clone(), resume.keeps_images),
        None => (named.scope, named.as_of.unwrap_or_else(environment::now), named.tags, named.images),
    };
    let decisions = decisions(&command.past)?;
    // A resumed audit is encrypted to those that it was begun with, unless others are named.
    let recipients = match &resume {
        Some(resume) if command.run.age_recipient.is_empty() => values::recipients(&resume.age_recipients)?,
        _ => values::recipients(&command.run.age_recipient)?,
    };
    let introduction = introduction::of(command, &scope);
    audit::run(&Job {
        introduction,
        connect: connect_options(&command.aws),
        collect: CollectOptions {
            scope,
            tags,
            keep_images,
            hints: Arc::new(hints.map(|hints| hints.sizes).unwrap_or_default()),
            shard,
            max_in_flight: usize::from(command.run.max_in_flight),
            ..collect_options(&command.roles, Phase::Audit)
        },
        as_of,
        fail_on: FailOn::of(&command.run.fail_on),
        out: command.run.out.clone(),
        resume,
        reports: command.run.form.options(),
        recipients,
        past: command.past.clone(),
        decisions,
        clock: environment::now,
        endpoint_name: None,
        quiet: global.quiet,
        progress: !global.no_progress && global.verbose == 0,
        table: global.verbose > 0 && global.quiet == 0,
    })
}

/// The slice to read: the one that is named, or that of this child of an AWS Batch array job.
fn shard(command: &Audit) -> Result<Option<Shard>, CliError> {
    let text = |name: &str| environment::variable(name).map(|value| value.to_string_lossy().into_owned());
    let of_batch = match (command.shard, text("AWS_BATCH_JOB_ARRAY_INDEX")) {
        (Some(_), _) | (None, None) => None,
        (None, Some(index)) => {
            let size = text("AWS_BATCH_JOB_ARRAY_SIZE").unwrap_or_default();
            let one_more = index.parse::<u32>().ok().and_then(|index| index.checked_add(1));
            let shard = one_more.zip(size.parse().ok()).and_then(|(index, of)| Shard::new(index, of));
            let wrong = || {
                let hint = "AWS Batch sets both variables; name the slice with --shard, or unset them";
                let value = format!("AWS_BATCH_JOB_ARRAY_INDEX={index} AWS_BATCH_JOB_ARRAY_SIZE={size}");
                BadValue::new(&value, "a child of an array job", hint)
            };
            Some(shard.ok_or_else(wrong)?)
        }
    };
    let shard = command.shard.or(of_batch);
    if let (Some(shard), None) = (shard, command.run.as_of) {
        let hint = "add --as-of with the same time in each: else they could not be merged";
        return Err(BadValue::new(&shard.to_string(), "a shard of an audit whose time is named", hint).into());
    }
    Ok(shard)
}

fn scope(arguments: &ScopeArguments) -> Scope {
    arguments.regions.iter().for_each(warn_of_unknown);
    Scope {
        accounts: arguments.accounts.clone(),
        exclude_accounts: arguments.exclude_accounts.clone(),
        organizational_units: arguments.ou.clone(),
        regions: arguments.regions.clone(),
    }
}

/// A region that is not in the table is asked all the same: it may be new.
fn warn_of_unknown(region: &RegionName) {
    if region_info(region.as_str()).is_none() {
        let nearest = nearest_region(region.as_str(), strsim::jaro_winkler);
        let nearest = nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
        terminal::note(&format!(
            "warning: region `{region}` is not known to this release and is asked all the same{nearest}"
        ));
    }
}
