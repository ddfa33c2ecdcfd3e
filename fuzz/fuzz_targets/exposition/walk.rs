//! Reads an exposition to its end and asks everything of every sample. The first byte chooses the
//! options.

use watchkeep_wire::prometheus::exposition::{Entry, Format, Options, Parser};

pub fn walk(input: &[u8], format: Format) {
    let Some((flags, body)) = input.split_first() else { return };
    let options = Options {
        convert_classic_histograms: flags & 1 != 0,
        keep_classic_histograms: flags & 2 != 0,
        ignore_native_histograms: flags & 4 != 0,
        skip_created_series: flags & 8 != 0,
        type_and_unit_labels: flags & 16 != 0,
    };
    let mut parser = Parser::new(body, format, options);
    while let Ok(Some(entry)) = parser.next() {
        if let Entry::Sample(sample) = entry {
            let again = sample.key().to_vec();
            let _any_outcome = (sample.labels(), sample.exemplars());
            assert_eq!(again, sample.key());
        }
    }
    assert!(matches!(parser.next(), Ok(None)), "nothing comes after the end");
}
