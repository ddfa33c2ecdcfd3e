//! An immutable part of a table of records (spans): `rows.parquet` and `traces.parquet`, each with its
//! checksums. Drawn in `docs/formats/parts.md`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave_record_batch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
    RowFilter,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::bloom_filter::Sbbf;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, Result, TraceId};

use super::filter::{columns_read, evaluate};
use super::summary;
use crate::checked_file::{CheckedFile, CheckedWriter};
use crate::seam::{Predicate, Projection, TableName, TraceSummary};

const ROWS_FILE: &str = "rows.parquet";
const TRACES_FILE: &str = "traces.parquet";
/// Rows of a row group: what a query reads at once.
const ROW_GROUP_ROWS: usize = 32 << 10;
/// Columns with long or unique texts: a dictionary would be built only to be given up.
const WITHOUT_DICTIONARY: [&str; 5] =
    ["attributes.entries.value", "events", "links", "span_id", "parent_span_id"];
/// One id in a hundred that is not there is looked for in vain.
const BLOOM_FALSE_POSITIVES: f64 = 0.01;

/// What the manifest keeps of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartFigures {
    /// Earliest instant of a row.
    pub(crate) min_ns: i64,
    /// Latest instant of a row.
    pub(crate) max_ns: i64,
    /// Number of rows.
    pub(crate) rows: u64,
    /// Bytes of all files.
    pub(crate) bytes: u64,
}

/// A row's place in a list of batches: batch, then row.
pub(crate) type Place = (usize, usize);

/// Writes the spans at `order` of `batches` as a part into an existing, empty directory, and
/// summaries of their traces. Files are synced; the directory is the caller's to sync.
pub(crate) fn write_part(
    directory: &Path,
    batches: &[&RecordBatch],
    order: &[Place],
    summaries: &[TraceSummary],
    bounds: (i64, i64),
) -> Result<PartFigures> {
    let path = directory.join(ROWS_FILE);
    let schema = batches
        .first()
        .ok_or_else(|| Error::internal("a part without rows is not written"))?
        .schema();
    let mut writer = rows_writer(&path, TableName::Spans, schema)?;
    for places in order.chunks(ROW_GROUP_ROWS) {
        let rows = interleave_record_batch(batches, places)
            .context(|| format!("cannot order rows for {}", path.display()))?;
        writer
            .write(&rows)
            .and_then(|()| writer.flush())
            .context(|| format!("cannot write {}", path.display()))?;
    }
    let bytes = finish(writer, &path)? + write_summaries(directory, summaries)?;
    Ok(PartFigures { min_ns: bounds.0, max_ns: bounds.1, rows: order.len() as u64, bytes })
}

fn rows_writer(
    path: &Path,
    table: TableName,
    schema: SchemaRef,
) -> Result<ArrowWriter<CheckedWriter>> {
    let mut properties = properties()
        .set_column_statistics_enabled(table.time_column().into(), EnabledStatistics::Page)
        .set_column_bloom_filter_enabled("trace_id".into(), true)
        .set_column_bloom_filter_fpp("trace_id".into(), BLOOM_FALSE_POSITIVES);
    for column in WITHOUT_DICTIONARY {
        properties = properties.set_column_dictionary_enabled(path_of(column), false);
    }
    ArrowWriter::try_new(CheckedWriter::create(path)?, schema, Some(properties.build()))
        .context(|| format!("cannot begin {}", path.display()))
}

fn path_of(column: &str) -> ColumnPath {
    ColumnPath::new(column.split('.').map(str::to_owned).collect())
}

fn properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by(concat!("watchkeep ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None)
}

fn finish(writer: ArrowWriter<CheckedWriter>, path: &Path) -> Result<u64> {
    writer.into_inner().context(|| format!("cannot finish {}", path.display()))?.finish()
}

fn write_summaries(directory: &Path, summaries: &[TraceSummary]) -> Result<u64> {
    let path = directory.join(TRACES_FILE);
    let rows = summary::to_batch(summaries)?;
    let mut writer = ArrowWriter::try_new(
        CheckedWriter::create(&path)?,
        rows.schema(),
        Some(properties().build()),
    )
    .context(|| format!("cannot begin {}", path.display()))?;
    writer.write(&rows).context(|| format!("cannot write {}", path.display()))?;
    finish(writer, &path)
}

/// A part on disk. Its index (footer, blooms) is read when first needed and kept.
#[derive(Debug)]
pub(crate) struct RecordPart {
    pub(crate) figures: PartFigures,
    table: TableName,
    directory: PathBuf,
    opened: OnceLock<Opened>,
    obsolete: AtomicBool,
}

#[derive(Debug)]
struct Opened {
    file: CheckedFile,
    metadata: ArrowReaderMetadata,
    bounds: Vec<(i64, i64)>,
    trace_ids: Vec<Option<Sbbf>>,
}

impl RecordPart {
    /// A part of which the manifest tells.
    pub(crate) fn new(directory: PathBuf, table: TableName, figures: PartFigures) -> Self {
        Self {
            figures,
            table,
            directory,
            opened: OnceLock::new(),
            obsolete: AtomicBool::new(false),
        }
    }

    fn opened(&self) -> Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = Opened::read(&self.directory.join(ROWS_FILE), self.table)?;
        Ok(self.opened.get_or_init(|| opened))
    }

    /// Has the files removed as soon as no query reads them any more. The manifest no longer names
    /// the part.
    pub(crate) fn make_obsolete(&self) {
        self.obsolete.store(true, Ordering::Relaxed);
    }

    /// Earliest and latest instant of each row group.
    pub(crate) fn row_group_bounds(&self) -> Result<&[(i64, i64)]> {
        Ok(&self.opened()?.bounds)
    }

    /// The row groups that may hold rows of a trace.
    pub(crate) fn groups_with_trace(&self, id: TraceId) -> Result<Vec<usize>> {
        let opened = self.opened()?;
        let may_hold = |bloom: &Option<Sbbf>| bloom.as_ref().is_none_or(|b| b.check(&id.0[..]));
        Ok((0..opened.bounds.len()).filter(|group| may_hold(&opened.trace_ids[*group])).collect())
    }

    /// Rows of one row group that match, with the columns of the projection in the schema's order.
    /// Columns that are only looked at by the predicate are read first, the others only for rows
    /// that match.
    pub(crate) fn read(
        &self,
        group: usize,
        projection: &Projection,
        predicate: &Predicate,
    ) -> Result<RecordBatch> {
        let opened = self.opened()?;
        let failed = || format!("cannot read row group {group} of {}", self.directory.display());
        let schema = opened.metadata.parquet_schema();
        let mask = |names: &[&str]| ProjectionMask::columns(schema, names.iter().copied());
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
            opened.file.clone(),
            opened.metadata.clone(),
        )
        .with_row_groups(vec![group])
        .with_batch_size(ROW_GROUP_ROWS);
        if let Projection::Columns(names) = projection {
            builder = builder.with_projection(mask(names));
        }
        if *predicate != Predicate::ALL {
            let mut read = BTreeSet::new();
            columns_read(predicate, &mut read);
            let names: Vec<&str> = read.into_iter().collect();
            let predicate = predicate.clone();
            let check = move |batch: RecordBatch| -> Result<BooleanArray, ArrowError> {
                evaluate(&predicate, &batch)
                    .map_err(|error| ArrowError::ExternalError(Box::new(error)))
            };
            builder = builder.with_row_filter(RowFilter::new(vec![Box::new(
                ArrowPredicateFn::new(mask(&names), check),
            )]));
        }
        let reader = builder.build().context(failed)?;
        let schema = arrow_array::RecordBatchReader::schema(&reader);
        let batches = reader.collect::<Result<Vec<_>, _>>().context(failed)?;
        match <[RecordBatch; 1]>::try_from(batches) {
            Ok([one]) => Ok(one),
            Err(several) => concat_batches(&schema, &several).context(failed),
        }
    }

    /// Summaries of the traces in a part of spans.
    pub(crate) fn summaries(&self) -> Result<Vec<TraceSummary>> {
        let path = self.directory.join(TRACES_FILE);
        let failed = || format!("cannot read {}", path.display());
        let reader = ParquetRecordBatchReaderBuilder::try_new(CheckedFile::open(&path)?)
            .and_then(ParquetRecordBatchReaderBuilder::build)
            .context(failed)?;
        let mut summaries = Vec::new();
        for batch in reader {
            summaries.extend(summary::from_batch(&batch.context(failed)?)?);
        }
        Ok(summaries)
    }
}

impl Drop for RecordPart {
    fn drop(&mut self) {
        if *self.obsolete.get_mut()
            && let Err(error) = std::fs::remove_dir_all(&self.directory)
        {
            // The next start removes what the manifest does not name.
            tracing::warn!(%error, part = %self.directory.display(), "cannot remove a part");
        }
    }
}

impl Opened {
    fn read(path: &Path, table: TableName) -> Result<Self> {
        let file = CheckedFile::open(path)?;
        let failed = || format!("cannot read the footer of {}", path.display());
        let metadata =
            ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).context(failed)?;
        let parquet = metadata.metadata();
        let leaf = |name: &str| {
            let columns = parquet.file_metadata().schema_descr().columns();
            columns
                .iter()
                .position(|column| column.path().string() == name)
                .ok_or_else(|| Error::corrupt(format!("{} has no column {name}", path.display())))
        };
        let (time, trace_id) = (leaf(table.time_column())?, leaf("trace_id")?);
        let mut bounds = Vec::new();
        let mut trace_ids = Vec::new();
        for group in parquet.row_groups() {
            let Some(Statistics::Int64(times)) = group.column(time).statistics() else {
                return Err(Error::corrupt(format!("{} lacks time bounds", path.display())));
            };
            bounds.push((
                times.min_opt().copied().unwrap_or(i64::MIN),
                times.max_opt().copied().unwrap_or(i64::MAX),
            ));
            let bloom = Sbbf::read_from_column_chunk(group.column(trace_id), &file);
            trace_ids.push(bloom.context(failed)?);
        }
        Ok(Self { file, metadata, bounds, trace_ids })
    }
}

/// The columns of a batch in memory that a projection keeps, in the schema's order.
pub(crate) fn project(batch: &RecordBatch, projection: &Projection) -> Result<RecordBatch> {
    match projection {
        Projection::All => Ok(batch.clone()),
        Projection::Columns(names) => {
            let schema = batch.schema();
            let mut indexes = Vec::with_capacity(names.len());
            for name in names {
                indexes.push(
                    schema
                        .index_of(name)
                        .map_err(|_| Error::invalid(format!("there is no column {name:?}")))?,
                );
            }
            indexes.sort_unstable();
            indexes.dedup();
            batch.project(&indexes).context(|| "cannot project a batch".to_owned())
        }
    }
}
