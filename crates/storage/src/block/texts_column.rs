//! Columns of texts as a query wants them: distinct texts and keys, or the numbers that texts are.

use watchkeep_model::{Result, Utf8Column};

use super::texts_read::{Form, Reader, Texts};

/// Positions of a column: some, or all.
type Which<'a> = Option<&'a [u32]>;

impl Texts {
    /// Keys of the texts at some positions, or all, and the texts; one may occur twice. `row_of` says
    /// of which row each position is, where that is not the same.
    pub(crate) fn column(
        &self,
        reader: Reader<'_>,
        which: Which<'_>,
        row_of: Which<'_>,
    ) -> Result<(Vec<u32>, Utf8Column)> {
        let mut texts = Utf8Column::default();
        let len = which.map_or(self.count, <[u32]>::len);
        if let Some(value) = self.constant(reader.source)? {
            texts.push(value);
            return Ok((vec![0; len], texts));
        }
        if !matches!(self.form, Form::Dictionary { .. }) {
            self.each(reader, which, row_of, &mut |text| texts.push(text))?;
            return Ok(((0..len as u32).collect(), texts));
        }
        let (values, keys) = self.dictionary(reader)?;
        let mut keys = picked(keys, which);
        if len >= values.len() {
            for value in values {
                texts.push(value);
            }
            return Ok((keys, texts));
        }
        let mut moved = vec![u32::MAX; values.len()];
        for key in &mut keys {
            let to = &mut moved[*key as usize];
            if *to == u32::MAX {
                *to = texts.len() as u32;
                texts.push(&values[*key as usize]);
            }
            *key = *to;
        }
        Ok((keys, texts))
    }

    /// The whole numbers that the texts are, at some positions or all; `None` where one is none.
    pub(crate) fn ints(
        &self,
        reader: Reader<'_>,
        which: Which<'_>,
        row_of: Which<'_>,
    ) -> Result<Option<Vec<i64>>> {
        let parse = |text: &str| text.parse().ok();
        let Form::Integers(ints) = &self.form else {
            return self.parsed(reader, which, row_of, &parse);
        };
        let values = picked(ints.read(reader.source)?, which);
        self.with_odd(reader, which, values, &parse)
    }

    /// As [`Texts::ints`], of floats.
    pub(crate) fn doubles(
        &self,
        reader: Reader<'_>,
        which: Which<'_>,
        row_of: Which<'_>,
    ) -> Result<Option<Vec<f64>>> {
        let parse = |text: &str| text.parse().ok();
        let Form::Decimals { style, ints } = &self.form else {
            return self.parsed(reader, which, row_of, &parse);
        };
        let ints = picked(ints.read(reader.source)?, which);
        let values = ints.into_iter().map(|number| style.double(number)).collect();
        self.with_odd(reader, which, values, &parse)
    }

    /// As [`Texts::ints`], of whatever is read from a text.
    pub(crate) fn parsed<T: Copy>(
        &self,
        reader: Reader<'_>,
        which: Which<'_>,
        row_of: Which<'_>,
        parse: &dyn Fn(&str) -> Option<T>,
    ) -> Result<Option<Vec<T>>> {
        if let Some(value) = self.constant(reader.source)? {
            let len = which.map_or(self.count, <[u32]>::len);
            return Ok(parse(value).map(|value| vec![value; len]));
        }
        if matches!(self.form, Form::Dictionary { .. }) {
            let (values, keys) = self.dictionary(reader)?;
            let values: Option<Vec<T>> = values.iter().map(|value| parse(value)).collect();
            let keys = picked(keys, which).into_iter();
            return Ok(values.map(|values| keys.map(|key| values[key as usize]).collect()));
        }
        let mut values = Some(Vec::new());
        self.each(reader, which, row_of, &mut |text| match (parse(text), &mut values) {
            (Some(value), Some(values)) => values.push(value),
            _ => values = None,
        })?;
        Ok(values)
    }

    /// Puts in what the texts say that the form left out.
    fn with_odd<T>(
        &self,
        reader: Reader<'_>,
        which: Which<'_>,
        mut values: Vec<T>,
        parse: &dyn Fn(&str) -> Option<T>,
    ) -> Result<Option<Vec<T>>> {
        let Some((positions, texts)) = self.odd(reader.source)? else { return Ok(Some(values)) };
        let mut set = |at: usize, odd: usize| {
            let value = parse(texts.get(odd));
            value.map(|value| values[at] = value).is_some()
        };
        let all_set = match which {
            None => positions.iter().enumerate().all(|(odd, at)| set(*at as usize, odd)),
            Some(which) => which.iter().enumerate().all(|(at, position)| {
                positions.binary_search(position).map_or(true, |odd| set(at, odd))
            }),
        };
        Ok(all_set.then_some(values))
    }

    /// Shows the texts at some positions, or all.
    fn each(
        &self,
        reader: Reader<'_>,
        which: Which<'_>,
        row_of: Which<'_>,
        see: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let mut text = String::new();
        for at in 0..which.map_or(self.count, <[u32]>::len) {
            let index = which.map_or(at, |which| which[at] as usize);
            let row = row_of.map_or(index, |rows| rows[index] as usize);
            text.clear();
            self.append(reader, index, row, &mut text)?;
            see(&text);
        }
        Ok(())
    }
}

/// The values at some positions, or all.
pub(crate) fn picked<T: Copy>(values: &[T], which: Which<'_>) -> Vec<T> {
    match which {
        None => values.to_vec(),
        Some(which) => which.iter().map(|at| values[*at as usize]).collect(),
    }
}
