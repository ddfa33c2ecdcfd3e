//! Tokens times prices, bucket by bucket.

use super::row::{Base, Rate, Row, bases_of, class_name};
use super::{CostLine, Priced};
use crate::step::Kind;
use crate::usage::Bucket;

/// What a step costs by a row.
pub(super) struct Charged {
    pub(super) lines: Vec<CostLine>,
    /// The sum of the lines.
    pub(super) usd: f64,
    /// Whether each line has a price.
    pub(super) is_whole: bool,
    /// Whether any line has one.
    pub(super) has_price: bool,
    pub(super) tier: String,
    pub(super) service_tier: String,
}

impl Rate {
    /// Whether it is for a whole request, not for one token.
    pub(super) fn is_for_request(&self) -> bool {
        matches!(self.base, Base::Query | Base::Request)
    }
}

/// Charges a step by a row.
pub(super) fn charge(row: &Row, priced: &Priced<'_>, is_free: bool) -> Charged {
    let class = priced.service_tier.trim().to_ascii_lowercase();
    let class = class_name(&class);
    let input = priced.usage.input();
    let mut bill = Bill::default();
    for (bucket, tokens) in priced.usage.buckets() {
        let line = CostLine { bucket, tokens, usd_per_token: None, field: String::new(), usd: 0.0 };
        if is_free {
            bill.add_fixed(line, ":free");
            continue;
        }
        let rate = match class {
            "" => row.rate(bases_of(bucket), input, &[]),
            // Who sells what is fast calls it one or the other.
            "fast" => row.rate(bases_of(bucket), input, &["fast", "priority"]),
            class => row.rate(bases_of(bucket), input, &[class]),
        };
        match rate {
            Some(rate) => bill.add(line, rate),
            // A model that only reads has no price for what it writes.
            None if !bucket.is_input() && matches!(&*row.mode, "embedding" | "rerank") => {
                bill.add_fixed(line, "mode");
            }
            None => bill.lines.push(line),
        }
    }
    if !is_free && !priced.is_failed {
        bill.add_request(row, priced.kind);
    }
    bill.done(class, is_free)
}

#[derive(Default)]
struct Bill<'a> {
    lines: Vec<CostLine>,
    above: u64,
    class: &'a str,
}

impl<'a> Bill<'a> {
    fn add(&mut self, mut line: CostLine, rate: &'a Rate) {
        line.usd_per_token = Some(rate.usd);
        line.field = rate.field.to_string();
        line.usd = line.tokens as f64 * rate.usd;
        self.note(rate);
        self.lines.push(line);
    }

    /// A line that costs nothing.
    fn add_fixed(&mut self, mut line: CostLine, field: &str) {
        line.usd_per_token = Some(0.0);
        field.clone_into(&mut line.field);
        self.lines.push(line);
    }

    /// What the request itself costs, as a line without tokens.
    fn add_request(&mut self, row: &'a Row, kind: Kind) {
        let base = match kind {
            Kind::Reranker => Base::Query,
            Kind::Llm | Kind::Embedding => Base::Request,
            _ => return,
        };
        let Some(rate) = row.rate(&[base], 0, &[]).filter(|rate| rate.usd > 0.0) else { return };
        self.lines.push(CostLine {
            bucket: Bucket::Input,
            tokens: 0,
            usd_per_token: None,
            field: rate.field.to_string(),
            usd: rate.usd,
        });
    }

    fn note(&mut self, rate: &'a Rate) {
        self.above = self.above.max(rate.above);
        if !rate.class.is_empty() {
            self.class = &rate.class;
        }
    }

    fn done(self, asked: &str, is_free: bool) -> Charged {
        let is_priced = |line: &CostLine| line.usd_per_token.is_some() || line.tokens == 0;
        let tier = match self.above {
            0 => String::new(),
            above if above.is_multiple_of(1000) => format!("above_{}k_tokens", above / 1000),
            above => format!("above_{above}_tokens"),
        };
        let service_tier = match (is_free, self.class) {
            (true, _) => "free",
            (false, "") => "default",
            // Asked for as `fast` and charged as that, whatever the field says.
            (false, _) if asked == "fast" => "fast",
            (false, class) => class,
        };
        Charged {
            usd: self.lines.iter().map(|line| line.usd).sum(),
            is_whole: self.lines.iter().all(is_priced),
            has_price: self.lines.iter().any(is_priced),
            tier,
            service_tier: service_tier.to_owned(),
            lines: self.lines,
        }
    }
}
