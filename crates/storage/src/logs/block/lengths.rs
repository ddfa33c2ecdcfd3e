//! How long bodies are, told without putting them together.

use watchkeep_model::Result;

use super::read::Block;
use crate::block::RowSet;
use crate::block::decimals::int_len;
use crate::block::texts_read::{Form, Reader, Texts};

impl Block {
    /// Bytes of the bodies of some rows.
    pub(crate) fn body_bytes(&self, rows: &RowSet) -> Result<Vec<u32>> {
        let reader = self.reader();
        let shapes = self.bodies.shapes(reader)?;
        let shredded = &self.bodies.shredded;
        let literals: Vec<u32> = shapes
            .iter()
            .map(|shape| shape.literals.iter().map(|literal| literal.len() as u32).sum())
            .collect();
        let mut bytes = vec![0_u32; self.rows];
        let mut wanted = vec![false; shredded.columns()];
        for row in rows.iter() {
            let shape = shredded.shape_of(reader, row)? as usize;
            bytes[row] = literals[shape];
        }
        let classes: Vec<usize> = (0..shapes.len()).collect();
        for (set, columns) in
            shredded.classes(reader, rows, &classes, shapes.len())?.iter().zip(&shredded.shapes)
        {
            if !set.is_empty() {
                for column in columns {
                    wanted[*column as usize] = true;
                }
            }
        }
        let wanted = wanted.into_iter().zip(0_u32..).filter(|(wanted, _)| *wanted);
        for (_, column) in wanted {
            shredded.where_values(reader, column, rows, |texts, among, row_of| {
                texts.lengths(reader, among, row_of, &mut |row, len| {
                    bytes[row] = bytes[row].saturating_add(len);
                })?;
                Ok(RowSet::none(texts.count))
            })?;
        }
        Ok(rows.iter().map(|row| bytes[row]).collect())
    }
}

impl Texts {
    /// Shows the rows of texts, which are positions in the column, and how long the texts are.
    fn lengths(
        &self,
        reader: Reader<'_>,
        among: &RowSet,
        row_of: Option<&[u32]>,
        see: &mut dyn FnMut(usize, u32),
    ) -> Result<()> {
        let source = reader.source;
        let row = |index: usize| row_of.map_or(index, |rows| rows[index] as usize);
        let mut same = |len: usize| among.iter().for_each(|index| see(row(index), len as u32));
        if self.odd(source)?.is_none() {
            match &self.form {
                Form::Constant { .. } => {
                    same(self.constant(source)?.map_or(0, str::len));
                    return Ok(());
                }
                Form::TemplateNumbers { template, .. } | Form::TemplateDigits { template, .. } => {
                    same(template.text.len());
                    return Ok(());
                }
                Form::Instants(style) => {
                    same(style.text_len());
                    return Ok(());
                }
                Form::Dictionary { .. } => {
                    let (values, keys) = self.dictionary(reader)?;
                    for index in among.iter() {
                        see(row(index), values[keys[index] as usize].len() as u32);
                    }
                    return Ok(());
                }
                Form::Integers(ints) => {
                    let ints = ints.read(source)?;
                    among.iter().for_each(|index| see(row(index), int_len(ints[index])));
                    return Ok(());
                }
                Form::Words(words) => {
                    for index in among.iter() {
                        see(row(index), words.len_of(source, index)?);
                    }
                    return Ok(());
                }
                Form::Plain { .. } | Form::Decimals { .. } => {}
            }
        }
        let mut text = String::new();
        for index in among.iter() {
            text.clear();
            self.append(reader, index, row(index), &mut text)?;
            see(row(index), text.len() as u32);
        }
        Ok(())
    }
}
