//! Requests by endpoint, of this server and of services that send spans, and whether they are well:
//! what `/api/monitoring` tells. Figures are added up here; where the server's own come from is the
//! server's matter.
//!
//! In reading order: [`config`], [`requests`] (figures), [`endpoint`] (how an endpoint is called),
//! [`observed`] (figures out of spans), [`judge`].

pub mod config;
pub mod endpoint;
pub mod judge;
mod observed;
pub mod requests;
#[cfg(test)]
mod tests;

/// How far back "recent" requests lie, seconds.
pub const RECENT_SECONDS: u64 = 300;
