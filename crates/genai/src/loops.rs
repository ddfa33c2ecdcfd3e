//! Agents that turn in circles: the same tool with the same arguments, cycles, repeated errors, ever
//! more input without a new result. Every call of such a run may well succeed.

use crate::step::Kind;

/// A step of a run, as far as loops are concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Turn<'a> {
    /// What it is.
    pub kind: Kind,
    /// The tool or the model.
    pub name: &'a str,
    /// Who did it.
    pub agent: &'a str,
    /// Hash of a tool's arguments; 0 where they are not known.
    pub arguments: u64,
    /// Hash of a tool's result; 0 where it is not known.
    pub result: u64,
    /// Why it failed; empty for success.
    pub error: &'a str,
    /// Tokens that a model read.
    pub input_tokens: u64,
}

impl std::fmt::Debug for Turn<'_> {
    /// Errors may quote prompts.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}

/// How an agent turns in circles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoopKind {
    /// A tool is used again and again with the same arguments, and gives nothing new.
    SameCall,
    /// Two or more tools are used in turns with the same arguments each (A-B-A-B).
    Cycle,
    /// The same thing fails again and again for the same reason.
    SameError,
    /// A model reads more with each call while tools give nothing new.
    GrowingContext,
}

impl LoopKind {
    /// All.
    pub const ALL: [Self; 4] = [Self::SameCall, Self::Cycle, Self::SameError, Self::GrowingContext];

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name in labels, records and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::SameCall => "same_call",
            Self::Cycle => "cycle",
            Self::SameError => "same_error",
            Self::GrowingContext => "growing_context",
        }
    }
}

/// A loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Which kind.
    pub kind: LoopKind,
    /// The turn with which it was clear.
    pub at: usize,
}

/// Calls of tools among the last so many of which as many as make a loop are the same: others may
/// stand between them.
const WINDOW: usize = 10;

/// Rounds of a circle have at most so many calls.
const ROUND_MAX: usize = 4;

/// Calls of a model with more input each, and no tool that gave something new between them, count
/// only from so many on, as many as the other kinds need and this many more.
const GROWING_MORE: usize = 2;

/// Finds the first loop of each kind in the turns of a run by start. So many equal turns (or rounds)
/// make a loop, at least two.
pub fn find(turns: &[Turn<'_>], repeats: usize) -> Vec<Found> {
    let repeats = repeats.max(2);
    let tools: Vec<usize> = (0..turns.len()).filter(|at| turns[*at].kind == Kind::Tool).collect();
    let found = [
        (LoopKind::SameCall, same_call(turns, &tools, repeats)),
        (LoopKind::Cycle, cycle(turns, &tools, repeats)),
        (LoopKind::SameError, same_error(turns, repeats)),
        (LoopKind::GrowingContext, growing(turns, repeats + GROWING_MORE)),
    ];
    let mut found: Vec<Found> =
        found.into_iter().filter_map(|(kind, at)| Some(Found { kind, at: at? })).collect();
    found.sort_by_key(|found| found.at);
    found
}

/// Whether two calls of a tool ask the same. Unknown arguments are never the same.
fn asks_same(one: &Turn<'_>, other: &Turn<'_>) -> bool {
    one.arguments != 0 && one.arguments == other.arguments && one.name == other.name
}

/// Whether the second of two calls that ask the same gave something new, as far as is known: polling
/// that sees a change is no loop.
fn gives_new(one: &Turn<'_>, other: &Turn<'_>) -> bool {
    one.result != 0 && other.result != 0 && one.result != other.result
}

fn same_call(turns: &[Turn<'_>], tools: &[usize], repeats: usize) -> Option<usize> {
    let window = WINDOW.max(repeats);
    tools.iter().enumerate().find_map(|(place, at)| {
        let last = &turns[*at];
        let mut same = 1;
        for before in tools[place.saturating_sub(window - 1)..place].iter().rev() {
            let before = &turns[*before];
            if !asks_same(before, last) {
                continue;
            }
            if gives_new(before, last) {
                break;
            }
            same += 1;
        }
        (same >= repeats).then_some(*at)
    })
}

fn cycle(turns: &[Turn<'_>], tools: &[usize], repeats: usize) -> Option<usize> {
    for end in 0..tools.len() {
        for round in 2..=ROUND_MAX {
            let Some(start) = (end + 1).checked_sub(round * repeats) else { break };
            let calls = &tools[start..=end];
            let repeats_itself = calls.iter().zip(&calls[round..]).all(|(one, other)| {
                asks_same(&turns[*one], &turns[*other]) && !gives_new(&turns[*one], &turns[*other])
            });
            let first = &turns[calls[0]];
            let goes_round = calls[1..round].iter().any(|at| !asks_same(first, &turns[*at]));
            if repeats_itself && goes_round {
                return Some(tools[end]);
            }
        }
    }
    None
}

fn same_error(turns: &[Turn<'_>], repeats: usize) -> Option<usize> {
    let mut failing: Vec<(&Turn<'_>, usize)> = Vec::new();
    for (at, turn) in turns.iter().enumerate() {
        if !(turn.kind.calls_model()
            || matches!(turn.kind, Kind::Tool | Kind::Retriever | Kind::Mcp))
        {
            continue;
        }
        let same = failing.iter_mut().find(|(of, _)| of.kind == turn.kind && of.name == turn.name);
        let count = match same {
            Some((of, count)) if of.error == turn.error && !turn.error.is_empty() => {
                *count += 1;
                *count
            }
            Some(place) => {
                *place = (turn, usize::from(!turn.error.is_empty()));
                place.1
            }
            None => {
                failing.push((turn, usize::from(!turn.error.is_empty())));
                1
            }
        };
        if count >= repeats && !turn.error.is_empty() {
            return Some(at);
        }
    }
    None
}

fn growing(turns: &[Turn<'_>], repeats: usize) -> Option<usize> {
    // By agent: how often in a row its input grew, and how much it read last.
    let mut rows: Vec<(&str, usize, u64)> = Vec::new();
    let mut results: Vec<u64> = Vec::new();
    let mut has_tools = false;
    for (at, turn) in turns.iter().enumerate() {
        match turn.kind {
            Kind::Tool | Kind::Retriever => {
                has_tools = true;
                // A result that is not known may be new.
                let is_new = turn.error.is_empty() && !results.contains(&turn.result);
                if is_new || (turn.error.is_empty() && turn.result == 0) {
                    results.push(turn.result);
                    rows.clear();
                }
            }
            Kind::Llm if turn.input_tokens > 0 => {
                match rows.iter_mut().find(|(agent, ..)| *agent == turn.agent) {
                    Some((_, grown, last)) => {
                        *grown = if turn.input_tokens > *last { *grown + 1 } else { 1 };
                        *last = turn.input_tokens;
                        // A conversation grows by itself; only tools that give nothing new are odd.
                        if *grown >= repeats && has_tools {
                            return Some(at);
                        }
                    }
                    None => rows.push((turn.agent, 1, turn.input_tokens)),
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns as words: `t:NAME:ARGUMENTS:RESULT[:ERROR]` is a tool, `m:INPUT[:ERROR]` a model.
    fn turns(text: &str) -> Vec<Turn<'_>> {
        let read = |word| -> Turn<'_> {
            let parts: Vec<&str> = str::split(word, ':').collect();
            let number = |at: usize| parts.get(at).and_then(|text| text.parse().ok()).unwrap_or(0);
            let none = Turn {
                kind: Kind::Llm,
                name: "m",
                agent: "a",
                arguments: 0,
                result: 0,
                error: "",
                input_tokens: 0,
            };
            if parts[0] == "m" {
                let error = parts.get(2).copied().unwrap_or_default();
                return Turn { input_tokens: number(1), error, ..none };
            }
            let (kind, name) = (Kind::Tool, parts[1]);
            let error = parts.get(4).copied().unwrap_or_default();
            Turn { kind, name, arguments: number(2), result: number(3), error, ..none }
        };
        text.split_whitespace().map(read).collect()
    }

    #[test]
    fn loops_are_found_where_nothing_new_comes() {
        let table: [(&str, &str); 22] = [
            ("", ""),
            ("t:find:1:0 t:find:1:0", ""),
            ("t:find:1:0 t:find:1:0 t:find:1:0", "same_call@2"),
            // Others in between do not help.
            ("t:find:1:5 m:10 t:read:2:6 t:find:1:5 m:20 t:find:1:5", "same_call@5"),
            // Other arguments, other tools, unknown arguments.
            ("t:find:1:0 t:find:2:0 t:find:3:0 t:find:4:0", ""),
            ("t:find:1:0 t:read:1:0 t:edit:1:0", ""),
            ("t:find:0:0 t:find:0:0 t:find:0:0 t:find:0:0", ""),
            // Polling that sees a change.
            ("t:poll:1:1 t:poll:1:2 t:poll:1:3 t:poll:1:4", ""),
            ("t:poll:1:1 t:poll:1:2 t:poll:1:2 t:poll:1:2", "same_call@3"),
            // Far apart: more than ten calls of tools.
            (
                "t:x:1:0 t:a:2:0 t:a:3:0 t:a:4:0 t:a:5:0 t:x:1:0 t:a:6:0 t:a:7:0 t:a:8:0 t:a:9:0 t:a:10:0 t:x:1:0",
                "",
            ),
            // Circles: of two, of three, with a change in it, and not often enough.
            ("t:a:1:0 t:b:2:0 t:a:1:0 t:b:2:0 t:a:1:0 t:b:2:0", "same_call@4 cycle@5"),
            (
                "t:a:1:0 t:b:2:0 t:c:3:0 t:a:1:0 t:b:2:0 t:c:3:0 t:a:1:0 t:b:2:0 t:c:3:0",
                "same_call@6 cycle@8",
            ),
            ("t:a:1:1 t:b:2:5 t:a:1:2 t:b:2:6 t:a:1:3 t:b:2:7", ""),
            ("t:a:1:0 t:b:2:0 t:a:1:0 t:b:2:0", ""),
            // Equal errors, in a row for the tool.
            ("t:a:1:0:no t:a:2:0:no t:a:3:0:no", "same_error@2"),
            ("t:a:1:0:no t:b:9:0 t:a:2:0:no t:a:3:0:no", "same_error@3"),
            ("t:a:1:0:no t:a:2:0 t:a:3:0:no t:a:4:0:no", ""),
            ("t:a:1:0:no t:a:2:0:gone t:a:3:0:no", ""),
            ("m:0:429 m:0:429 m:0:429", "same_error@2"),
            // More and more input, and tools that give the same.
            ("t:a:1:7 m:1 t:b:2:7 m:2 t:a:3:7 m:3 t:b:4:7 m:4 t:a:5:7 m:5", "growing_context@9"),
            ("t:a:1:1 m:1 t:a:2:2 m:2 t:a:3:3 m:3 t:a:4:4 m:4 t:a:5:5 m:5", ""),
            // A conversation without tools grows by itself.
            ("m:1 m:2 m:3 m:4 m:5 m:6 m:7", ""),
        ];
        for (text, expected) in table {
            let found = find(&turns(text), 3);
            let shown: Vec<String> =
                found.iter().map(|one| format!("{}@{}", one.kind.name(), one.at)).collect();
            assert_eq!(shown.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for kind in LoopKind::ALL {
            assert_eq!(LoopKind::from_name(kind.name()), Some(kind));
        }
    }
}
