//! Files whose every byte is checksummed: beside `NAME` stands `NAME.crc` with a crc32c for each
//! block, and every read verifies the blocks that it touches. The Parquet writer can not write
//! page checksums, and this way other readers still open the file as it is.
//!
//! The checksum file is drawn in `docs/formats/parts.md`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, Result};

const MAGIC: &[u8; 8] = b"WKCRC\0\0\x01";
const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 24;

/// The path of the checksum file that belongs to a file.
fn checksum_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".crc");
    name.into()
}

/// Writes a file and its checksum file.
#[derive(Debug)]
pub(crate) struct CheckedWriter {
    file: File,
    path: PathBuf,
    checksums: Vec<u32>,
    block_crc: u32,
    block_filled: usize,
    bytes: u64,
}

impl CheckedWriter {
    /// Creates the file; it must not exist.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file =
            File::create_new(path).context(|| format!("cannot create {}", path.display()))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            checksums: Vec::new(),
            block_crc: 0,
            block_filled: 0,
            bytes: 0,
        })
    }

    /// Writes the checksums and syncs both files. Returns the bytes of both.
    pub(crate) fn finish(mut self) -> Result<u64> {
        if self.block_filled > 0 {
            self.checksums.push(self.block_crc);
        }
        let mut sums = Vec::with_capacity(HEADER_BYTES + self.checksums.len() * 4 + 4);
        sums.extend_from_slice(MAGIC);
        sums.extend_from_slice(&(BLOCK_BYTES as u32).to_le_bytes());
        sums.extend_from_slice(&(self.checksums.len() as u32).to_le_bytes());
        sums.extend_from_slice(&self.bytes.to_le_bytes());
        for checksum in &self.checksums {
            sums.extend_from_slice(&checksum.to_le_bytes());
        }
        sums.extend_from_slice(&crc32c::crc32c(&sums).to_le_bytes());
        self.file.sync_all().context(|| format!("cannot sync {}", self.path.display()))?;
        let path = checksum_path(&self.path);
        let mut file =
            File::create_new(&path).context(|| format!("cannot create {}", path.display()))?;
        file.write_all(&sums)
            .and_then(|()| file.sync_all())
            .context(|| format!("cannot write {}", path.display()))?;
        Ok(self.bytes + sums.len() as u64)
    }
}

impl Write for CheckedWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.file.write_all(buf)?;
        let mut rest = buf;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK_BYTES - self.block_filled));
            self.block_crc = crc32c::crc32c_append(self.block_crc, now);
            self.block_filled += now.len();
            if self.block_filled == BLOCK_BYTES {
                self.checksums.push(self.block_crc);
                (self.block_crc, self.block_filled) = (0, 0);
            }
            rest = later;
        }
        self.bytes += buf.len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads a file that [`CheckedWriter`] wrote. Cloning is cheap; reads do not share a position.
#[derive(Debug, Clone)]
pub(crate) struct CheckedFile(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    file: File,
    path: PathBuf,
    checksums: Vec<u32>,
    bytes: u64,
}

impl CheckedFile {
    /// Opens a file and its checksums.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).context(|| format!("cannot open {}", path.display()))?;
        let actual =
            file.metadata().context(|| format!("cannot inspect {}", path.display()))?.len();
        let sums_path = checksum_path(path);
        let sums =
            std::fs::read(&sums_path).context(|| format!("cannot read {}", sums_path.display()))?;
        let (checksums, bytes) = parse_checksums(&sums).ok_or_else(|| {
            Error::corrupt(format!("{} is damaged or of an unknown version", sums_path.display()))
        })?;
        if bytes != actual {
            return Err(Error::corrupt(format!(
                "{} has {actual} bytes where {bytes} were written",
                path.display()
            )));
        }
        Ok(Self(Arc::new(Opened { file, path: path.to_owned(), checksums, bytes })))
    }

    /// Reads `length` bytes at `start`, verifying the blocks they lie in.
    pub(crate) fn read_at(&self, start: u64, length: usize) -> Result<Bytes> {
        let opened = &*self.0;
        let end = start.checked_add(length as u64).filter(|end| *end <= opened.bytes).ok_or_else(
            || {
                Error::corrupt(format!(
                    "{} refers to {length} bytes at offset {start}, past its end",
                    opened.path.display()
                ))
            },
        )?;
        if length == 0 {
            return Ok(Bytes::new());
        }
        let block = BLOCK_BYTES as u64;
        let (first, last) = (start / block, (end - 1) / block);
        let from = first * block;
        let mut buffer = vec![0; (((last + 1) * block).min(opened.bytes) - from) as usize];
        opened
            .file
            .read_exact_at(&mut buffer, from)
            .context(|| format!("cannot read {} at offset {from}", opened.path.display()))?;
        for (position, bytes) in buffer.chunks(BLOCK_BYTES).enumerate() {
            let number = first as usize + position;
            if opened.checksums.get(number) != Some(&crc32c::crc32c(bytes)) {
                return Err(Error::corrupt(format!(
                    "{} is damaged: the checksum of the block at offset {} differs",
                    opened.path.display(),
                    number * BLOCK_BYTES
                )));
            }
        }
        Ok(Bytes::from(buffer).slice((start - from) as usize..(end - from) as usize))
    }
}

fn parse_checksums(sums: &[u8]) -> Option<(Vec<u32>, u64)> {
    let (body, own) = sums.split_last_chunk::<4>()?;
    let (header, list) = body.split_first_chunk::<HEADER_BYTES>()?;
    let word = |at: usize| header[at..at + 4].try_into().map(u32::from_le_bytes).ok();
    let bytes = u64::from_le_bytes(header[16..24].try_into().ok()?);
    let sound = crc32c::crc32c(body) == u32::from_le_bytes(*own)
        && header.starts_with(MAGIC)
        && word(8)? as usize == BLOCK_BYTES
        && word(12)? as usize * 4 == list.len()
        && bytes.div_ceil(BLOCK_BYTES as u64) == list.len() as u64 / 4;
    let (checksums, []) = list.as_chunks::<4>() else { return None };
    sound.then(|| (checksums.iter().map(|sum| u32::from_le_bytes(*sum)).collect(), bytes))
}

impl Length for CheckedFile {
    fn len(&self) -> u64 {
        self.0.bytes
    }
}

impl ChunkReader for CheckedFile {
    type T = Reader;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Reader> {
        Ok(Reader { file: self.clone(), at: start, buffer: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.read_at(start, length).map_err(|error| ParquetError::External(Box::new(error)))
    }
}

/// Reads on from a place in a [`CheckedFile`].
#[derive(Debug)]
pub(crate) struct Reader {
    file: CheckedFile,
    at: u64,
    buffer: Bytes,
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.buffer.is_empty() {
            let length = (self.file.0.bytes - self.at).min(BLOCK_BYTES as u64);
            self.buffer = self.file.read_at(self.at, length as usize).map_err(io::Error::other)?;
            self.at += length;
        }
        let length = into.len().min(self.buffer.len());
        self.buffer.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_is_written_is_read_and_any_damage_is_noticed(
            length in 0_usize..100_000, seed: u64, cut in 1_usize..7_000, from: u64, flip: u64,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            let content: Vec<u8> = (0..length as u64).map(|i| (i.wrapping_mul(seed | 1) >> 7) as u8).collect();
            let mut writer = CheckedWriter::create(&path).unwrap();
            for piece in content.chunks(cut) {
                writer.write_all(piece).unwrap();
            }
            writer.finish().unwrap();
            let file = CheckedFile::open(&path).unwrap();
            let start = from as usize % (length + 1);
            prop_assert_eq!(&file.read_at(start as u64, length - start).unwrap()[..], &content[start..]);
            prop_assert!(file.read_at(start as u64, length - start + 1).is_err());
            let mut streamed = Vec::new();
            file.get_read(0).unwrap().read_to_end(&mut streamed).unwrap();
            prop_assert_eq!(&streamed, &content);

            for damaged in [path.clone(), checksum_path(&path)] {
                let mut bytes = fs::read(&damaged).unwrap();
                if bytes.is_empty() { continue; }
                let at = flip as usize % bytes.len();
                bytes[at] ^= 1;
                fs::write(&damaged, &bytes).unwrap();
                let outcome = CheckedFile::open(&path).and_then(|file| file.read_at(0, length));
                prop_assert!(outcome.is_err());
                bytes[at] ^= 1;
                fs::write(&damaged, &bytes).unwrap();
            }
        }
    }
}
