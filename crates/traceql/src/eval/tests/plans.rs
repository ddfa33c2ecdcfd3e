//! What a plan asks of a store never leaves out what the query finds.

use proptest::prelude::*;
use watchkeep_model::span_query::{SpanRows, SpansRequest};
use watchkeep_model::{SpanField, TimeRange};

use super::random::{expression, spans};
use crate::ast::{
    AggregateFunction, BinaryOp, Form, Pipeline, Query, Relation, Root, ScalarExpr, ScalarFilter,
    SpansetExpr, SpansetOp, Stage, Static,
};
use crate::eval::Budget;
use crate::eval::expr::rows::Rows;
use crate::eval::search::{FoundTrace, SearchRequest, search};
use crate::eval::spanset::Program;
use crate::plan::{Fields, tests};
use crate::source::SpanSource;
use crate::testing::{Memory, TestSpan};

fn spanset() -> impl Strategy<Value = SpansetExpr> {
    let leaf = expression().prop_map(SpansetExpr::Filter);
    leaf.prop_recursive(2, 4, 2, |inner| {
        let relation = prop::sample::select(vec![
            Relation::Child,
            Relation::Descendant,
            Relation::Parent,
            Relation::Ancestor,
            Relation::Sibling,
        ]);
        let form = prop::sample::select(vec![Form::Plain, Form::Negated, Form::Union]);
        let op = prop_oneof![
            1 => Just(SpansetOp::And),
            1 => Just(SpansetOp::Or),
            2 => (relation, form).prop_map(|(relation, form)| SpansetOp::Structural { relation, form }),
        ];
        (inner.clone(), op, inner).prop_map(|(left, op, right)| SpansetExpr::Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
        })
    })
}

fn pipeline() -> impl Strategy<Value = Pipeline> {
    let count = (0_i64..3).prop_map(|count| {
        Stage::Scalar(ScalarFilter {
            op: BinaryOp::Gt,
            left: ScalarExpr::Aggregate { function: AggregateFunction::Count, of: None },
            right: ScalarExpr::Static(Static::Int(count)),
        })
    });
    let later = prop_oneof![
        2 => spanset().prop_map(Stage::Spans),
        1 => count,
        1 => expression().prop_map(Stage::By),
        1 => Just(Stage::Coalesce),
    ];
    (spanset(), prop::collection::vec(later, 0..2)).prop_map(|(first, mut stages)| {
        stages.insert(0, Stage::Spans(first));
        Pipeline { stages }
    })
}

fn found(store: &Memory, pipeline: &Pipeline) -> Result<Vec<FoundTrace>, String> {
    let query = Query { root: Root::Search(pipeline.clone()), hints: Vec::new() };
    let request =
        SearchRequest { query: &query, range: TimeRange::ALL, limit: 0, spans_per_set: 0 };
    let mut traces = Vec::new();
    let outcome = search(&request, store, &Budget::default(), &mut |trace| {
        traces.push(trace);
        Ok(true)
    });
    outcome.map(|_| traces).map_err(|error| error.to_string())
}

/// Ids of the spans that are in a set of the pipeline.
fn in_sets(store: &Memory, pipeline: &Pipeline) -> Result<Vec<String>, String> {
    let mut fields = Fields::new();
    let program = Program::new(pipeline, &mut fields).map_err(|error| error.to_string())?;
    let id = fields.place(&SpanField::SpanId);
    let rows = tests::rows(pipeline, &fields);
    let request = SpansRequest {
        range: TimeRange::ALL,
        rows,
        fields: fields.as_slice().to_vec(),
        wanted: None,
    };
    let mut ids = Vec::new();
    for batch in store.spans(request).map_err(|error| error.to_string())? {
        let batch = batch.map_err(|error| error.to_string())?;
        let rows = Rows::new(&batch, &fields);
        let mask = program.on(&rows).mask().map_err(|error| error.to_string())?;
        for (row, _) in mask.iter().enumerate().filter(|(_, found)| **found) {
            ids.push(format!("{:?}", crate::eval::expr::rows::text(&batch.columns[id], row)));
        }
    }
    ids.sort();
    Ok(ids)
}

fn stores(spans: &[TestSpan], untyped: bool) -> (Memory, Memory) {
    let store = |keep_all| {
        let mut store = Memory::new(spans.to_vec());
        (store.keep_all, store.untyped) = (keep_all, untyped);
        store
    };
    (store(false), store(true))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn tests_leave_out_nothing_that_a_search_finds(
        spans in spans(),
        pipeline in pipeline(),
        untyped in any::<bool>(),
    ) {
        let (pruned, whole) = stores(&spans, untyped);
        match (found(&pruned, &pipeline), found(&whole, &pipeline)) {
            (Ok(pruned), Ok(whole)) => prop_assert_eq!(pruned, whole, "{}", &pipeline),
            // Which trace an operator fails on depends on which are read.
            (_, Err(error)) => prop_assert!(error.contains("multiple spansets"), "{}", error),
            (Err(error), Ok(_)) => prop_assert!(false, "{}: {}", &pipeline, error),
        }
    }

    #[test]
    fn tests_leave_out_no_span_that_is_counted(
        spans in spans(),
        pipeline in pipeline(),
        untyped in any::<bool>(),
    ) {
        let (pruned, whole) = stores(&spans, untyped);
        if let (Ok(pruned), Ok(whole)) = (in_sets(&pruned, &pipeline), in_sets(&whole, &pipeline)) {
            prop_assert_eq!(pruned, whole, "{}", &pipeline);
        }
    }

    #[test]
    fn a_span_test_is_sound_both_ways(spans in spans(), expression in expression()) {
        let query = Pipeline { stages: vec![Stage::Spans(SpansetExpr::Filter(expression.clone()))] };
        let (_, whole) = stores(&spans, false);
        let test = tests::span_test(&expression);
        let Ok(found) = found(&whole, &query) else { return Ok(()) };
        let ids: Vec<_> = found
            .iter()
            .flat_map(|trace| &trace.sets)
            .flat_map(|set| &set.spans)
            .map(|span| span.id)
            .collect();
        for span in whole.spans_of() {
            if let Some(verdict) = crate::testing::span_verdict(&test, span) {
                prop_assert_eq!(verdict, ids.contains(&span.id), "{} on {:?}", &expression, span);
            }
        }
    }
}

#[test]
fn spans_one_by_one_where_nothing_asks_for_traces() {
    let cases = [
        ("{ span.a = 1 }", true),
        ("{ span.a = 1 } | { duration > 1s } | select(name)", true),
        ("{ event.a = 1 } | by(kind)", true),
        ("{ rootName = `x` }", false),
        ("{ traceDuration > 1s }", false),
        ("{ span:childCount > 1 }", false),
        ("{ nestedSetParent < 0 }", false),
        ("{ } >> { }", false),
        ("{ } && { }", false),
        ("{ } | count() > 1", false),
    ];
    for (text, one_by_one) in cases {
        let query = crate::parse(text).unwrap();
        let Root::Search(pipeline) = &query.root else { panic!("a search") };
        let mut fields = Fields::new();
        Program::new(pipeline, &mut fields).unwrap();
        let rows = tests::rows(pipeline, &fields);
        assert_eq!(matches!(rows, SpanRows::Spans(_)), one_by_one, "{text}");
    }
}
