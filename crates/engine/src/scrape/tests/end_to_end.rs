//! From a server's socket to the store.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use watchkeep_model::{Labels, Matcher, SystemClock, TenantId};
use watchkeep_storage::memory::MemoryStore;
use watchkeep_storage::seam::SeriesRequest;

use super::super::config::ScrapeConfig;
use super::super::{
    EngineAppender, HttpFetch, LoopOptions, ScrapeLoops, ScrapeMetrics, Scraper as _, StopReason,
};
use super::{config, job, target};
use crate::{Engine, LimitsConfig};

/// Answers every request with an exposition.
async fn serve(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut request = Vec::new();
            while let Ok(byte) = stream.read_u8().await {
                request.push(byte);
                if request.ends_with(b"\r\n\r\n") {
                    let body = "# TYPE a gauge\n# HELP a about\na{l=\"v\"} 1\n";
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\n";
                    let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    request.clear();
                }
            }
        });
    }
}

#[tokio::test]
async fn what_a_target_says_is_in_the_store() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(serve(listener));
    let registry = Registry::new();
    let engine = Engine::new(LimitsConfig::default(), Arc::new(SystemClock), &registry).unwrap();
    engine.attach(Arc::new(MemoryStore::default()));
    let engine = Arc::new(engine);
    let tenant = TenantId::default();
    let appender = EngineAppender { engine: Arc::clone(&engine), tenant: tenant.clone() };
    let loops = ScrapeLoops::new(
        Arc::new(appender),
        Arc::new(HttpFetch { body_bytes_max: 1 << 20 }),
        Arc::new(SystemClock),
        ScrapeMetrics::register(&registry).unwrap(),
        LoopOptions::default(),
    );
    let config = ScrapeConfig { scrape_interval: Duration::from_millis(20), ..config() };
    let job = job(config);
    let running = loops.start(Arc::clone(&job), target(&job, &address));
    let store = engine.store().unwrap();
    let request = SeriesRequest {
        matchers: vec![Matcher::equal("job", "j")],
        start_ms: 0,
        end_ms: i64::MAX,
        limit: None,
    };
    let series = loop {
        let series = store.series(&tenant, request.clone()).await.unwrap();
        if !series.is_empty() {
            break series;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let mut names: Vec<&str> = series.iter().map(Labels::metric_name).collect();
    names.sort_unstable();
    let report = [
        "scrape_duration_seconds",
        "scrape_samples_post_metric_relabeling",
        "scrape_samples_scraped",
        "scrape_series_added",
        "up",
    ];
    assert_eq!(names, [&["a"], &report[..]].concat());
    assert_eq!((series[0].get("l"), series[0].get("instance")), ("v", "i"));
    let metadata = store.metadata(&tenant).await.unwrap();
    assert_eq!((&*metadata[0].family, &*metadata[0].help), ("a", "about"));
    loops.stop(running, StopReason::Shutdown).await;
    server.abort();
}
