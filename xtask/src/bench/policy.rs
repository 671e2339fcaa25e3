//! The policy engine on one core: a parsed policy to its verdicts, a text to its verdicts, the worst texts that fit; and the
//! batch on one core and on all.

use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use scangap_model::Partition;
use scangap_policy::{
    Caller, Context, Organization, PolicyDocument, REPOSITORY_ACTIONS, Request, RoleIdentity, Tags, decide, verdicts,
};
use serde_json::json;

use crate::shell::{cargo, run as run_command, target};

/// Each figure is the median of so many rounds.
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(300);
const BATCH_LINES: usize = 200_000;

/// What registries hold: the shapes of policies that documentation, data perimeters and the wild hold.
const ORDINARY: &[(&str, &str)] = &[
    ("office only", include_str!("../../../tests/fixtures/article-before.json")),
    ("office only, repaired", include_str!("../../../tests/fixtures/article-after.json")),
    (
        "pull from accounts",
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"AllowPull","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::444455556666:root"]},"Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]},{"Sid":"Lambda","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"StringLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:111122223333:function:*"}}}]}"#,
    ),
    (
        "organization only",
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"OrgOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-exampleorg"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}}]}"#,
    ),
    (
        "network perimeter",
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"Network","Effect":"Deny","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:PutImage"],"Condition":{"NotIpAddressIfExists":{"aws:SourceIp":["203.0.113.0/24","198.51.100.0/24"]},"StringNotEqualsIfExists":{"aws:SourceVpc":["vpc-0123456789abcdef0","vpc-0fedcba9876543210"]},"BoolIfExists":{"aws:ViaAWSService":"false"},"ArnNotLikeIfExists":{"aws:PrincipalArn":["arn:aws:iam::111122223333:role/aws-service-role/*","arn:aws:iam::111122223333:role/admin-*"]}}}]}"#,
    ),
    (
        "immutable",
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"NoDelete","Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::111122223333:role/release","arn:aws:iam::111122223333:root"]},"Action":["ecr:BatchDeleteImage","ecr:DeleteRepository","ecr:PutImageTagMutability"]},{"Sid":"Team","Effect":"Deny","Principal":"*","NotAction":["ecr:Describe*","ecr:List*","ecr:Get*","ecr:BatchGet*"],"Condition":{"StringNotEquals":{"aws:PrincipalTag/team":"${aws:ResourceTag/team}"}}}]}"#,
    ),
];

fn request() -> Result<Request> {
    Ok(Request {
        partition: Partition::Aws,
        account: "111122223333".parse()?,
        region: "eu-west-1".parse()?,
        repository: Some("team/app".parse()?),
        organization: Organization::Member { id: "o-exampleorg".into(), path: None },
        tags: Tags::Unknown,
        inspector_role: RoleIdentity::UNKNOWN,
        principal: Caller::Inspector,
        as_of: "2026-11-23T00:00:00Z".parse()?,
        stated: std::collections::BTreeMap::new(),
    })
}

pub(crate) fn run() -> Result<()> {
    if cfg!(debug_assertions) {
        let again = ["run", "--release", "--quiet", "--package", "xtask", "--", "bench", "policy"];
        return run_command(cargo().args(again));
    }
    let request = request()?;
    println!(
        "Policy engine on one core; verdicts on all ten actions at once, per second (median of {ROUNDS} rounds)\n"
    );
    println!("{:<24} {:>10} {:>14} {:>14} {:>14}", "policy", "characters", "parsed", "from text", "explained");
    let mut slowest = (f64::MAX, f64::MAX);
    for (name, text) in ORDINARY {
        let document = PolicyDocument::parse(text)?;
        let context = Context::new(&request);
        let parsed = rate(|| {
            black_box(verdicts(black_box(&[&document]), &context));
        });
        let from_text = rate(|| {
            let document = PolicyDocument::parse(black_box(text)).ok();
            black_box(document.map(|document| verdicts(&[&document], &context)));
        });
        let explained = rate(|| {
            for &action in REPOSITORY_ACTIONS {
                black_box(decide(&[&document], action, &context));
            }
        });
        slowest = (slowest.0.min(parsed), slowest.1.min(from_text));
        println!("{name:<24} {:>10} {parsed:>14.0} {from_text:>14.0} {explained:>14.0}", text.chars().count());
    }
    println!("{:<24} {:>10} {:>14.0} {:>14.0}", "slowest", "", slowest.0, slowest.1);
    pathological(&request);
    batch()
}

/// How often a second, in the median round.
fn rate(mut work: impl FnMut()) -> f64 {
    let mut rates: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (started, mut times) = (Instant::now(), 0_u32);
            while started.elapsed() < ROUND {
                for _ in 0..64 {
                    work();
                }
                times += 64;
            }
            f64::from(times) / started.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates.get(ROUNDS / 2).copied().unwrap_or_default()
}

/// Texts of the longest length that AWS stores, each bad in its own way.
fn worst() -> Vec<(&'static str, String)> {
    const LONGEST: usize = 10_240;
    let fill = |head: &str, piece: &str, tail: &str| {
        let pieces = LONGEST.saturating_sub(head.chars().count() + tail.chars().count()) / piece.chars().count();
        format!("{head}{}{tail}", piece.repeat(pieces))
    };
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*""#;
    let like = |key: &str| format!("{deny},\"Condition\":{{\"StringNotLike\":{{\"{key}\":\"");
    vec![
        ("stars in one value", fill(&like("aws:PrincipalArn"), "*a", "x\"}}}]}")),
        ("stars with near misses", fill(&like("aws:PrincipalArn"), "*/aws-service-role/?", "x\"}}}]}")),
        ("variables in one value", fill(&like("aws:PrincipalArn"), "*${aws:PrincipalArn}", "\"}}}]}")),
        (
            "many values",
            fill(
                &format!("{deny},\"Condition\":{{\"ArnNotLike\":{{\"aws:PrincipalArn\":["),
                "\"*:*:*:*:*:*x*\",",
                "\"x\"]}}]}",
            ),
        ),
        (
            "stars in actions",
            fill(r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":["#, "\"ecr:*a*e*g*\",", "\"ecr:x\"]}]}"),
        ),
        ("stars in resources", fill(&format!("{deny},\"Resource\":["), "\"*:*o*/*pp?\",", "\"x\"]}]}")),
        (
            "many statements",
            fill(
                r#"{"Statement":["#,
                r#"{"Effect":"Deny","Principal":"*","Action":"*"},"#,
                r#"{"Effect":"Deny","Principal":"*","Action":"*"}]}"#,
            ),
        ),
        ("many keys", {
            let keys: Vec<String> = (0..460).map(|at| format!("\"aws:key{at:03}\":\"{at}\",")).collect();
            let keys = keys.concat();
            format!("{deny},\"Condition\":{{\"StringEquals\":{{{keys}\"x\":\"y\"}}}}}}]}}")
        }),
        ("deep nesting", fill("{\"Statement\":", "[", "")),
        ("escapes", fill(r#"{"Statement":{"Sid":""#, "\\u00e9", r#"","Effect":"Deny","Principal":"*","Action":"*"}}"#)),
        ("one open string", fill("{\"Statement\":\"", "a", "")),
    ]
}

fn pathological(request: &Request) {
    println!("\nThe worst texts of 10,240 characters, from text to all ten verdicts\n");
    println!("{:<24} {:>10} {:>14}", "text", "characters", "microseconds");
    let context = Context::new(request);
    for (name, text) in worst() {
        let mut times: Vec<Duration> = (0..ROUNDS * 3)
            .map(|_| {
                let started = Instant::now();
                if let Ok(document) = PolicyDocument::parse(black_box(&text)) {
                    black_box(verdicts(&[&document], &context));
                }
                started.elapsed()
            })
            .collect();
        times.sort();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        println!("{name:<24} {:>10} {:>14.0}", text.chars().count(), median.as_secs_f64() * 1e6);
    }
}

/// The whole program, lines in and lines out.
fn batch() -> Result<()> {
    run_command(cargo().args(["build", "--release", "--package", "scangap"]))?;
    let lines: Vec<String> = (0..BATCH_LINES)
        .map(|id| {
            let (_, text) = ORDINARY.get(id % ORDINARY.len()).copied().unwrap_or_default();
            json!({"id": id, "policy": text, "account": "111122223333", "organization": {"id": "o-exampleorg"}})
                .to_string()
        })
        .collect();
    let input = lines.join("\n");
    let cores = std::thread::available_parallelism()?.get();
    println!("\n`explain --batch` over {BATCH_LINES} lines ({cores} cores)\n");
    let one = batch_seconds(&input, 1)?;
    let all = batch_seconds(&input, cores)?;
    let rate = |seconds: f64| BATCH_LINES as f64 / seconds;
    println!(
        "1 thread: {:.0} lines a second; {cores} threads: {:.0}: {:.2} times as many",
        rate(one),
        rate(all),
        one / all
    );
    Ok(())
}

fn batch_seconds(input: &str, threads: usize) -> Result<f64> {
    let started = Instant::now();
    let mut child = Command::new(target().join("release").join("scangap"))
        .args(["explain", "--batch", "--exit-zero"])
        .env("RAYON_NUM_THREADS", threads.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    child.stdin.take().context("standard input")?.write_all(input.as_bytes())?;
    ensure!(child.wait()?.success(), "the batch failed");
    Ok(started.elapsed().as_secs_f64())
}
