//! Logs that nobody pushes: files that are followed, and syslog.
//!
//! In reading order: [`config`] (section `sources`), [`files`], [`record`] and [`pipeline`] (from a
//! record to an entry), `syslog`, `promtail` (a configuration taken over), `sink` (into the store).

pub mod config;
pub(crate) mod files;
pub(crate) mod metrics;
pub(crate) mod pipeline;
mod promtail;
pub(crate) mod record;
mod sink;
mod syslog;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::Registry;
use regex::bytes::Regex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result, TenantId};

use self::config::{
    FileSource, LineFormat, Multiline, SourcesConfig, SyslogProtocol, SyslogSource,
};
use self::files::Follower;
use self::files::frame::Framing;
use self::files::patterns::Patterns;
use self::files::split::Splitting;
use self::files::tailer::{Bounds, Source};
use self::metrics::SourceMetrics;
use self::pipeline::Pipeline;
use self::record::Maker;
use self::sink::{Sink, Stop};
use crate::engine::Engine;

/// Bytes of one file that are read at one time, and at least as many as a line may have.
const FILE_BYTES: usize = 1 << 20;

/// All sources. They run between [`Sources::start`] and [`Sources::stop`].
#[derive(Debug)]
pub struct Sources {
    config: SourcesConfig,
    data_dir: PathBuf,
    sink: Sink,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sources {
    /// Fails where the configuration is wrong.
    pub fn new(
        engine: &Arc<Engine>,
        mut config: SourcesConfig,
        data_dir: &Path,
        registry: &Registry,
    ) -> Result<Self> {
        if let Some(path) = &config.promtail_config {
            let shown = path.display();
            let text = std::fs::read_to_string(path)
                .context(|| format!("cannot read sources.promtail_config {shown}"))?;
            let promtail = promtail::read(&text).map_err(|error| {
                Error::invalid(format!("sources.promtail_config {shown}: {}", error.message()))
            })?;
            for warning in &promtail.warnings {
                tracing::warn!("{shown}: {warning}");
            }
            config.files.extend(promtail.files);
            config.syslog.extend(promtail.syslog);
        }
        let sink = Sink {
            engine: Arc::clone(engine),
            tenant: TenantId::new(&config.tenant)?,
            metrics: SourceMetrics::register(registry)?,
        };
        if config.files_max == 0 || config.batch_bytes_max.0 == 0 {
            return Err(Error::invalid(
                "sources.files_max and sources.batch_bytes_max must be at least 1",
            ));
        }
        let all = Self { config, data_dir: data_dir.to_owned(), sink, running: Mutex::default() };
        // Once before there is a store, so that what is wrong is said at once.
        all.file_sources(true)?;
        all.syslog_pipelines(true)?;
        Ok(all)
    }

    /// Begins to read; the store must be open.
    pub async fn start(&self) -> Result<()> {
        let (stop, listening) = Stop::new();
        let mut tasks = Vec::new();
        let sources = self.file_sources(false)?;
        if !sources.is_empty() {
            let (bounds, sink) = (self.bounds(), self.sink.clone());
            let (data_dir, poll_interval) = (self.data_dir.clone(), self.config.poll_interval.0);
            let opening = tokio::task::spawn_blocking(move || {
                Follower::new(sources, bounds, &data_dir, poll_interval, sink)
            });
            let follower = opening.await.context(|| "cannot open positions of files".into())??;
            tasks.push(tokio::spawn(follower.run(listening.clone())));
        }
        let bounds = (self.config.syslog_queue_max, self.config.syslog_connections_max);
        for (config, pipeline) in self.config.syslog.iter().zip(self.syslog_pipelines(false)?) {
            let (config, sink) = (config.clone(), self.sink.clone());
            let listening = listening.clone();
            tasks.extend(syslog::listen(config, pipeline, sink, bounds, listening).await?);
        }
        *self.running.lock() = Some(Running { stop, tasks });
        Ok(())
    }

    /// Ends reading and saves positions. What was read is stored before.
    pub async fn stop(&self) {
        let Some(running) = self.running.lock().take() else { return };
        // Nobody listening means that all have ended.
        let _either_way = running.stop.send(true);
        for task in running.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a source broke off");
            }
        }
    }

    fn bounds(&self) -> Bounds {
        let line_bytes_max = self.sink.limits().log_body_bytes_max;
        Bounds {
            files_max: self.config.files_max,
            round_bytes_max: self.config.batch_bytes_max.bytes(),
            file_bytes_max: FILE_BYTES.max(line_bytes_max.saturating_add(1)),
            rotated_wait: self.config.rotated_wait.0,
        }
    }

    /// All files; `tells` says whether warnings are shown.
    fn file_sources(&self, tells: bool) -> Result<Vec<Source>> {
        let files = self.config.files.iter().enumerate();
        let named = |(at, file)| {
            let place = format!("sources.files[{at}]");
            self.file_source(file, tells.then_some(&place))
                .map_err(|error| Error::invalid(format!("{place}: {}", error.message())))
        };
        files.map(named).collect()
    }

    fn syslog_pipelines(&self, tells: bool) -> Result<Vec<Pipeline>> {
        let listeners = self.config.syslog.iter().enumerate();
        let named = |(at, listener): (usize, &SyslogSource)| {
            let place = format!("sources.syslog[{at}]");
            let wrong = |error: Error| Error::invalid(format!("{place}: {}", error.message()));
            check_labels(listener.labels.keys()).map_err(wrong)?;
            if listener.tls.is_some() && listener.protocol == SyslogProtocol::Udp {
                return Err(wrong(Error::invalid("there is no TLS on UDP")));
            }
            let (pipeline, warnings) = Pipeline::read(&listener.pipeline_stages).map_err(wrong)?;
            tell(tells.then_some(&place), &warnings);
            Ok(pipeline)
        };
        listeners.map(named).collect()
    }

    fn file_source(&self, file: &FileSource, place: Option<&String>) -> Result<Source> {
        if file.paths.is_empty() {
            return Err(Error::invalid("paths must name at least one pattern"));
        }
        let leading = promtail::leading(&file.pipeline_stages)?;
        let (pipeline, warnings) = Pipeline::read(&leading.rest)?;
        tell(place, &warnings);
        let format = leading.format.unwrap_or(file.format);
        check_labels(file.labels.keys())?;
        let framing = match format {
            LineFormat::Docker => Framing::Docker,
            LineFormat::Cri => Framing::Cri,
            LineFormat::Auto | LineFormat::Json | LineFormat::Text => Framing::None,
        };
        let multiline = file.multiline.as_ref().or(leading.multiline.as_ref());
        let first_line = multiline.map(|multiline| {
            Regex::new(&multiline.first_line)
                .map_err(|error| Error::invalid(format!("multiline.first_line: {error}")))
        });
        let splitting = Splitting {
            framing,
            first_line: first_line.transpose()?,
            lines_max: multiline.map_or(Multiline::LINES_MAX, |m| m.max_lines.max(1)),
        };
        Ok(Source {
            patterns: Patterns::new(&file.paths, &file.exclude)?,
            start_at: file.start_at,
            splitting,
            wait_max: multiline.map_or(Multiline::WAIT_MAX, |m| m.max_wait.0),
            maker: Maker {
                format,
                framing,
                labels: file.labels.clone(),
                pipeline,
                line_bytes_max: self.sink.limits().log_body_bytes_max,
            },
        })
    }
}

fn tell(place: Option<&String>, warnings: &[String]) {
    for warning in place.iter().flat_map(|_| warnings) {
        tracing::warn!("{}: {warning}", place.map_or("", String::as_str));
    }
}

fn check_labels<'l>(names: impl Iterator<Item = &'l String>) -> Result<()> {
    for name in names {
        let is_name = !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            return Err(Error::invalid(format!("{name:?} is not the name of a label")));
        }
    }
    Ok(())
}
