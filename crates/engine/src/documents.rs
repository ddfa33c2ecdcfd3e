//! Small things that people set and that must survive: one JSON file a kind in the folder `state` of
//! the data directory, replaced atomically. For what is written rarely and read at start.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

/// The folder of documents; without one (in tests) they live as long as the process.
#[derive(Debug)]
pub struct Documents {
    directory: Option<PathBuf>,
    writing: Mutex<()>,
}

impl Documents {
    /// Documents in the folder `state` of a data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self { directory: Some(data_dir.join("state")), writing: Mutex::default() }
    }

    /// Documents that are kept nowhere.
    pub fn nowhere() -> Self {
        Self { directory: None, writing: Mutex::default() }
    }

    /// The document of a kind; `None` where there is none yet. Blocks.
    pub fn read<T: DeserializeOwned>(&self, kind: &str) -> Result<Option<T>> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let path = directory.join(format!("{kind}.json"));
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let message = format!("cannot read {}", path.display());
                return Err(Error::internal(message).with_source(error));
            }
        };
        let document = serde_json::from_slice(&bytes)
            .map_err(|error| Error::corrupt(format!("{}: {error}", path.display())))?;
        Ok(Some(document))
    }

    /// Replaces the document of a kind; once this returns, a crash does not undo it. Blocks.
    pub fn write<T: Serialize>(&self, kind: &str, document: &T) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let text = serde_json::to_vec_pretty(document).map_err(|error| {
            Error::internal(format!("cannot write the document {kind}")).with_source(error)
        })?;
        let path = directory.join(format!("{kind}.json"));
        let new = directory.join(format!("{kind}.json.new"));
        let _alone = self.writing.lock();
        let write = || {
            std::fs::create_dir_all(directory)?;
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            File::open(directory)?.sync_all()
        };
        write().context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_back_and_damage_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let documents = Documents::new(folder.path());
        assert_eq!(documents.read::<Vec<u32>>("numbers").unwrap(), None);
        documents.write("numbers", &vec![1_u32, 2]).unwrap();
        documents.write("numbers", &vec![3_u32]).unwrap();
        assert_eq!(Documents::new(folder.path()).read("numbers").unwrap(), Some(vec![3_u32]));
        std::fs::write(folder.path().join("state/numbers.json"), b"[").unwrap();
        let error = documents.read::<Vec<u32>>("numbers").unwrap_err();
        assert!(error.message().contains("numbers.json"), "{error}");
    }
}
