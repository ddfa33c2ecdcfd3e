//! Parents of spans: as the distance to the parent's row where it is in the same trace and block,
//! else as an id.

use hashbrown::HashMap;
use watchkeep_model::Result;

use crate::block::numbers::{self, ANY_U32, Numbers};
use crate::block::sections::{BlockSource, Head, Section, Writer, corrupt};
use crate::metrics::column::{unzigzag, zigzag};

/// Row of a parent that is not there.
pub(crate) const NO_ROW: u32 = u32::MAX;
/// What is told of a row: no parent, an id, or this much more than the distance.
const ROOT: u32 = 0;
const ID: u32 = 1;
const DISTANCE: u32 = 2;
/// Traces up to so many rows are looked through; others have their ids in a map.
const FEW: usize = 24;

/// For each row of a trace the row of its parent in that trace, of several of one id the first;
/// [`NO_ROW`] without one.
pub(crate) fn parent_rows(ids: &[[u8; 8]], parents: &[[u8; 8]], out: &mut Vec<u32>) {
    if ids.len() <= FEW {
        out.extend(parents.iter().map(|parent| {
            let wanted = u64::from_le_bytes(*parent);
            let found = ids.iter().position(|id| u64::from_le_bytes(*id) == wanted);
            found.filter(|_| wanted != 0).map_or(NO_ROW, |row| row as u32)
        }));
        return;
    }
    let mut rows: HashMap<u64, u32> = HashMap::with_capacity(ids.len());
    for (row, id) in ids.iter().enumerate() {
        rows.entry(u64::from_le_bytes(*id)).or_insert(row as u32);
    }
    out.extend(parents.iter().map(|parent| {
        let wanted = u64::from_le_bytes(*parent);
        if wanted == 0 { NO_ROW } else { rows.get(&wanted).copied().unwrap_or(NO_ROW) }
    }));
}

/// Writes parents, of which the rows in the block are known; returns whether one is not there.
pub(super) fn write(parents: &[[u8; 8]], rows: &[u32], out: &mut Writer) -> Result<bool> {
    let mut elsewhere = Vec::new();
    let codes = parents.iter().zip(rows).enumerate().map(|(row, (parent, of_parent))| {
        if *parent == [0; 8] {
            ROOT
        } else if *of_parent == NO_ROW {
            elsewhere.extend_from_slice(parent);
            ID
        } else {
            DISTANCE + zigzag(i64::from(*of_parent) - row as i64) as u32
        }
    });
    let codes: Vec<u32> = codes.collect();
    numbers::write_u32(&codes, out)?;
    out.section(&elsewhere);
    Ok(!elsewhere.is_empty())
}

/// Parents at rest.
#[derive(Debug)]
pub(super) struct Parents {
    codes: Numbers,
    elsewhere: Section,
}

/// Parents of all rows.
#[derive(Debug)]
pub(super) struct ReadParents {
    /// Their ids, zero without one.
    pub(super) ids: Vec<[u8; 8]>,
    /// Their rows, or [`NO_ROW`].
    pub(super) rows: Vec<u32>,
}

impl Parents {
    pub(super) fn parse(head: &mut Head<'_>, rows: usize) -> Result<Self> {
        Ok(Self { codes: Numbers::parse(head, rows)?, elsewhere: head.section()? })
    }

    /// `ids` are those of the rows.
    pub(super) fn read(&self, source: &dyn BlockSource, ids: &[[u8; 8]]) -> Result<ReadParents> {
        let mut rows = self.codes.read_u32(source, ANY_U32)?;
        let elsewhere = self.elsewhere.read(source)?;
        let mut elsewhere = elsewhere.as_chunks::<8>().0.iter();
        let mut parents = Vec::with_capacity(rows.len());
        for (row, code) in rows.iter_mut().enumerate() {
            let (of_parent, id) = match *code {
                ROOT => (NO_ROW, Some(&[0; 8])),
                ID => (NO_ROW, elsewhere.next()),
                distance => {
                    let at = row as i64 + unzigzag(u64::from(distance - DISTANCE));
                    let at = u32::try_from(at).unwrap_or(NO_ROW);
                    (at, ids.get(at as usize))
                }
            };
            *code = of_parent;
            parents.push(*id.ok_or_else(|| corrupt("a parent is not there"))?);
        }
        Ok(ReadParents { ids: parents, rows })
    }
}
