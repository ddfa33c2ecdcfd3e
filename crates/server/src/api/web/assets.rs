//! The files of the UI as the build script found them.

/// One file.
#[derive(Debug)]
pub(super) struct Asset {
    /// Path below the UI's root, with `/` between folders.
    pub(super) path: &'static str,
    /// The file.
    pub(super) bytes: &'static [u8],
    /// The file under gzip, where that is worth it.
    pub(super) gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file at a path.
pub(super) fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.binary_search_by_key(&path, |asset| asset.path).ok().and_then(|at| ASSETS.get(at))
}
