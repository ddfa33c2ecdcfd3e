//! The forms in which queries are printed: on one line, and over several.

use watchkeep_promql::{parse, pretty};

#[test]
fn queries_are_printed_in_one_form() {
    let cases = [
        ("SUM( m )BY( b,\"a.b\" )", "sum by (b, \"a.b\") (m)"),
        ("sum without()(m)", "sum without () (m)"),
        ("topk  by () ( 3,m )", "topk(3, m)"),
        ("m{b='2',a=\"1\",\"c d\"=~`x\\.y`}", "m{\"c d\"=~\"x\\\\.y\",a=\"1\",b=\"2\"}"),
        ("{__name__='m', a!~'b'}", "{__name__=\"m\",a!~\"b\"}"),
        ("{'m'}", "{__name__=\"m\"}"),
        ("m[90m] offset -1d @ 1", "m[1h30m] @ 1.000 offset -1d"),
        ("m[7d] smoothed", "m[1w] smoothed"),
        ("m[8d]", "m[8d]"),
        ("m @ start() offset (5m*2) anchored", "m @ start() anchored offset (5m * 2)"),
        ("m[((step()+1h))]", "m[(step() + 1h)]"),
        ("m[min_of(1m,MAX_OF(2m,range()))]", "m[min_of(1m, max_of(2m, range()))]"),
        ("rate(m[5m:] offset 0s)", "rate(m[5m:])"),
        ("a+on()group_left(x)b", "a + on () group_left (x) b"),
        ("a+ignoring()b", "a + b"),
        ("a+on(x)fill_left(1)fill_right(1)b", "a + on (x) fill (1) b"),
        ("a+fill_left(0.00001)fill_right(Inf)b", "a + fill_left (1e-05) fill_right (+Inf) b"),
        ("a>=bool-1", "a >= bool -1"),
        ("-(a)", "-(a)"),
        ("+a", "+a"),
        ("1e3+0x10+5m+1e-7", "1000 + 16 + 5m + 0.0000001"),
        ("`a\"\n`", "\"a\\\"\\n\""),
        ("label_join(m,'a','b')", "label_join(m, \"a\", \"b\")"),
    ];
    for (query, expect) in cases {
        assert_eq!(parse(query).map(|expr| expr.to_string()), Ok(expect.to_owned()), "{query}");
    }
}

#[test]
fn long_queries_are_split_and_indented() {
    let name = "a_metric_with_a_name_that_is_quite_long_so_that_lines_grow_long";
    let query = format!(
        "-sum by (job) (rate({name}{{job=\"api\"}}[5m])) / on (job) topk(3, ({name} + {name}))"
    );
    let expect = format!(
        "  -sum by (job) (rate({name}{{job=\"api\"}}[5m]))\n\
         / on (job)\n  \
           topk(\n    \
             3,\n    \
             (\n        \
                 {name}\n      \
               +\n        \
                 {name}\n    \
             )\n  \
           )"
    );
    assert_eq!(pretty(&parse(&query).unwrap()), expect);
    let short = "sum(rate(m[5m]))";
    assert_eq!(pretty(&parse(short).unwrap()), short);
}
