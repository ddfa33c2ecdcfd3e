//! Directories whose entries survive a crash: a new or renamed file is only safe once its
//! directory is synced too.

use std::fs::File;
use std::path::Path;

use watchkeep_model::Result;
use watchkeep_model::error::IoContext;

/// Makes renames and new files in a directory durable.
pub(crate) fn sync(directory: &Path) -> Result<()> {
    File::open(directory)
        .and_then(|handle| handle.sync_all())
        .context(|| format!("cannot sync {}", directory.display()))
}

/// Creates a directory below `root`, with those between, so that all of them survive a crash.
pub(crate) fn create(root: &Path, directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)
        .context(|| format!("cannot create {}", directory.display()))?;
    directory.ancestors().skip(1).take_while(|at| at.starts_with(root)).try_for_each(sync)
}
