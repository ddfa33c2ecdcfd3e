//! The file that failed scrapes are logged to (`scrape_failure_log_file`): a JSON object a line. As
//! in Prometheus it grows until somebody rotates it; it is opened for every line, so that a file
//! that was moved away begins anew.

use serde::Serialize;
use tokio::io::AsyncWriteExt as _;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use super::job::Job;
use super::target::Target;

/// A line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    time: String,
    level: &'static str,
    msg: &'a str,
    job_name: &'a str,
    target: &'a str,
}

/// Appends a failure, where the job has such a file.
pub(super) async fn append(job: &Job, target: &Target, now_ns: i64, why: &str) -> Result<()> {
    let path = &job.config.scrape_failure_log_file;
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    let now = jiff::Timestamp::from_nanosecond(i128::from(now_ns));
    let line = Line {
        time: now
            .map_err(|e| Error::internal("the clock is out of range").with_source(e))?
            .to_string(),
        level: "ERROR",
        msg: why,
        job_name: &job.config.job_name,
        target: target.url(),
    };
    let mut text = serde_json::to_vec(&line).context(|| "cannot write a line of JSON".into())?;
    text.push(b'\n');
    let shown = || format!("cannot append to {}", path.display());
    let opened = tokio::fs::OpenOptions::new().create(true).append(true).open(path).await;
    let mut file = opened.context(shown)?;
    file.write_all(&text).await.context(shown)?;
    file.flush().await.context(shown)
}
