//! The tenant of a request: the header `X-Scope-OrgID` (which is also gRPC metadata), or the
//! default one.

use http::HeaderMap;
use watchkeep_model::{Error, Result, TenantId};

/// Name of the header, as Grafana's data sources send it.
pub(crate) const TENANT_HEADER: &str = "x-scope-orgid";

/// Reads the tenant.
pub(crate) fn tenant_of(headers: &HeaderMap) -> Result<TenantId> {
    match headers.get(TENANT_HEADER) {
        None => Ok(TenantId::default()),
        Some(value) => {
            let name = value.to_str().map_err(|error| {
                Error::invalid("X-Scope-OrgID is not plain ASCII").with_source(error)
            })?;
            TenantId::new(name)
        }
    }
}
