//! Budgets that fit what the simulated application spends, so that one is used up, one is warned of
//! and one is well within. They are made over the public API, before anything is sent.

use serde_json::{Value, json};
use watchkeep_model::Result;

use super::client::Client;
use crate::print;

/// By id.
fn budgets() -> [(&'static str, Value); 3] {
    let budget = |name: &str, scope: Value, amount: f64, window: Value, mode: &str| {
        let description = "made by `watchkeep demo`";
        json!({
            "name": name, "description": description, "scope": scope, "amount": amount, "unit": "usd",
            "window": window, "mode": mode,
        })
    };
    let day = json!({"calendar": "day"});
    [
        (
            "demo-month",
            budget("Demo, per month", json!({}), 250.0, json!({"calendar": "month"}), "soft"),
        ),
        (
            "demo-users",
            budget("Demo, every user, per day", json!({"each": "user"}), 1.0, day, "soft"),
        ),
        (
            "demo-agents",
            budget(
                "Demo, every agent, per hour",
                json!({"each": "agent"}),
                9.5,
                json!({"rolling": "1h"}),
                "hard",
            ),
        ),
    ]
}

/// Makes those that are not there. Where that can not be done the demo goes on without, and says why.
pub(super) async fn make(client: &Client) -> Result<()> {
    for (id, mut budget) in budgets() {
        budget["id"] = id.into();
        if let Err(error) = client.make_budget(id, &budget).await {
            return print(&format!("no budgets were made: {}\n", error.report()));
        }
    }
    Ok(())
}
