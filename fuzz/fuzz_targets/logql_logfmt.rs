//! No line makes the stages that read logfmt panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_logql::parse_log;
use watchkeep_logql::pipeline::{Pipeline, PipelineOptions};
use watchkeep_model::Labels;

fuzz_target!(|line: &str| {
    let stages = ["| logfmt", "| logfmt --strict --keep-empty", "| logfmt a=\"b\""];
    for stages in stages {
        let query = parse_log(&format!("{{app=\"a\"}} {stages}")).expect("the query is valid");
        let pipeline = Pipeline::new(&query.stages, PipelineOptions::default()).expect("it runs");
        let mut runner = pipeline.runner();
        let stream = Labels::from_pairs([("app", "a")]);
        if let Some(done) = runner.process(&stream, [("b", "c")].into_iter(), 0, line) {
            assert!(!done.labels.label_set().is_empty(), "the stream keeps its label");
        }
    }
});
