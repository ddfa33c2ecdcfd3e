//! What series there are, for surfaces that ask with selectors: names, values, label sets,
//! exemplars, metadata, cardinality; and the few things that change them.

use std::collections::{BTreeMap, BTreeSet};

use watchkeep_model::{Labels, Matcher, Result, TenantId};
use watchkeep_storage::seam::{
    CardinalityRequest, CardinalityStats, ExemplarRow, LabelValuesRequest, MetadataRow, MetricPart,
    SeriesRequest,
};

use crate::engine::Engine;

/// Exemplars that one answer holds at most.
const EXEMPLARS_MAX: usize = 100_000;

impl Engine {
    /// Label sets of series that any of the selectors selects, with a sample in the closed range,
    /// in the order of labels; at most `limit`, or else `limits.query_series_max`.
    pub async fn series(
        &self,
        tenant: &TenantId,
        selectors: Vec<Vec<Matcher>>,
        start_ms: i64,
        end_ms: i64,
        limit: Option<usize>,
    ) -> Result<Vec<Labels>> {
        self.query(async {
            let store = self.store()?;
            let is_union = selectors.len() > 1;
            let mut found = Vec::new();
            for matchers in selectors {
                let request = SeriesRequest { matchers, start_ms, end_ms, limit };
                found.extend(store.series(tenant, request).await?);
            }
            if is_union {
                found.sort();
                found.dedup();
                found.truncate(limit.unwrap_or(usize::MAX));
            }
            Ok(found)
        })
        .await
    }

    /// Names of labels on the series that match, sorted.
    pub async fn label_names(
        &self,
        tenant: &TenantId,
        matchers: Vec<Matcher>,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<String>> {
        let request = SeriesRequest { matchers, start_ms, end_ms, limit: None };
        self.query(async { self.store()?.label_names(tenant, request).await }).await
    }

    /// Values of a label on the series that match, sorted.
    pub async fn label_values(
        &self,
        tenant: &TenantId,
        label: &str,
        matchers: Vec<Matcher>,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<String>> {
        let series = SeriesRequest { matchers, start_ms, end_ms, limit: None };
        let request = LabelValuesRequest { label: label.to_owned(), series };
        self.query(async { self.store()?.label_values(tenant, request).await }).await
    }

    /// Exemplars of the series that any of the selectors selects, by series.
    pub async fn exemplars(
        &self,
        tenant: &TenantId,
        selectors: Vec<Vec<Matcher>>,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<BTreeMap<Labels, Vec<ExemplarRow>>> {
        self.query(async {
            let store = self.store()?;
            let mut found: BTreeMap<Labels, Vec<ExemplarRow>> = BTreeMap::new();
            let mut asked = BTreeSet::new();
            for matchers in selectors {
                // A query often has the same selector twice; its exemplars are shown once.
                if !asked.insert(format!("{matchers:?}")) {
                    continue;
                }
                let limit = Some(EXEMPLARS_MAX);
                let request = SeriesRequest { matchers, start_ms, end_ms, limit };
                let mut more: BTreeMap<Labels, Vec<ExemplarRow>> = BTreeMap::new();
                for row in store.exemplars(tenant, request).await? {
                    more.entry(row.series.clone()).or_default().push(row);
                }
                for (series, rows) in more {
                    found.entry(series).or_insert(rows);
                }
            }
            Ok(found)
        })
        .await
    }

    /// What is known about metric families, sorted by name.
    pub async fn metadata(&self, tenant: &TenantId) -> Result<Vec<MetadataRow>> {
        self.query(async { self.store()?.metadata(tenant).await }).await
    }

    /// The pieces that metrics on disk are in.
    pub async fn metric_parts(&self, tenant: &TenantId) -> Result<Vec<MetricPart>> {
        self.query(async { self.store()?.metric_parts(tenant).await }).await
    }

    /// How many series, label pairs and values there are, and what has the most.
    pub async fn cardinality(
        &self,
        tenant: &TenantId,
        request: CardinalityRequest,
    ) -> Result<CardinalityStats> {
        self.query(async { self.store()?.cardinality(tenant, request).await }).await
    }
}
