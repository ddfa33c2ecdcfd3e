//! How to spend less: what the data shows, with the saving worked out from it.

use std::sync::Arc;

use watchkeep_genai::Bucket;
use watchkeep_model::{Result, TimeRange, TraceId};

use super::grid::{DAY_NS, Grid};
use super::rollup::{Calls, Detail, StepChunk};
use super::unit_prices::UnitPrices;
use super::waste::Waste;
use super::{
    Asked, By, Filter, LONG_CONTEXT_TOKENS, SHORT_INPUT_TOKENS, SHORT_OUTPUT_TOKENS, Sums, pieces,
};

/// Savings of less in the range are not worth a word, USD.
const SAVING_MIN_USD: f64 = 0.000_1;
/// Savings of a smaller share of the cost of a model are not either.
const SHARE_MIN: f64 = 0.01;
/// Traces that are named as evidence.
const TRACES: usize = 5;
/// The most models that are looked at.
const MODELS_MAX: usize = 200;
/// A month, for what is saved in one.
const MONTH_NS: i64 = 30 * DAY_NS;

/// A way to spend less.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// `cache_prefix`, `cheaper_model`, `batch`, `retries`, `shorten_context`, `loops`, `unpriced`.
    pub kind: &'static str,
    /// In a line.
    pub title: String,
    /// Why, with figures.
    pub text: String,
    /// What would have been saved in the range, USD.
    pub saving_usd: f64,
    /// What that is in 30 days.
    pub saving_usd_month: f64,
    /// The figures by name.
    pub figures: Vec<(&'static str, f64)>,
    /// Traces that show it.
    pub traces: Vec<TraceId>,
}

/// A model as it is used.
#[derive(Debug, Clone)]
struct Use {
    provider: Arc<str>,
    model: Arc<str>,
    sums: Sums,
    resent: Vec<TraceId>,
    short: Vec<TraceId>,
    long: Vec<TraceId>,
}

impl Asked<'_> {
    /// Ways to spend less on the steps of a range, the best first.
    pub(super) fn recommendations(
        &self,
        range: TimeRange,
        filter: &Filter,
        waste: &Waste,
    ) -> Result<Vec<Recommendation>> {
        let grid = Grid::new(range, None)?;
        let mut uses: Vec<Use> = Vec::new();
        self.reader.steps(Detail::Plain, &pieces(&grid, range)?, |_, chunk| {
            add(&mut uses, chunk, filter);
            Ok(())
        })?;
        let prices = UnitPrices::new(self.prices, range.end_ns.min(self.now_ns));
        let advice = Advice { prices, uses: &uses, range };
        let mut all: Vec<Recommendation> = Vec::new();
        for one in &uses {
            all.extend(advice.cache(one));
            all.extend(advice.cheaper(one));
            all.extend(advice.batch(one));
            all.extend(advice.shorten(one));
        }
        all.retain(|one| one.saving_usd >= SAVING_MIN_USD);
        all.extend(advice.retries(waste));
        all.extend(advice.loops(waste));
        all.sort_by(|a, b| b.saving_usd.total_cmp(&a.saving_usd));
        all.extend(advice.unpriced());
        Ok(all)
    }
}

fn add(uses: &mut Vec<Use>, chunk: &StepChunk, filter: &Filter) {
    let Some(test) = filter.of_steps(chunk) else { return };
    let mut of_cell: Vec<Option<usize>> = vec![None; chunk.cells.len()];
    for (number, cell) in chunk.cells.iter().enumerate() {
        if !test.has(cell) || cell.sums.usage.is_empty() {
            continue;
        }
        let (provider, model) = (chunk.text(cell, By::Provider), chunk.text(cell, By::Model));
        let held = uses.iter().position(|one| one.model == *model && one.provider == *provider);
        let at = match held {
            Some(at) => at,
            None if uses.len() >= MODELS_MAX => continue,
            None => {
                uses.push(Use {
                    provider: Arc::clone(provider),
                    model: Arc::clone(model),
                    sums: Sums::default(),
                    resent: Vec::new(),
                    short: Vec::new(),
                    long: Vec::new(),
                });
                uses.len() - 1
            }
        };
        of_cell[number] = Some(at);
        let one = &mut uses[at];
        one.sums.add(&cell.sums);
        note(&mut one.short, cell.short_trace);
        note(&mut one.long, cell.long_trace);
    }
    for waste in chunk.waste.iter().filter(|waste| waste.resent_calls > 0) {
        if let Some(at) = of_cell[waste.cell as usize] {
            note(&mut uses[at].resent, waste.trace_id);
        }
    }
}

fn note(traces: &mut Vec<TraceId>, trace: TraceId) {
    if trace.is_some() && traces.len() < TRACES && !traces.contains(&trace) {
        traces.push(trace);
    }
}

struct Advice<'a> {
    prices: UnitPrices<'a>,
    uses: &'a [Use],
    range: TimeRange,
}

impl Advice<'_> {
    fn made(
        &self,
        kind: &'static str,
        (title, text): (String, String),
        saving_usd: f64,
        figures: Vec<(&'static str, f64)>,
        traces: Vec<TraceId>,
    ) -> Recommendation {
        let length_ns = self.range.end_ns.saturating_sub(self.range.start_ns).max(1);
        let saving_usd_month = saving_usd * (MONTH_NS as f64 / length_ns as f64);
        Recommendation { kind, title, text, saving_usd, saving_usd_month, figures, traces }
    }

    /// Text that was sent again could have come from the cache.
    fn cache(&self, one: &Use) -> Option<Recommendation> {
        let tokens = one.sums.resent_tokens;
        let discount = self.prices.cache_discount(&one.provider, &one.model);
        let saving = tokens as f64 * discount;
        if saving < one.sums.cost_usd * SHARE_MIN {
            return None;
        }
        let (calls, model) = (one.sums.resent_calls, &one.model);
        let title = format!("Cache the prefix that {} send again", calls_of(calls, model));
        let text = format!(
            "{calls} calls began with {tokens} tokens that the call before them in the same run had \
             sent, and read them afresh. Out of the provider's cache each costs {discount:.3e} USD \
             less. Keep the beginning of the prompt the same and mark it for caching."
        );
        let figures = vec![
            ("calls", calls as f64),
            ("tokens", tokens as f64),
            ("saving_usd_per_token", discount),
        ];
        Some(self.made("cache_prefix", (title, text), saving, figures, one.resent.clone()))
    }

    /// Short calls could have been answered by a cheaper model of the provider that is in use.
    fn cheaper(&self, one: &Use) -> Option<Recommendation> {
        let Calls { calls, usage, usd: spent } = one.sums.details().short;
        let others = self.uses.iter().filter(|other| {
            other.provider == one.provider && other.model != one.model && other.sums.calls > 0
        });
        let priced = others.filter_map(|other| {
            let is_writer = other.sums.usage.output() > 0;
            let usd = self.prices.usd((&other.provider, &other.model), usage, "")?;
            (is_writer && usd > 0.0).then_some((usd, &other.model))
        });
        let (usd, cheaper) = priced.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let saving = spent - usd;
        if saving < one.sums.cost_usd * SHARE_MIN || saving < spent * 0.2 {
            return None;
        }
        let model = &one.model;
        let title = format!("Use {cheaper} for the short ones of the calls of {model}");
        let text = format!(
            "{calls} calls of {model} read at most {SHORT_INPUT_TOKENS} and wrote at most \
             {SHORT_OUTPUT_TOKENS} tokens. They cost {spent:.4} USD; {cheaper}, which is in use \
             already, would have cost {usd:.4} USD. Try it on a few before."
        );
        let figures = vec![
            ("calls", calls as f64),
            ("cost_usd", spent),
            ("cheaper_cost_usd", usd),
            ("tokens", usage.total() as f64),
        ];
        Some(self.made("cheaper_model", (title, text), saving, figures, one.short.clone()))
    }

    /// Calls that nobody waits for could be sent in batches.
    fn batch(&self, one: &Use) -> Option<Recommendation> {
        let background = &one.sums.details().background;
        let of = (&*one.provider, &*one.model);
        let now = self.prices.usd(of, background.usage, "")?;
        let batched = self.prices.usd(of, background.usage, "batch")?;
        // What was paid may be less than the list price, of the batch too.
        let saving = background.usd.min(now) - batched;
        if background.calls == 0 || saving < one.sums.cost_usd * SHARE_MIN {
            return None;
        }
        let (calls, model) = (background.calls, &one.model);
        let title = format!("Send {} in batches", calls_of(calls, model));
        let text = format!(
            "{calls} calls were made for no session and no user, so perhaps nobody waits for them. \
             They cost {:.4} USD; at the price of batches they would have cost {batched:.4} USD.",
            background.usd
        );
        let figures = vec![
            ("calls", calls as f64),
            ("cost_usd", background.usd),
            ("batch_cost_usd", batched),
        ];
        Some(self.made("batch", (title, text), saving, figures, Vec::new()))
    }

    /// Long contexts cost with each call.
    fn shorten(&self, one: &Use) -> Option<Recommendation> {
        let details = one.sums.details();
        let (calls, tokens) = (details.long_calls, details.long_tokens);
        let read = one.sums.usage.input();
        let units = self.prices.of(&one.provider, &one.model)?;
        let usd_of = |bucket: Bucket| {
            one.sums.usage.get(bucket) as f64 * units[bucket as usize].unwrap_or_default()
        };
        let paid: f64 = Bucket::ALL.into_iter().filter(|b| b.is_input()).map(usd_of).sum();
        // What a token that was read cost on average, cached ones among them.
        let unit = if read == 0 { 0.0 } else { paid / read as f64 };
        let saving = tokens as f64 * unit;
        if saving < one.sums.cost_usd * SHARE_MIN {
            return None;
        }
        let model = &one.model;
        let title = format!("Shorten the context of {}", calls_of(calls, model));
        let text = format!(
            "{calls} calls read more than {LONG_CONTEXT_TOKENS} tokens, {tokens} beyond that in \
             sum, at {unit:.3e} USD a token on average. Summarise old turns, or send results of \
             tools in part."
        );
        let figures =
            vec![("calls", calls as f64), ("tokens", tokens as f64), ("usd_per_token", unit)];
        Some(self.made("shorten_context", (title, text), saving, figures, one.long.clone()))
    }

    fn retries(&self, waste: &Waste) -> Option<Recommendation> {
        let (count, usd) = (waste.retries.count, waste.retries.usd);
        if usd < SAVING_MIN_USD {
            return None;
        }
        let title = "Stop trying again what fails".to_owned();
        let text = format!(
            "{count} steps repeated one that had failed, and cost {usd:.4} USD. Look at the errors \
             before them; wait longer between tries, and try less often."
        );
        let figures = vec![("retries", count as f64), ("cost_usd", usd)];
        Some(self.made("retries", (title, text), usd, figures, waste.retries.traces.clone()))
    }

    fn loops(&self, waste: &Waste) -> Option<Recommendation> {
        let (count, usd) = (waste.loops.count, waste.loops.usd);
        if usd < SAVING_MIN_USD {
            return None;
        }
        let title = "Break the circles".to_owned();
        let text = format!(
            "{count} steps went in circles and cost {usd:.4} USD. Limit the steps of a run, and \
             tell the model when a tool gives the same again."
        );
        let figures = vec![("steps", count as f64), ("cost_usd", usd)];
        Some(self.made("loops", (title, text), usd, figures, waste.loops.traces.clone()))
    }

    fn unpriced(&self) -> Option<Recommendation> {
        let unpriced = self.uses.iter().filter(|one| one.sums.unpriced_calls > 0);
        let (mut models, mut tokens) = (Vec::new(), 0_u64);
        for one in unpriced {
            models.push(&*one.model);
            tokens = tokens.saturating_add(one.sums.unpriced_tokens);
        }
        if models.is_empty() {
            return None;
        }
        let title = format!("Tell the price of {}", models.join(", "));
        let text = format!(
            "{tokens} tokens of {} are counted as free, because no price table has them.",
            models.join(", ")
        );
        let figures = vec![("models", models.len() as f64), ("tokens", tokens as f64)];
        Some(self.made("unpriced", (title, text), 0.0, figures, Vec::new()))
    }
}

fn calls_of(calls: u64, model: &str) -> String {
    format!("{calls} call{} of {model}", if calls == 1 { "" } else { "s" })
}
