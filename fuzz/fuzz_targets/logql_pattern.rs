//! No pattern expression and no line make matching panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_logql::ast::{Span, Stage, StageExpr};
use watchkeep_logql::pipeline::{PatternExpression, Pipeline, PipelineOptions};
use watchkeep_model::Labels;

fuzz_target!(|input: (&str, &str)| {
    let (expression, line) = input;
    if let Ok(filter) = PatternExpression::parse_filter(expression) {
        filter.matches(line);
    }
    let stage = Stage::Pattern(expression.to_owned());
    let stages = [StageExpr { stage, span: Span::default() }];
    if let Ok(pipeline) = Pipeline::new(&stages, PipelineOptions::default()) {
        let mut runner = pipeline.runner();
        let done = runner.process(&Labels::default(), std::iter::empty(), 0, line);
        assert!(done.is_some_and(|done| done.line == line), "a parser keeps the line");
    }
});
