//! Limits of the evaluator: queries nested as deeply as the parser lets them be, on a thread with little
//! stack, and more steps than may be held.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use watchkeep_model::Result;
use watchkeep_promql::parser::DEPTH_MAX;
use watchkeep_promql::{
    EvalError, Options, Select, SeriesIter, SeriesSource, instant, parse, range,
};

struct Empty;

impl SeriesSource for Empty {
    fn select(&self, _select: &Select) -> Result<SeriesIter<'_>> {
        Ok(Box::new(std::iter::empty()))
    }
}

/// The deepest query of this form that is read.
fn nested(head: &str, tail: &str) -> String {
    (1..=DEPTH_MAX as usize)
        .rev()
        .map(|depth| format!("{}x{}", head.repeat(depth), tail.repeat(depth)))
        .find(|query| parse(query).is_ok())
        .unwrap()
}

fn run() {
    let forms = [
        ("abs(", ")"),
        ("-", ""),
        ("sum(", ")"),
        ("x + (", ")"),
        ("max_over_time(rate(", "[1m])[1m:1m])"),
        ("histogram_quantile(0.5, ", ")"),
    ];
    for (head, tail) in forms {
        let query = nested(head, tail);
        let expr = parse(&query).unwrap();
        instant(&Empty, &query, &expr, 0, &Options::default()).unwrap();
        range(&Empty, &query, &expr, 0, 60_000, 60_000, &Options::default()).unwrap();
    }
}

#[test]
fn a_subquery_of_too_many_steps_is_refused() {
    let query = "max_over_time(vector(1)[100d:1ms])";
    let failure = instant(&Empty, query, &parse(query).unwrap(), 0, &Options::default());
    assert!(matches!(failure, Err(EvalError::TooManySamples)), "{failure:?}");
}

#[test]
fn the_deepest_query_fits_on_a_small_stack() {
    // What threads have by default; without optimisation frames are several times larger.
    const STACK_BYTES: usize = if cfg!(debug_assertions) { 16 << 20 } else { 2 << 20 };
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap().join().unwrap();
}
