//! Parts of spans: what is written is found again, and files that are damaged or of other versions
//! are refused.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index as Pick;
use watchkeep_model::{
    CompareOp, SpanColumns, SpanField, SpanLiteral, SpanScope, SpanTest, TraceId,
};

use super::*;
use crate::live::Sealed as _;
use crate::traces::memory::SpanMemory;
use crate::traces::specimen;
use crate::traces::write::{order_by_day, write_part};

const DAY_NS: i64 = 86_400_000_000_000;
const FILES: [&str; 4] = [BLOCKS_FILE, BLOOMS_FILE, TRACES_FILE, INDEX_FILE];

fn write(directory: &Path, spans: SpanColumns) -> SpanPart {
    let batches = [Arc::new(SpanMemory::new(spans))];
    let days = order_by_day(&batches, DAY_NS);
    let [day] = days.as_slice() else { panic!("{} days", days.len()) };
    let figures = write_part(7, directory, &batches, day).unwrap();
    SpanPart::new(7, directory.to_owned(), figures, &SpanCache::new("spans", 1 << 20))
}

fn write_block(writer: &mut PartWriter, spans: &SpanColumns) {
    let rows: Vec<_> = (0..spans.span_id.len() as u32).map(|row| (0, row)).collect();
    writer.write(&[spans], &rows).unwrap();
}

fn equal(scope: SpanScope, key: &str, text: &str) -> SpanTest {
    let field = SpanField::Attribute(scope, key.to_owned());
    SpanTest::Compare { field, op: CompareOp::Eq, value: SpanLiteral::Text(text.to_owned()) }
}

#[test]
fn a_part_gives_back_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let spans = specimen(20_000);
    let part = write(directory.path(), spans.clone());
    assert_eq!((part.figures.rows, part.blocks().unwrap().len()), (20_000, 3));
    let mut found = SpanColumns::default();
    for entry in part.blocks().unwrap() {
        let block = part.block(entry).unwrap();
        let rows: Vec<u32> = (0..block.len() as u32).collect();
        watchkeep_model::column::Table::extend_from(&mut found, &block.take(&rows).unwrap());
    }
    assert!(found == spans, "the specimen is in order");
    let sizes = FILES.map(|file| directory.path().join(file).metadata().unwrap().len());
    assert_eq!(sizes.iter().sum::<u64>(), part.figures.bytes);
}

#[test]
fn traces_are_found_by_their_ids() {
    let directory = tempfile::tempdir().unwrap();
    let spans = specimen(20_000);
    let part = write(directory.path(), spans.clone());
    for row in (0..20_000).step_by(999) {
        let id = TraceId(spans.trace_id[row]);
        let blocks = part.blocks_with_trace(id).unwrap();
        let holds = |block: &u32| {
            let entry = &part.blocks().unwrap()[*block as usize];
            part.block(entry).unwrap().traces().unwrap().ids.contains(&id)
        };
        assert_eq!(blocks.iter().filter(|block| holds(block)).count(), 1);
    }
    let strangers = (0..1000_u32).filter(|n| {
        let mut id = [9; 16];
        id[..4].copy_from_slice(&n.to_le_bytes());
        !part.blocks_with_trace(TraceId(id)).unwrap().is_empty()
    });
    assert!(strangers.count() < 3, "few are found in vain");
}

#[test]
fn blocks_without_a_word_are_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let part = write(directory.path(), specimen(20_000));
    let holding = |test: &SpanTest| {
        let need = Need::of_span(test);
        let blocks = part.blocks().unwrap().iter();
        blocks.filter(|entry| part.may_hold(entry, &need).unwrap()).count()
    };
    let prompt = r#"[{"role":"user","content":"how is run 17 going?"}]"#;
    assert_eq!(holding(&equal(SpanScope::Span, "gen_ai.input.messages", "absent-word")), 0);
    let of_one = holding(&equal(SpanScope::Any, "gen_ai.input.messages", prompt));
    assert!((1..3).contains(&of_one), "a word may seem to be where it is not: {of_one}");
    assert_eq!(holding(&equal(SpanScope::Resource, "host.name", "h2")), 3);
    assert_eq!(holding(&SpanTest::ALL), 3);
}

#[test]
fn names_and_calls_are_kept_in_the_index() {
    let directory = tempfile::tempdir().unwrap();
    let part = write(directory.path(), specimen(20_000));
    let names = part.names().unwrap();
    assert_eq!((names.operations.len(), names.left_out), (5, 0));
    assert!(names.keys.iter().any(|key| key.key == "gen_ai.request.model"));
    let mut calls = Calls::default();
    for entry in part.blocks().unwrap() {
        part.add_calls(entry, &mut calls).unwrap();
    }
    let pair = |a: &str, b: &str| calls.0.get(&(a.to_owned(), b.to_owned())).copied();
    assert_eq!(pair("gateway", "model"), Some((4000, 800)));
    assert_eq!(pair("model", "gateway"), Some((8000, 0)), "two tools of each model call");
}

#[test]
fn blocks_are_taken_over_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let part = write(directory.path(), specimen(20_000));
    let other = tempfile::tempdir().unwrap();
    let mut writer = PartWriter::create(8, other.path()).unwrap();
    write_block(&mut writer, &specimen(5));
    writer.add_names_of(&part).unwrap();
    for entry in part.blocks().unwrap() {
        writer.copy(&part, entry).unwrap();
    }
    let figures = writer.finish().unwrap();
    let merged =
        SpanPart::new(8, other.path().to_owned(), figures, &SpanCache::new("spans", 1 << 20));
    assert_eq!(merged.figures.rows, 20_005);
    assert_eq!(merged.names().unwrap().operations.len(), 5);
    let last = merged.block(&merged.blocks().unwrap()[3]).unwrap();
    let id = last.traces().unwrap().ids[0];
    assert!(merged.blocks_with_trace(id).unwrap().contains(&3));
}

#[test]
fn too_many_names_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = PartWriter::create(1, directory.path()).unwrap();
    for block in 0..3 {
        let mut spans = specimen(8000);
        spans.name = watchkeep_model::Utf8Column::default();
        (0..8000).for_each(|row| spans.name.push(&format!("operation {block} {row}")));
        spans.attributes = watchkeep_model::AttributesColumn::default();
        (0..8000).for_each(|_| spans.attributes.end_row());
        write_block(&mut writer, &spans);
    }
    let part = SpanPart::new(
        1,
        directory.path().to_owned(),
        writer.finish().unwrap(),
        &SpanCache::new("spans", 1 << 20),
    );
    let names = part.names().unwrap();
    assert_eq!((names.operations.len(), names.left_out), (20_000, 4000));
}

/// Written by the version of the format that is named.
#[test]
fn the_golden_part_of_version_1_stays_readable() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/spans/v1");
    let spans = specimen(300);
    if std::env::var_os("WATCHKEEP_UPDATE_GOLDEN").is_some() {
        if directory.try_exists().unwrap() {
            std::fs::remove_dir_all(&directory).unwrap();
        }
        std::fs::create_dir_all(&directory).unwrap();
        write(&directory, spans.clone());
    }
    let figures = PartFigures { min_ns: 0, max_ns: 0, rows: 300, bytes: 0 };
    let part = SpanPart::new(7, directory, figures, &SpanCache::new("spans", 1 << 20));
    let [entry] = part.blocks().unwrap() else { panic!("not one block") };
    let all: Vec<u32> = (0..300).collect();
    assert!(part.block(entry).unwrap().take(&all).unwrap() == spans);
    assert_eq!(part.blocks_with_trace(TraceId(spans.trace_id[77])).unwrap(), [0]);
    let word = |word: &str| part.may_hold(entry, &Need::Word(word.into())).unwrap();
    assert!(word("exception") && word("Timeout") && word("gateway"), "as the hash was then");
    assert!(!word("absent"), "and those that were not there are not");
    assert_eq!((part.names().unwrap().operations.len(), entry.calls.len()), (5, 2));
}

#[test]
fn files_of_another_version_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let part = write(directory.path(), specimen(50));
    let path = directory.path().join(INDEX_FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[7] = 9;
    let end = bytes.len() - 4;
    let checksum = crc32c::crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = part.blocks().unwrap_err();
    assert!(error.report().contains("another version"), "{}", error.report());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flipped_byte_is_noticed_or_changes_nothing(file in 0_usize..4, at: Pick, with in 1_u8..) {
        let directory = tempfile::tempdir().unwrap();
        let spans = specimen(200);
        write(directory.path(), spans.clone());
        let path = directory.path().join(FILES[file]);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        std::fs::write(&path, bytes).unwrap();
        let figures = PartFigures { min_ns: 0, max_ns: 0, rows: 200, bytes: 0 };
        let part = SpanPart::new(7, directory.path().to_owned(), figures, &SpanCache::new("spans", 1 << 20));
        let read = part.blocks().and_then(|blocks| {
            let all: Vec<u32> = (0..200).collect();
            part.blocks_with_trace(TraceId(spans.trace_id[0]))?;
            part.may_hold(&blocks[0], &Need::Word("x".into()))?;
            part.block(&blocks[0])?.take(&all)
        });
        prop_assert!(read.is_err(), "byte {} of {}", at, FILES[file]);
    }
}
