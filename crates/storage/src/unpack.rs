//! Decompression, with a context that each thread keeps: to make one takes longer than to unpack a
//! small frame.

use std::cell::RefCell;
use std::io::{Error, ErrorKind, Read as _, Result};

use zstd::bulk::Decompressor;

/// The most that is set aside for contents before they are seen.
const AHEAD_MAX: usize = 4 << 20;

/// Unpacks what zstd packed, which must be exactly so many bytes.
pub(crate) fn decompress(bytes: &[u8], len: usize) -> Result<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    let out = if len <= AHEAD_MAX {
        CONTEXT.with_borrow_mut(|context| {
            let decompressor = match context {
                Some(decompressor) => decompressor,
                None => context.insert(Decompressor::new()?),
            };
            decompressor.decompress(bytes, len)
        })?
    } else {
        let mut out = Vec::new();
        let decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
        decoder.take(len as u64 + 1).read_to_end(&mut out)?;
        out
    };
    if out.len() == len {
        Ok(out)
    } else {
        Err(Error::new(ErrorKind::InvalidData, "it has another length than it should"))
    }
}
