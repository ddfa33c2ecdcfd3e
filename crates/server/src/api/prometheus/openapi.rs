//! A description of this surface in OpenAPI 3.1, for tools that look for one at `openapi.yaml`.
//! Written from one table, which a test holds against the routes.

use std::fmt::Write as _;

/// A path, the methods that it takes, its parameters, and what it is for. A parameter that ends in
/// `[]` may come several times.
type Path = (&'static str, &'static [&'static str], &'static [&'static str], &'static str);

const FORM: &[&str] = &["get", "post"];
const GET: &[&str] = &["get"];
const ADMIN: &[&str] = &["post", "put"];

#[rustfmt::skip]
const PATHS: &[Path] = &[
    ("/query", FORM, &["query", "time", "timeout", "limit", "lookback_delta", "stats"], "Evaluate a query at one instant"),
    ("/query_range", FORM, &["query", "start", "end", "step", "timeout", "limit", "lookback_delta", "stats"], "Evaluate a query over a range of time"),
    ("/query_exemplars", FORM, &["query", "start", "end"], "Exemplars of the series of a query"),
    ("/format_query", FORM, &["query"], "Lay a query out"),
    ("/parse_query", FORM, &["query"], "The syntax tree of a query"),
    ("/series", FORM, &["match[]", "start", "end", "limit"], "Label sets of series"),
    ("/labels", FORM, &["match[]", "start", "end", "limit"], "Names of labels"),
    ("/label/{name}/values", GET, &["match[]", "start", "end", "limit"], "Values of a label"),
    ("/metadata", GET, &["metric", "limit", "limit_per_metric"], "What is known about metric families"),
    ("/targets", GET, &["state", "scrapePool"], "Targets that are scraped, and those that are dropped"),
    ("/targets/metadata", GET, &["match_target", "metric", "limit"], "What targets say about their metrics"),
    ("/targets/relabel_steps", GET, &["scrapePool", "labels"], "How relabelling changes labels, step by step"),
    ("/scrape_pools", GET, &[], "Names of scrape pools"),
    ("/scrape_pools/config", GET, &["scrapePool"], "Configuration of a scrape pool"),
    ("/rules", GET, &["type", "rule_name[]", "rule_group[]", "file[]", "match[]", "exclude_alerts", "group_limit", "group_next_token"], "Rules"),
    ("/alerts", GET, &[], "Alerts that are pending or firing"),
    ("/alertmanagers", GET, &[], "Alertmanagers that are notified"),
    ("/notifications", GET, &[], "Notifications of the server"),
    ("/notifications/live", GET, &[], "Notifications as server-sent events"),
    ("/features", GET, &[], "Features that are switched on"),
    ("/status/buildinfo", GET, &[], "Version"),
    ("/status/runtimeinfo", GET, &[], "State of the process"),
    ("/status/config", GET, &[], "The scrape configuration"),
    ("/status/flags", GET, &[], "Settings under their names in Prometheus"),
    ("/status/tsdb", GET, &["limit"], "Cardinality"),
    ("/status/tsdb/blocks", GET, &[], "Parts of metrics on disk"),
    ("/status/walreplay", GET, &[], "Progress of recovery"),
    ("/status/self_metrics", GET, &["metric_name_pattern"], "The server's own metrics"),
    ("/write", &["post"], &[], "Remote write"),
    ("/read", &["post"], &[], "Remote read"),
    ("/import/prometheus", &["post"], &["timestamp", "extra_label[]"], "Take in text formats"),
    ("/otlp/v1/metrics", &["post"], &[], "OTLP metrics"),
    ("/admin/tsdb/delete_series", ADMIN, &["match[]", "start", "end"], "Delete samples"),
    ("/admin/tsdb/clean_tombstones", ADMIN, &[], "Free the space of what was deleted"),
    ("/admin/tsdb/snapshot", ADMIN, &["skip_head"], "Copy everything stored"),
];

/// The document.
pub(super) fn document() -> String {
    let mut text = String::from(
        "openapi: 3.1.0\n\
         info:\n  title: Prometheus HTTP API\n  description: As Watchkeep answers it.\n  version: 3.14.0\n\
         servers:\n  - url: /api/v1\n\
         paths:\n",
    );
    for path in PATHS {
        write_path(&mut text, path);
    }
    text
}

fn write_path(text: &mut String, (path, methods, parameters, summary): &Path) {
    let _ = writeln!(text, "  {path}:");
    for method in *methods {
        let _ = writeln!(text, "    {method}:\n      summary: {summary}");
        let in_path = path.contains("{name}").then_some(("name", "path"));
        let in_query = parameters.iter().map(|name| (*name, "query"));
        let mut parameters = in_path.into_iter().chain(in_query).peekable();
        if parameters.peek().is_some() {
            text.push_str("      parameters:\n");
        }
        for (name, place) in parameters {
            let schema = if name.ends_with("[]") {
                "{ type: array, items: { type: string } }"
            } else {
                "{ type: string }"
            };
            let _ = writeln!(text, "        - name: \"{name}\"\n          in: {place}");
            if place == "path" {
                text.push_str("          required: true\n");
            }
            let _ = writeln!(text, "          schema: {schema}");
        }
        text.push_str(
            "      responses:\n        \"200\": { description: Success }\n        default: { description: Error }\n",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_describes_the_routes_and_no_others() {
        // The routes are read from the code that makes them: axum does not list them.
        let code = include_str!("mod.rs");
        let routes: Vec<&str> = code
            .lines()
            .filter_map(|line| line.trim().strip_prefix(".route(\"")?.split('"').next())
            .filter(|path| !["/federate", "/graph", "/version"].contains(path))
            .filter(|path| !path.starts_with("/-/") && !path.starts_with("/search"))
            .filter(|path| *path != "/openapi.yaml")
            .collect();
        assert!(routes.len() > 25, "{routes:?}");
        // Another surface serves it below this path.
        let described = PATHS.iter().map(|path| path.0).filter(|path| *path != "/otlp/v1/metrics");
        for path in described.clone() {
            assert!(routes.contains(&path), "{path} is described and not there");
        }
        for path in routes {
            assert!(described.clone().any(|known| known == path), "{path} is not described");
        }
        let document: serde_json::Value = serde_saphyr::from_str(&document()).unwrap();
        assert_eq!(document["paths"]["/query"]["post"]["parameters"][0]["name"], "query");
        assert_eq!(document["paths"]["/label/{name}/values"]["get"]["parameters"][0]["in"], "path");
    }
}
