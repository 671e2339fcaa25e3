//! Tables and views. A fact that may be unknown has two columns: the value, and how it is known.

/// Raised with every change of the tables. Files of version 1 are refused: they hold no rows of images, so that nothing
/// could be called covered that they call so. Files of version 2 call the table of registries `cells`; up to version 3 they do
/// not say which gaps stand alone, so that no run could be resumed. Up to version 4 they do not say what each phase took.
pub const SCHEMA_VERSION: i64 = 5;

/// The oldest version that is read.
pub(crate) const OLDEST_VERSION: i64 = 2;

/// SQLite's application id: `sgap`.
pub(crate) const APPLICATION_ID: i64 = 0x7367_6170;

/// What could not be learnt, in a snapshot and in its children.
pub(crate) const GAP_TABLES: &str = "
CREATE TABLE gaps (
    gap_id TEXT PRIMARY KEY,
    account_id TEXT, region TEXT, api TEXT NOT NULL, resource TEXT NOT NULL,
    kind TEXT NOT NULL, code TEXT NOT NULL, cause TEXT NOT NULL, policy_arn TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Evidence: how it went. Not part of the facts' hash.
CREATE TABLE gap_evidence (gap_id TEXT PRIMARY KEY, message TEXT NOT NULL, attempts INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Tables with rows of registries.
pub(crate) const OF_REGISTRIES: [&str; 5] = ["registries", "repositories", "coverage", "image_counts", "images"];

/// `*_state` is `known`, `absent`, `not needed` or `gap:<gap_id>`.
pub(crate) const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE organization (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    partition TEXT NOT NULL, caller_account TEXT NOT NULL,
    organization_id TEXT, organization_id_state TEXT NOT NULL,
    management_account TEXT, management_account_state TEXT NOT NULL,
    inspector_admin TEXT, inspector_admin_state TEXT NOT NULL,
    n_accounts TEXT, n_accounts_state TEXT NOT NULL,
    scope_accounts TEXT NOT NULL, scope_exclude_accounts TEXT NOT NULL,
    scope_organizational_units TEXT NOT NULL, scope_regions TEXT NOT NULL
) STRICT;

CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY,
    name TEXT, name_state TEXT NOT NULL,
    state TEXT, state_state TEXT NOT NULL,
    ou_path TEXT, ou_path_state TEXT NOT NULL,
    organization_path TEXT, organization_path_state TEXT NOT NULL,
    outcome TEXT NOT NULL, outcome_detail TEXT,
    regions_source TEXT, regions_source_state TEXT NOT NULL,
    inspector_role TEXT, inspector_role_state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account_regions (
    account_id TEXT NOT NULL, region TEXT NOT NULL, status TEXT NOT NULL,
    PRIMARY KEY (account_id, region)
) STRICT, WITHOUT ROWID;

CREATE TABLE registries (
    account_id TEXT NOT NULL, region TEXT NOT NULL,
    outcome TEXT NOT NULL, outcome_detail TEXT,
    repositories TEXT, repositories_state TEXT NOT NULL,
    inspector_status TEXT, inspector_status_state TEXT NOT NULL,
    inspector_ecr_status TEXT, inspector_ecr_status_state TEXT NOT NULL,
    registry_scan_type TEXT, registry_scan_type_state TEXT NOT NULL,
    scan_rules TEXT, scan_rules_state TEXT NOT NULL,
    registry_policy TEXT, registry_policy_state TEXT NOT NULL,
    registry_policy_scope TEXT, registry_policy_scope_state TEXT NOT NULL,
    templates TEXT, templates_state TEXT NOT NULL,
    coverage TEXT, coverage_state TEXT NOT NULL,
    image_coverage TEXT, image_coverage_state TEXT NOT NULL,
    rescan_durations TEXT, rescan_durations_state TEXT NOT NULL,
    auto_enable TEXT, auto_enable_state TEXT NOT NULL,
    coverage_without_repository INTEGER NOT NULL, vanished INTEGER NOT NULL,
    PRIMARY KEY (account_id, region)
) STRICT, WITHOUT ROWID;

CREATE TABLE repositories (
    account_id TEXT NOT NULL, region TEXT NOT NULL, repository TEXT NOT NULL,
    arn TEXT NOT NULL, listed INTEGER NOT NULL,
    created_at TEXT, created_at_state TEXT NOT NULL,
    policy TEXT, policy_state TEXT NOT NULL,
    scan_frequency TEXT, scan_frequency_state TEXT NOT NULL,
    has_active_image TEXT, has_active_image_state TEXT NOT NULL,
    tags TEXT, tags_state TEXT NOT NULL,
    PRIMARY KEY (account_id, region, repository)
) STRICT, WITHOUT ROWID;

CREATE TABLE coverage (
    account_id TEXT NOT NULL, region TEXT NOT NULL, repository TEXT NOT NULL, resource_id TEXT NOT NULL,
    status TEXT, status_state TEXT NOT NULL,
    reason TEXT, reason_state TEXT NOT NULL,
    last_scanned_at TEXT, last_scanned_at_state TEXT NOT NULL,
    PRIMARY KEY (account_id, region, repository, resource_id)
) STRICT, WITHOUT ROWID;

-- Images by what Inspector's coverage says of them. `in_use`: of these, images that tasks or pods run.
CREATE TABLE image_counts (
    account_id TEXT NOT NULL, region TEXT NOT NULL, repository TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL,
    images INTEGER NOT NULL, in_use INTEGER NOT NULL, use_not_stated INTEGER NOT NULL,
    newest_scan TEXT, last_in_use TEXT,
    PRIMARY KEY (account_id, region, repository, status, reason)
) STRICT, WITHOUT ROWID;

-- Image by image: filled with `audit --images` only.
CREATE TABLE images (
    account_id TEXT NOT NULL, region TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL,
    last_scanned_at TEXT, in_use_count INTEGER, last_in_use_at TEXT, is_index INTEGER NOT NULL,
    PRIMARY KEY (account_id, region, repository, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (sha256 TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Gaps that no fact refers to, by what they are of: an account, or the organization ('').
CREATE TABLE lone_gaps (
    account_id TEXT NOT NULL, gap_id TEXT NOT NULL,
    PRIMARY KEY (account_id, gap_id)
) STRICT, WITHOUT ROWID;

-- Evidence: the runs that wrote into this file, the first one and those that resumed it. Without an end: it was killed.
CREATE TABLE runs (
    number INTEGER PRIMARY KEY, started_at TEXT NOT NULL, finished_at TEXT,
    command_line TEXT NOT NULL, caller_arn TEXT NOT NULL
) STRICT;

-- Evidence: how it went, over all runs. Not part of the facts' hash.
CREATE TABLE api_use (
    api TEXT PRIMARY KEY, calls INTEGER NOT NULL, attempts INTEGER NOT NULL, throttled INTEGER NOT NULL,
    waited_ms INTEGER NOT NULL, answered_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Evidence: what each phase of a run took, in order. Nothing of a run that was killed.
CREATE TABLE phases (
    run INTEGER NOT NULL, number INTEGER NOT NULL, phase TEXT NOT NULL, took_ms INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

-- Evidence: the buckets of AWS's that calls waited for longest, over all runs.
CREATE TABLE bucket_waits (
    place TEXT NOT NULL, api TEXT NOT NULL, waited_ms INTEGER NOT NULL,
    PRIMARY KEY (place, api)
) STRICT, WITHOUT ROWID;

-- What this version of scangap made of the facts. Derived, so not part of their hash either.
CREATE TABLE assessments (
    account_id TEXT NOT NULL, region TEXT NOT NULL, repository TEXT NOT NULL,
    diagnosis TEXT NOT NULL, policy_verdict TEXT NOT NULL,
    denied_actions TEXT NOT NULL, responsible_statements TEXT NOT NULL, depends_on TEXT NOT NULL,
    coverage_status TEXT NOT NULL, coverage_reason TEXT NOT NULL, next_step TEXT NOT NULL,
    PRIMARY KEY (account_id, region, repository)
) STRICT, WITHOUT ROWID;

CREATE VIEW repository_diagnoses AS
SELECT a.account_id, c.name AS account_name, c.ou_path, a.region, a.repository, a.diagnosis, a.policy_verdict,
       a.denied_actions, a.responsible_statements, a.depends_on, a.coverage_status, a.coverage_reason, a.next_step,
       r.arn AS repository_arn, r.policy AS policy_sha256, p.text AS policy_text
FROM assessments a
JOIN repositories r USING (account_id, region, repository)
LEFT JOIN accounts c USING (account_id)
LEFT JOIN policies p ON p.sha256 = r.policy
ORDER BY a.account_id, a.region, a.repository;

CREATE VIEW blocked_repositories AS
SELECT account_id, account_name, region, repository, diagnosis, responsible_statements, denied_actions, repository_arn
FROM repository_diagnoses WHERE diagnosis IN ('blocked', 'at_risk');

CREATE VIEW missing_permissions AS
SELECT api AS permission, cause, count(*) AS gaps, count(DISTINCT account_id) AS accounts
FROM gaps WHERE kind = 'access_denied' GROUP BY api, cause ORDER BY gaps DESC, permission;
";
