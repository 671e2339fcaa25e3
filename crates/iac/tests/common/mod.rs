//! What holds of every file: it is read, or refused with a place inside it; what is read can be written, and its parts are in the file.

use scangap_iac::{Declarations, ReadProblem, Source, World, read_data, read_module};

pub(crate) fn survives(text: &str) {
    let source = Source::new("file", text.to_owned());
    for asked in [true, false] {
        match read_data(&source, asked) {
            Ok(declared) => is_whole(&declared, &source),
            Err(problem) => is_inside(&problem, &source),
        }
    }
    let (declared, problems) = read_module(&source);
    is_whole(&declared, &source);
    for (_, problem) in &problems {
        is_inside(problem, &source);
    }
}

fn is_inside(problem: &ReadProblem, source: &Source) {
    if let Some(offset) = problem.offset() {
        assert!(offset <= source.text.len(), "{problem}");
        source.place(offset);
    }
}

fn is_whole(declared: &Declarations, source: &Source) {
    let world = World { account: "111122223333", region: "eu-west-1", partition: "aws", leaves: &[] };
    for policy in &declared.policies {
        assert!(policy.span.0 <= policy.span.1 && policy.span.1 <= source.text.len(), "{policy:?}");
        let Ok(document) = &policy.document else { continue };
        let written = document.write(world, source);
        for at in (0..written.text.len()).step_by(7 + written.text.len() / 500) {
            if let Some(span) = written.source_span((at, at + 1)) {
                assert!(span.0 <= span.1 && span.1 <= source.text.len(), "{span:?} of {}", source.text.len());
            }
        }
    }
}
