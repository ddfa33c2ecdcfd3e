//! Feedback over the native API and in Langfuse's shapes.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, TestServer};

const PATH: &str = "/api/watchkeep/v1/feedback";
const TRACE: &str = "0102030405060708090a0b0c0d0e0f10";

async fn post(server: &TestServer, path: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("authorization", "Basic cGs6c2s=")];
    server.send(Method::POST, path, &headers, body.to_string()).await
}

async fn at(server: &TestServer, path: &str) -> Answer {
    server.send(Method::GET, path, &[], String::new()).await
}

/// Ratings as an application of the book gives them.
async fn five_ratings(server: &TestServer) {
    let comments = ["Great", "", "Wrong price", "the price was wrong", "slow"];
    let ratings = [5, 4, 1, 2, 2];
    let all: Vec<Value> = comments
        .iter()
        .zip(ratings)
        .enumerate()
        .map(|(place, (comment, rating))| {
            json!({"user_id": format!("u{}", place % 2), "interaction_id": format!("i{place}"),
                   "rating": rating, "comment": comment, "id": format!("f{place}")})
        })
        .collect();
    let answer = post(server, PATH, &Value::Array(all)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
}

#[tokio::test]
async fn one_piece_is_taken_listed_and_deleted() {
    let server = TestServer::start().await;
    let given = json!({"id": "x", "trace_id": TRACE, "thumbs": "down", "comment": "no",
                       "metadata": {"a": [1]}});
    let answer = post(&server, PATH, &given).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    let one = answer.json()["feedback"][0].clone();
    assert_eq!((&one["kind"], &one["rating"]), (&json!("thumbs"), &json!(1.0)));
    assert_eq!((&one["trace_id"], &one["metadata"]), (&json!(TRACE), &json!({"a": [1]})));
    assert_eq!((&one["bound"], &one["origin"]), (&json!(false), &json!("api")));
    let list = server.get("/feedback?has_comment=true&rating_max=2").await;
    assert_eq!(list["feedback"], json!([one]));
    let delete = async || {
        let path = format!("{PATH}/x");
        server.send(Method::DELETE, &path, &[], String::new()).await.status
    };
    assert_eq!(delete().await, StatusCode::NO_CONTENT);
    assert_eq!(delete().await, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/feedback").await["feedback"], json!([]));
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_of_the_array_is_kept() {
    let server = TestServer::start().await;
    let cases = [
        (
            json!([{"user_id": "u", "rating": 3}, {"user_id": "u", "rating": 6}]),
            "feedback[1].rating",
        ),
        (json!({"user_id": "u", "stars": 3}), "feedback[0]"),
        (json!({"user_id": "u", "thumbs": "sideways"}), "feedback[0].thumbs"),
        (json!({"rating": 3}), "feedback[0].trace_id"),
        (json!({"trace_id": "xyz", "rating": 3}), "feedback[0].trace_id"),
        (json!({"user_id": "u", "rating": 3, "time": "yesterday"}), "feedback[0].time"),
    ];
    for (body, field) in cases {
        let answer = post(&server, PATH, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        let told = answer.json()["error"]["field"].as_str().unwrap_or_default().to_owned();
        assert!(told.starts_with(field), "{told} is not {field}");
    }
    assert_eq!(server.get("/feedback").await["feedback"], json!([]));
    let answer = server.api("/feedback?stars=3").await;
    assert_eq!(answer.json()["error"]["field"], "stars");
    assert_eq!(server.api("/feedback?cursor=7").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_summary_has_the_average_and_the_distribution_of_stars() {
    let server = TestServer::start().await;
    five_ratings(&server).await;
    let summary = server.get("/feedback/summary?by=user").await;
    assert_eq!(summary["total_feedback"], 5);
    assert_eq!(summary["average_rating"], 2.8);
    let stars = json!({"5_star": 1, "4_star": 1, "3_star": 0, "2_star": 2, "1_star": 1});
    assert_eq!(summary["rating_distribution"], stars);
    assert_eq!((&summary["low_ratings"], &summary["comments"]), (&json!(3), &json!(4)));
    let groups = summary["groups"].as_array().unwrap();
    assert_eq!(groups[0]["key"], "u0");
    assert_eq!(groups[0]["average_rating"], json!(8.0 / 3.0));
    assert_eq!(groups[1]["average_rating"], 3.0);
    let counted: i64 = summary["trend"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["total_feedback"].as_i64().unwrap())
        .sum();
    assert_eq!(counted, 5);
    assert_eq!(server.get("/feedback/summary?user=nobody").await["average_rating"], Value::Null);
    assert_eq!(server.api("/feedback/summary?step=1ns").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn themes_are_told_with_their_comments() {
    let server = TestServer::start().await;
    five_ratings(&server).await;
    let found = server.get("/feedback/themes").await;
    assert_eq!((&found["comments"], &found["analysis"]), (&json!(3), &json!("clusters")));
    assert_eq!(found["issues"], json!(["Price wrong (2 comments)"]));
    assert_eq!(found["themes"][0]["comments"].as_array().unwrap().len(), 2);
    assert_eq!(found["unassigned"], 1);
    assert_eq!(server.api("/feedback/themes?with=llm").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn scores_come_back_as_langfuse_tells_them() {
    let server = TestServer::start().await;
    let path = "/api/public/scores";
    let sent = [
        json!({"id": "n", "traceId": TRACE, "observationId": "0102030405060708", "name": "q",
               "value": 0.9, "comment": "fine", "metadata": {"k": "v"}, "configId": "c1"}),
        json!({"id": "b", "traceId": "my-own-trace", "name": "ok", "value": 1, "dataType": "BOOLEAN"}),
        json!({"id": "c", "sessionId": "s1", "name": "tone", "value": "rude"}),
        json!({"id": "r", "traceId": TRACE, "name": "output", "value": "42",
               "dataType": "CORRECTION"}),
    ];
    for score in &sent {
        let answer = post(&server, path, score).await;
        assert_eq!(
            (answer.status, answer.json()["id"].clone()),
            (StatusCode::OK, score["id"].clone())
        );
    }
    let one = at(&server, &format!("{path}/n")).await.json();
    assert_eq!((&one["value"], &one["dataType"]), (&json!(0.9), &json!("NUMERIC")));
    assert_eq!((&one["traceId"], &one["configId"]), (&json!(TRACE), &json!("c1")));
    assert_eq!(
        (&one["observationId"], &one["metadata"]),
        (&json!("0102030405060708"), &json!({"k": "v"}))
    );
    let one = at(&server, "/api/public/v2/scores/b").await.json();
    assert_eq!((&one["value"], &one["stringValue"]), (&json!(1.0), &json!("True")));
    assert_eq!(one["traceId"], "my-own-trace");
    let page = at(&server, "/api/public/v2/scores?limit=3&page=2").await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert_eq!((&page["meta"]["totalItems"], &page["meta"]["totalPages"]), (&json!(4), &json!(2)));
    let third = at(&server, &format!("/api/public/v3/scores?traceId={TRACE}&fields=subject")).await;
    let values: Vec<Value> = third.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|score| score["value"].clone())
        .collect();
    assert_eq!(values, [json!("42"), json!(0.9)]);
    assert_eq!(third.json()["data"][1]["subject"]["kind"], "observation");
    let deleted = server.send(Method::DELETE, &format!("{path}/n"), &[], String::new()).await;
    assert_eq!(deleted.status, StatusCode::ACCEPTED);
    assert_eq!(at(&server, &format!("{path}/n")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(at(&server, &format!("{path}?operator=%3E")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn batches_say_of_each_part_what_became_of_it() {
    let server = TestServer::start().await;
    let good = json!({"traceId": TRACE, "name": "q", "value": 1});
    let answer = post(&server, "/api/public/scores", &json!([good, good])).await;
    assert_eq!(
        (answer.status, answer.json()),
        (StatusCode::ACCEPTED, json!({"message": "Accepted"}))
    );
    let answer = post(&server, "/api/public/scores", &json!([good, {"name": "q"}])).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    assert_eq!((&answer.json()["accepted"], &answer.json()["rejected"]), (&json!(1), &json!(1)));
    let event = |id: &str, kind: &str, body: &Value| json!({"id": id, "type": kind, "timestamp": "2026-01-02T03:04:05Z", "body": body});
    let batch = json!({"batch": [
        event("1", "score-create", &good),
        event("2", "score-create", &json!({"name": "q", "value": 1})),
        event("3", "trace-create", &json!({"id": "t"})),
        event("4", "sdk-log", &json!({})),
    ]});
    let answer = post(&server, "/api/public/ingestion", &batch).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    let body = answer.json();
    let statuses = |list: &str| -> Vec<(Value, Value)> {
        let list = body[list].as_array().unwrap().iter();
        list.map(|one| (one["id"].clone(), one["status"].clone())).collect()
    };
    assert_eq!(statuses("successes"), [(json!("1"), json!(201)), (json!("4"), json!(201))]);
    assert_eq!(statuses("errors"), [(json!("2"), json!(400)), (json!("3"), json!(501))]);
    assert_eq!(at(&server, "/api/public/scores").await.json()["meta"]["totalItems"], 4);
}

#[tokio::test]
async fn langfuse_clients_find_health_their_project_and_otlp() {
    let server = TestServer::start().await;
    assert_eq!(at(&server, "/api/public/health").await.json()["status"], "OK");
    assert_eq!(at(&server, "/api/public/projects").await.json()["data"][0]["id"], "default");
    let spans = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": TRACE, "spanId": "0102030405060708", "name": "work",
        "startTimeUnixNano": "1000", "endTimeUnixNano": "2000"}]}]}]});
    let answer = post(&server, "/api/public/otel/v1/traces", &spans).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(server.api(&format!("/traces/{TRACE}")).await.status, StatusCode::OK);
}
