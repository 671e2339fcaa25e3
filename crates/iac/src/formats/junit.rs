//! The XML of `JUnit`, which every CI shows as tests: a file is a suite, a finding is a case that fails.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use scangap_model::sanitize;

use crate::finding::{Finding, GateReport};

pub fn junit(report: &GateReport) -> Result<String, quick_junit::SerializeError> {
    let mut junit = Report::new("scangap gate");
    let mut files: Vec<&str> = report.findings.iter().map(|finding| finding.place.file.as_str()).collect();
    files.extend(report.problems.iter().map(|problem| problem.place.file.as_str()));
    files.sort_unstable();
    files.dedup();
    for file in files {
        let mut suite = TestSuite::new(clean(file));
        for finding in report.findings.iter().filter(|finding| finding.place.file == file) {
            suite.add_test_case(case(finding));
        }
        for problem in report.problems.iter().filter(|problem| problem.place.file == file) {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(clean(&problem.message));
            suite.add_test_case(TestCase::new(format!("line {}", problem.place.line), status));
        }
        junit.add_test_suite(suite);
    }
    if report.findings.is_empty() && report.problems.is_empty() {
        let mut suite = TestSuite::new("policies");
        suite.add_test_case(TestCase::new("let Inspector through", TestCaseStatus::success()));
        junit.add_test_suite(suite);
    }
    junit.to_string()
}

fn case(finding: &Finding) -> TestCase {
    let name = format!("{} {} (line {})", finding.code, finding.address, finding.place.line);
    let text = format!("{}\n{}\n{}", finding.message, finding.excerpt, finding.repair.as_deref().unwrap_or_default());
    let status = match &finding.excepted {
        Some(exception) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(clean(&format!("{} (until {})", exception.reason, exception.until)));
            status
        }
        None if finding.fails => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(clean(&finding.code))
                .set_message(clean(&finding.message))
                .set_description(clean_lines(&text));
            status
        }
        None => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(clean(&name), status);
    case.set_classname(clean(&finding.place.file));
    if finding.excepted.is_none() && !finding.fails {
        case.set_system_out(clean_lines(&text));
    }
    case
}

fn clean(text: &str) -> String {
    sanitize(text)
}

fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}
