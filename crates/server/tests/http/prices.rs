//! Prices over HTTP: which row is for a model, and overrides.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use watchkeep_engine::prices::unpriced::UnpricedUse;
use watchkeep_model::TenantId;

use crate::harness::{Answer, TestServer};

const BASE: &str = "/api/watchkeep/v1/prices";

async fn send(server: &TestServer, method: Method, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = [("content-type", "application/json")];
    server.send(method, &format!("{BASE}{path}"), &headers, body).await
}

#[tokio::test]
async fn rows_are_listed_and_found_and_misses_tell_what_was_tried() {
    let server = TestServer::start().await;
    let list = server.get("/prices?q=GPT-4o-mini&provider=openai&limit=1").await;
    assert_eq!(list["rows"].as_array().unwrap().len(), 1);
    assert!(list["total"].as_u64().unwrap() > 1);
    assert_eq!((&list["truncated"], &list["cost"]), (&json!(true), &json!("computed")));
    assert_eq!(list["tables"][0]["name"], "built-in");
    assert_eq!(list["tables"][0]["problems"], json!([]));

    let found = server
        .get("/prices/match?model=gpt-4o-mini-2024-07-18&provider=openai&cached_tokens=1000&output_tokens=0")
        .await;
    assert_eq!((&found["found"], &found["matched"]), (&json!(true), &json!("date")));
    assert_eq!(found["row"]["key"], "gpt-4o-mini");
    let fields: Vec<&str> = found["cost"]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["input_cost_per_token", "cache_read_input_token_cost"]);
    let usd = found["cost"]["usd"].as_f64().unwrap();
    assert!((usd - 0.000_225).abs() < 1e-12, "{usd}");

    let missed = server.get("/prices/match?model=gpt-4o-minni&provider=openai").await;
    assert_eq!((&missed["found"], &missed["row"]), (&json!(false), &Value::Null));
    assert_eq!(missed["cost"]["source"], "unpriced");
    assert_eq!(missed["tried"][0], "gpt-4o-minni");
    assert!(missed["nearest"].as_array().unwrap().contains(&json!("gpt-4o-mini")));
    let answer = server.api("/prices/match").await;
    assert_eq!(
        (answer.status, answer.json()["error"]["field"].clone()),
        (StatusCode::BAD_REQUEST, json!("model"))
    );
}

#[tokio::test]
async fn overrides_are_set_read_and_taken_back() {
    let server = TestServer::start().await;
    let row = json!({"input_cost_per_token": 1e-6, "effective_from": "2026-01-01"});
    let answer = send(&server, Method::PUT, "/overrides/azure/gpt-x", &row).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    assert_eq!(answer.json(), json!({"key": "azure/gpt-x", "rows": [row]}));
    assert_eq!(server.get("/prices/overrides/azure%2Fgpt-x").await["rows"], json!([row]));
    let found =
        server.get("/prices/match?model=gpt-x&provider=azure&at=2026-02-01T00:00:00Z").await;
    assert_eq!(
        (&found["row"]["table"], &found["row"]["key"]),
        (&json!("override"), &json!("azure/gpt-x"))
    );
    let before =
        server.get("/prices/match?model=gpt-x&provider=azure&at=2025-02-01T00:00:00Z").await;
    assert_eq!(before["found"], false);

    for (body, part) in [
        (json!({"input_cost_per_tokens": 1}), "input_cost_per_tokens"),
        (json!({"input_cost_per_token": 99}), "USD"),
        (json!("x"), "object"),
    ] {
        let answer = send(&server, Method::PUT, "/overrides/m", &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(part), "{message}");
    }
    let answer = server.send(Method::PUT, &format!("{BASE}/overrides/m"), &[], "{").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);

    assert_eq!(server.get("/prices/overrides").await["overrides"].as_array().unwrap().len(), 1);
    let delete =
        async || send(&server, Method::DELETE, "/overrides/azure/gpt-x", &Value::Null).await.status;
    assert_eq!(delete().await, StatusCode::NO_CONTENT);
    assert_eq!(delete().await, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/prices/overrides").await, json!({"overrides": []}));
    assert_eq!(server.api("/prices/overrides/azure/gpt-x").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn models_without_a_price_are_listed_with_what_is_near() {
    let server = TestServer::start().await;
    let used = UnpricedUse {
        provider: "acme",
        model: "gpt-4o-minni",
        service: "shop",
        tokens: 7,
        at_ns: 5,
    };
    server.engine.prices().note_unpriced(&TenantId::default(), &used);
    let list = server.get("/prices/unpriced").await;
    let model = &list["models"][0];
    assert_eq!(
        (&model["model"], &model["tokens"], &model["first_seen"]),
        (&json!("gpt-4o-minni"), &json!(7), &json!("5"))
    );
    assert!(model["nearest"].as_array().unwrap().contains(&json!("gpt-4o-mini")));
}

#[tokio::test]
async fn history_is_priced_again_and_what_is_asked_wrongly_is_refused() {
    let server = TestServer::start().await;
    let ask = async |body: Value| send(&server, Method::POST, "/reprice", &body).await;
    let answer = ask(json!({"start": "0", "end": "2026-01-01T00:00:00Z"})).await.json();
    assert_eq!(
        (&answer["dry_run"], &answer["steps"], &answer["usd_after"]),
        (&json!(true), &json!(0), &json!(0.0))
    );
    for (body, part) in [
        (json!({"start": "5", "end": "5"}), "before end"),
        (json!({"start": "0", "end": "5", "as_model": "m", "dry_run": false}), "dry_run"),
        (json!({"start": "0"}), "end"),
        (json!({"start": "0", "end": "5", "modle": "m"}), "modle"),
    ] {
        let answer = ask(body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(part), "{message}");
    }
    let answer = send(&server, Method::POST, "/reload", &Value::Null).await;
    assert_eq!(answer.json(), json!({"file": null, "rows": 0, "problems": []}));
}
