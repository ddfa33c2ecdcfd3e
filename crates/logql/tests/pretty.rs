//! Queries over several lines.

use watchkeep_logql::{parse, pretty};

/// Queries, each followed by how it is written.
const CASES: &[(&str, &str)] = &[
    (
        r#"sum   by(zone)(rate({app="gateway"}[5m]))/2"#,
        r#"(sum by (zone)(rate({app="gateway"}[5m])) / 2)"#,
    ),
    (r#"{app="a"}|="x"|json"#, r#"{app="a"} |= "x" | json"#),
    (
        r#"{application="checkout",environment="production"}|="payment"!="health check"|json|latency>250ms|decolorize|line_format "{{.msg}}""#,
        r#"{application="checkout", environment="production"}
  |= "payment" != "health check"
  | json
  | latency>250ms
| decolorize
  | line_format "{{.msg}}""#,
    ),
    (
        r#"{application="checkout"} |= "a rather long text that lines must contain" |= "another such text" or "this one" != "a third one that does not fit""#,
        r#"{application="checkout"}
  |= "a rather long text that lines must contain" |= "another such text" or "this one"
  != "a third one that does not fit""#,
    ),
    (
        r#"quantile_over_time(0.99,{container="ingress",service="shop"}|json|unwrap duration(latency)|__error__=""[1m] offset 2h) by (cluster,zone)"#,
        r#"quantile_over_time(
  0.99,
  {container="ingress", service="shop"} | json
    | unwrap duration(latency)
    | __error__="" [1m] offset 2h
) by (cluster, zone)"#,
    ),
    (
        r#"topk(5,sum by(cluster,namespace)(count_over_time({container="ingress",service="shop",environment="production"}|="error"[5m])))"#,
        r#"topk(
  5,
  sum by (cluster, namespace)(
    count_over_time({container="ingress", service="shop", environment="production"} |= "error"[5m])
  )
)"#,
    ),
    (
        r#"label_replace(rate({application="checkout",environment="production"}[5m]),"cluster","$1","instance","(.*):.*")"#,
        r#"label_replace(
  rate({application="checkout", environment="production"}[5m]),
  "cluster",
  "$1",
  "instance",
  "(.*):.*"
)"#,
    ),
    (
        r#"sum by(zone)(rate({application="checkout"}|="error"[5m]))/on(zone)group_left(team)sum by(zone,team)(rate({application="checkout"}[5m]))"#,
        r#"  sum by (zone)(rate({application="checkout"} |= "error"[5m]))
/ on (zone) group_left (team)
  sum by (zone,team)(rate({application="checkout"}[5m]))"#,
    ),
    (
        r#"(sum(rate({application="checkout",environment="production"}[5m]))+sum(rate({application="basket",environment="production"}[5m])))*100"#,
        r#"  (
      sum(rate({application="checkout", environment="production"}[5m]))
    +
      sum(rate({application="basket", environment="production"}[5m]))
  )
*
  100"#,
    ),
];

#[test]
fn long_queries_are_broken_up_and_mean_the_same() {
    for (query, expect) in CASES {
        let expr = parse(query).unwrap();
        assert_eq!(pretty(&expr), *expect);
        let again = parse(expect).unwrap();
        assert_eq!(again.to_string(), expr.to_string());
    }
}
