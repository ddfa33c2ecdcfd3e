//! Decompression of request bodies under a cap. Output grows as bytes really arrive, so a header
//! that claims a large size allocates nothing; a zstd window is held to the 8 MiB of RFC 9659.

use std::borrow::Cow;
use std::io::{Read, Write as _};

use watchkeep_model::{Error, ErrorKind, Result};

/// The values of `Content-Encoding` that [`decompress`] accepts, as an answer to a client that
/// sent another.
pub const ACCEPTED_ENCODINGS: &str = "gzip, deflate, zstd, identity";

/// Configuration key of the cap.
pub const DECOMPRESSED_BYTES_MAX_KEY: &str = "limits.decompressed_bytes_max";

/// Largest zstd window, as a power of two (RFC 9659, section 3).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// A snappy block grows by less: its densest element, of three bytes, stands for 64.
const SNAPPY_RATIO_MAX: usize = 22;

/// Undoes the `Content-Encoding` of a body. A body that is not encoded is borrowed.
pub fn decompress<'a>(
    encoding: Option<&str>,
    body: &'a [u8],
    decompressed_bytes_max: usize,
) -> Result<Cow<'a, [u8]>> {
    let name = encoding.unwrap_or_default().trim();
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if name.is_empty() || is("identity") {
        return if body.len() > decompressed_bytes_max {
            Err(too_large(decompressed_bytes_max))
        } else {
            Ok(Cow::Borrowed(body))
        };
    }
    let bytes = if is("gzip") || is("x-gzip") {
        read_capped("gzip", flate2::read::MultiGzDecoder::new(body), body, decompressed_bytes_max)
    } else if is("deflate") {
        // HTTP means the zlib format by "deflate" (RFC 9110, section 8.4.1.2); some clients leave
        // its head away.
        if has_zlib_head(body) {
            let decoder = flate2::read::ZlibDecoder::new(body);
            read_capped("deflate", decoder, body, decompressed_bytes_max)
        } else {
            let decoder = flate2::read::DeflateDecoder::new(body);
            read_capped("deflate", decoder, body, decompressed_bytes_max)
        }
    } else if is("zstd") {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(|error| {
            Error::internal("could not start a zstd decoder").with_source(error)
        })?;
        decoder
            .window_log_max(ZSTD_WINDOW_LOG_MAX)
            .map_err(|error| Error::internal("could not limit a zstd window").with_source(error))?;
        read_capped("zstd", decoder, body, decompressed_bytes_max)
    } else {
        let shown: String = name.chars().take(32).collect();
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("content encoding {shown:?} is not supported; accepted: {ACCEPTED_ENCODINGS}"),
        ))
    }?;
    Ok(Cow::Owned(bytes))
}

/// Whether a body begins as zlib's format does (RFC 1950, section 2.2).
fn has_zlib_head(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..]
        if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

fn read_capped(
    name: &str,
    decoder: impl Read,
    body: &[u8],
    decompressed_bytes_max: usize,
) -> Result<Vec<u8>> {
    // Text compresses about four to one; a guess that is wrong costs one more allocation.
    let mut out = Vec::with_capacity(body.len().saturating_mul(4).min(decompressed_bytes_max));
    let one_more = (decompressed_bytes_max as u64).saturating_add(1);
    decoder.take(one_more).read_to_end(&mut out).map_err(|error| {
        Error::invalid(format!("could not decompress a {name} body of {} bytes", body.len()))
            .with_source(error)
    })?;
    if out.len() > decompressed_bytes_max {
        return Err(too_large(decompressed_bytes_max));
    }
    Ok(out)
}

/// What an answer may be compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// Its name in headers, which [`decompress`] takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Compresses fast rather than well: answers travel once.
    pub fn compress(self, bytes: &[u8]) -> Result<Vec<u8>> {
        let failed = |error: std::io::Error| {
            let message = format!("could not compress {} bytes with {}", bytes.len(), self.name());
            Error::internal(message).with_source(error)
        };
        match self {
            Self::Gzip => {
                let fast = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), fast);
                encoder.write_all(bytes).map_err(failed)?;
                encoder.finish().map_err(failed)
            }
            Self::Zstd => zstd::bulk::compress(bytes, 1).map_err(failed),
        }
    }
}

/// Undoes the snappy block format (not the framed one), in which the protocols of Prometheus
/// travel. The length that a block declares is checked before anything is allocated.
pub fn decompress_snappy_block(body: &[u8], decompressed_bytes_max: usize) -> Result<Vec<u8>> {
    let invalid = |error: snap::Error| {
        Error::invalid(format!("could not decompress a snappy body of {} bytes", body.len()))
            .with_source(error)
    };
    let declared = snap::raw::decompress_len(body).map_err(invalid)?;
    if declared > decompressed_bytes_max {
        return Err(too_large(decompressed_bytes_max));
    }
    if declared / SNAPPY_RATIO_MAX > body.len() {
        return Err(Error::invalid(format!(
            "a snappy body of {} bytes can not hold the {declared} bytes that it declares",
            body.len()
        )));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(invalid)
}

/// Compresses as [`decompress_snappy_block`] undoes.
pub fn compress_snappy_block(bytes: &[u8]) -> Result<Vec<u8>> {
    snap::raw::Encoder::new().compress_vec(bytes).map_err(|error| {
        Error::internal(format!("could not compress {} bytes with snappy", bytes.len()))
            .with_source(error)
    })
}

fn too_large(decompressed_bytes_max: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge { key: DECOMPRESSED_BYTES_MAX_KEY },
        format!(
            "the decompressed body is larger than {decompressed_bytes_max} bytes \
             ({DECOMPRESSED_BYTES_MAX_KEY})"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compress(encoding: &str, bytes: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        match encoding {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            "deflate" => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            "zstd" => zstd::encode_all(bytes, 3).unwrap(),
            _ => bytes.to_vec(),
        }
    }

    const ALL: [&str; 4] = ["gzip", "deflate", "zstd", "identity"];

    #[test]
    fn a_bomb_stops_at_the_cap() {
        let zeros = vec![0; 10_000_000];
        for encoding in ALL {
            let body = compress(encoding, &zeros);
            let error = decompress(Some(encoding), &body, 1_000_000).unwrap_err();
            let expect = ErrorKind::TooLarge { key: "limits.decompressed_bytes_max" };
            assert_eq!(error.kind(), &expect, "{encoding}");
            assert!(decompress(Some(encoding), &body, zeros.len()).is_ok(), "{encoding}");
        }
    }

    #[test]
    fn an_unknown_encoding_is_told_what_is_accepted() {
        let error = decompress(Some("br"), b"", 10).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
        assert!(error.message().contains(ACCEPTED_ENCODINGS), "{error}");
    }

    #[test]
    fn damage_is_the_clients_error() {
        for encoding in ["gzip", "deflate", "zstd"] {
            let whole = compress(encoding, b"a body that is long enough to be cut in two");
            let (cut, _) = whole.split_at(whole.len() - 3);
            for body in [cut, b"not compressed at all".as_slice()] {
                let error = decompress(Some(encoding), body, 1000).unwrap_err();
                assert_eq!(error.kind(), &ErrorKind::Invalid, "{encoding}");
            }
        }
    }

    #[test]
    fn members_of_a_gzip_body_are_joined() {
        let body = [compress("gzip", b"one "), compress("gzip", b"two")].concat();
        assert_eq!(&*decompress(Some("GZIP"), &body, 100).unwrap(), b"one two");
    }

    #[test]
    fn a_zstd_window_beyond_the_limit_is_refused() {
        // Magic, descriptor (no single segment, no checksum), window descriptor for 2^30 bytes.
        let body = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (30 - 10) << 3, 0x01, 0x00, 0x00];
        assert_eq!(
            decompress(Some("zstd"), &body, 1 << 31).unwrap_err().kind(),
            &ErrorKind::Invalid
        );
    }

    #[test]
    fn a_snappy_block_that_declares_more_than_it_holds_is_refused() {
        let bytes = vec![7; 100_000];
        let block = compress_snappy_block(&bytes).unwrap();
        assert_eq!(decompress_snappy_block(&block, 100_000).unwrap(), bytes);
        let error = decompress_snappy_block(&block, 99_999).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::TooLarge { key: DECOMPRESSED_BYTES_MAX_KEY });
        // 16 MiB declared by four bytes, a cut block, nothing at all.
        for body in [&[0x80, 0x80, 0x80, 0x08], block.split_at(block.len() - 1).0, &[]] {
            let error = decompress_snappy_block(body, 1 << 30).unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Invalid);
        }
    }

    proptest! {
        #[test]
        fn what_was_compressed_with_snappy_comes_back(bytes: Vec<u8>, repeat in 1..2000_usize) {
            let bytes = bytes.repeat(repeat);
            let block = compress_snappy_block(&bytes).unwrap();
            prop_assert_eq!(decompress_snappy_block(&block, bytes.len()).unwrap(), bytes);
        }

        #[test]
        fn what_an_answer_is_compressed_with_is_accepted(bytes: Vec<u8>, repeat in 1..200_usize) {
            let bytes = bytes.repeat(repeat);
            for coding in [Coding::Gzip, Coding::Zstd] {
                let body = coding.compress(&bytes).unwrap();
                prop_assert_eq!(&*decompress(Some(coding.name()), &body, bytes.len()).unwrap(), &bytes);
            }
        }

        #[test]
        fn no_snappy_bytes_panic(bytes: Vec<u8>) {
            let _any_outcome = decompress_snappy_block(&bytes, 4096);
        }

        #[test]
        fn what_was_compressed_comes_back(bytes: Vec<u8>, which in 0..ALL.len()) {
            let body = compress(ALL[which], &bytes);
            prop_assert_eq!(&*decompress(Some(ALL[which]), &body, bytes.len()).unwrap(), &bytes);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, which in 0..ALL.len()) {
            let _any_outcome = decompress(Some(ALL[which]), &bytes, 4096);
        }
    }
}
