//! Deleting records by query, and what was deleted since the start.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use watchkeep_logql::ast::{LineOp, LineOperand, Stage};
use watchkeep_model::{Error, ErrorKind, Result, TenantId, TimeRange};
use watchkeep_storage::seam::{LogDeletion, LogTest};

use super::plan;
use crate::engine::Engine;

/// Requests of a tenant that are remembered; the oldest go first.
const REMEMBERED_MAX: usize = 1000;

/// A request to delete records, which has been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRequest {
    /// Its name.
    pub id: String,
    /// Which records.
    pub query: String,
    /// When they happened.
    pub range: TimeRange,
    /// When it was asked for, nanoseconds since the epoch.
    pub created_ns: i64,
}

/// What was deleted since the start.
#[derive(Debug, Default)]
pub(crate) struct DeleteRequests {
    of_tenants: Mutex<BTreeMap<TenantId, VecDeque<DeleteRequest>>>,
    next: AtomicU64,
}

impl Engine {
    /// Deletes the records of streams in a range, or those whose lines pass the filters of the query,
    /// for good; gives the name of the request.
    ///
    /// Errors: `Unsupported` where the query has other stages than filters of lines.
    pub async fn delete_logs(
        &self,
        tenant: &TenantId,
        query: &str,
        range: TimeRange,
    ) -> Result<String> {
        let log = watchkeep_logql::parse_log(query)
            .map_err(|error| Error::invalid(format!("invalid query: {error}")))?;
        let mut tests = Vec::new();
        for stage in &log.stages {
            let Stage::LineFilter(filter) = &stage.stage else { return Err(unsupported()) };
            let is_pattern =
                matches!(filter.op, LineOp::PatternMatches | LineOp::PatternNotMatches);
            let is_ip = filter.operands.iter().any(|one| matches!(one, LineOperand::Ip(_)));
            if is_pattern || is_ip {
                return Err(unsupported());
            }
            tests.push(plan::line(filter));
        }
        let deletion = LogDeletion { matchers: log.matchers, range, test: LogTest::And(tests) };
        self.store()?.delete_logs(tenant, deletion).await?;
        let created_ns = self.clock.now_ns();
        let number = self.deletes.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08x}", (created_ns.unsigned_abs() << 8 | number & 0xff) as u32);
        let request = DeleteRequest { id: id.clone(), query: query.to_owned(), range, created_ns };
        let mut of_tenants = self.deletes.of_tenants.lock();
        let requests = of_tenants.entry(tenant.clone()).or_default();
        requests.push_back(request);
        if requests.len() > REMEMBERED_MAX {
            requests.pop_front();
        }
        Ok(id)
    }

    /// The requests to delete records since the start, oldest first.
    pub fn delete_requests(&self, tenant: &TenantId) -> Vec<DeleteRequest> {
        let of_tenants = self.deletes.of_tenants.lock();
        of_tenants.get(tenant).into_iter().flatten().cloned().collect()
    }
}

fn unsupported() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "records can be deleted by a selector and filters of lines (|= != |~ !~) alone",
    )
}
