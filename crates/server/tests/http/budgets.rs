//! Budgets over the native API: made, changed, asked, reserved, and what errors name.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, TestServer};

const BASE: &str = "/api/watchkeep/v1/budgets";

async fn send(server: &TestServer, method: Method, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server
        .send(method, &format!("{BASE}{path}"), &[("content-type", "application/json")], body)
        .await
}

fn budget() -> Value {
    json!({"name": "Every user", "scope": {"each": "user", "overrides": {"ann": 20.0}},
           "amount": 10.0, "window": {"rolling": "24h"}, "mode": "hard"})
}

/// Waits until what was spent before it was made is counted.
async fn make(server: &TestServer, budget: &Value) -> Value {
    let answer = send(server, Method::POST, "", budget).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
    let made = answer.json();
    let path = format!("/budgets/{}/status", made["id"].as_str().unwrap());
    while server.get(&path).await["known"] != true {
        tokio::task::yield_now().await;
    }
    made
}

#[tokio::test]
async fn a_budget_is_made_read_changed_listed_and_taken_away() {
    let server = TestServer::start().await;
    let made = make(&server, &budget()).await;
    let stamp = made["created_unix_nano"].clone();
    assert_eq!(
        made,
        json!({"id": "every-user", "name": "Every user", "description": "", "enabled": true,
               "scope": {"where": {}, "each": "user", "overrides": {"ann": 20.0}},
               "amount": 10.0, "unit": "usd", "window": {"rolling": "1d"},
               "thresholds": [{"percent": 80.0, "severity": "warning"},
                              {"percent": 100.0, "severity": "critical"}],
               "mode": "hard", "on_unknown": "allow", "source": "api",
               "created_unix_nano": stamp, "updated_unix_nano": stamp})
    );
    assert_eq!(server.get("/budgets/every-user").await, made);
    let mut other = budget();
    other["mode"] = json!("soft");
    let changed = send(&server, Method::PUT, "/every-user", &other).await.json();
    assert_eq!((&changed["mode"], &changed["created_unix_nano"]), (&json!("soft"), &stamp));
    let list = server.get("/budgets").await;
    assert_eq!(list["budgets"][0]["id"], "every-user");
    assert_eq!(list["budgets"][0]["current"], Value::Null, "nobody spent anything");
    let gone = send(&server, Method::DELETE, "/every-user", &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    for (method, path, body) in [
        (Method::GET, "/every-user", Value::Null),
        (Method::GET, "/every-user/status", Value::Null),
        (Method::PUT, "/every-user", budget()),
        (Method::DELETE, "/every-user", Value::Null),
        (Method::POST, "/reservations/00000000000000000000000000000000", json!({})),
        (Method::DELETE, "/reservations/x", Value::Null),
    ] {
        let answer = send(&server, method.clone(), path, &body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    assert_eq!(server.get("/budgets/events").await, json!({"events": []}));
}

#[tokio::test]
async fn what_is_wrong_with_a_budget_is_named() {
    let server = TestServer::start().await;
    make(&server, &budget()).await;
    let cases: [(&str, Value, &str); 14] = [
        ("/amount", json!(0), "amount"),
        ("/amount", json!("ten"), "amount"),
        ("/id", json!("No Spaces"), "id"),
        ("/id", json!("check"), "id"),
        ("/id", json!("every-user"), "id"),
        ("/name", json!(""), "name"),
        ("/window", json!({}), "window"),
        ("/window", json!({"calendar": "day", "time_zone": "Mars/Olympus"}), "window.time_zone"),
        ("/window", json!({"rolling": "a while"}), "window.rolling"),
        ("/window", json!({"calendar": "year"}), "window.calendar"),
        ("/scope", json!({"each": "shoe_size"}), "scope.each"),
        ("/scope", json!({"where": {"colour": "red"}}), "scope.where.colour"),
        (
            "/thresholds",
            json!([{"percent": 80, "severity": "info"}, {"percent": -1,
                                "severity": "info"}]),
            "thresholds[1].percent",
        ),
        ("/colour", json!("red"), "colour"),
    ];
    for (place, value, field) in cases {
        let mut wrong = budget();
        wrong[&place[1..]] = value.clone();
        let answer = send(&server, Method::POST, "", &wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{place} {value}");
        assert_eq!(answer.json()["error"]["field"], field, "{place} {value}: {}", answer.json());
    }
    for (body, field) in [
        (json!({"estimated_usd": -1}), "estimated_usd"),
        (json!({"attributes": {"colour": "red"}}), "attributes.colour"),
        (json!({"ttl": "0s"}), "ttl"),
        (json!({"usr": "ann"}), "usr"),
    ] {
        let answer = send(&server, Method::POST, "/check", &body).await;
        assert_eq!(answer.json()["error"]["field"], field, "{body}: {}", answer.json());
    }
}

#[tokio::test]
async fn a_check_allows_warns_and_denies_and_reservations_end() {
    let server = TestServer::start().await;
    make(&server, &budget()).await;
    let question = |usd: f64| json!({"user": "ben", "estimated_usd": usd, "reserve": true});
    let check = async |usd: f64| send(&server, Method::POST, "/check", &question(usd)).await;
    let first = check(6.0).await.json();
    assert_eq!((&first["decision"], &first["reason"]), (&json!("allow"), &json!("")));
    let standing = &first["budgets"][0];
    assert_eq!(
        *standing,
        json!({"id": "every-user", "name": "Every user", "scope_value": "ben", "mode": "hard",
               "decision": "allow", "known": true, "spent": 0.0, "reserved": 0.0, "budget": 10.0,
               "remaining": 10.0, "percentage": 0.0, "estimate": 6.0, "retry_after_ns": null})
    );
    let second = check(3.0).await.json();
    assert_eq!(second["decision"], "warn", "{second}");
    let third = check(2.0).await;
    assert_eq!((third.status, third.header("retry-after")), (StatusCode::OK, "1"));
    let third = third.json();
    assert_eq!((&third["decision"], &third["reservation"]), (&json!("deny"), &Value::Null));
    let id = first["reservation"]["id"].as_str().unwrap();
    let path = format!("/reservations/{id}");
    let settled = send(&server, Method::POST, &path, &json!({"actual_usd": 1.5})).await.json();
    assert_eq!((&settled["id"], &settled["state"]), (&json!(id), &json!("settled")));
    let status = server.get("/budgets/every-user/status?scope_value=ben").await;
    assert_eq!(status["standings"][0]["reserved"], 4.5);
    assert_eq!(status["standings"][0]["remaining"], 5.5);
    assert_eq!(check(2.0).await.json()["decision"], "allow");
    let gone = send(&server, Method::DELETE, &path, &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let too_much = send(&server, Method::POST, "/check", &question(11.0)).await.json();
    assert_eq!(
        (&too_much["decision"], &too_much["retry_after_ns"]),
        (&json!("deny"), &Value::Null)
    );
    let ann = json!({"attributes": {"user": "ann"}, "estimated_usd": 15});
    let ann = send(&server, Method::POST, "/check", &ann).await.json();
    assert_eq!((&ann["decision"], &ann["budgets"][0]["budget"]), (&json!("allow"), &json!(20.0)));
    let nobody = send(&server, Method::POST, "/check", &json!({})).await.json();
    assert_eq!((&nobody["decision"], &nobody["budgets"]), (&json!("allow"), &json!([])));
}
