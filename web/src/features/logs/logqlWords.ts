// The words of LogQL that completion offers, each with what it is for. `§` is where the cursor goes.

export interface Word {
  label: string;
  detail: string;
  apply?: string;
}

export const FILTERS: Word[] = [
  { label: "|=", detail: "line contains", apply: '|= "§"' },
  { label: "!=", detail: "line does not contain", apply: '!= "§"' },
  { label: "|~", detail: "line matches a regular expression", apply: '|~ "§"' },
  { label: "!~", detail: "line does not match", apply: '!~ "§"' },
  { label: "|>", detail: "line has a pattern", apply: '|> "§"' },
  { label: "!>", detail: "line does not have a pattern", apply: '!> "§"' },
  { label: "| json", detail: "read fields of JSON" },
  { label: "| logfmt", detail: "read key=value fields" },
  { label: "|", detail: "a stage or a field", apply: "| " },
];

export const STAGES: Word[] = [
  { label: "json", detail: "read fields of JSON" },
  { label: "logfmt", detail: "read key=value fields" },
  { label: "pattern", detail: "read fields by a pattern", apply: 'pattern "§"' },
  { label: "regexp", detail: "read fields by named groups", apply: 'regexp "§"' },
  { label: "unpack", detail: "read labels packed into the line" },
  { label: "line_format", detail: "write the line anew", apply: 'line_format "{{.§}}"' },
  { label: "label_format", detail: "rename or compute labels", apply: "label_format " },
  { label: "decolorize", detail: "remove colour codes" },
  { label: "drop", detail: "remove labels", apply: "drop " },
  { label: "keep", detail: "keep these labels alone", apply: "keep " },
  { label: "unwrap", detail: "take a field as the number", apply: "unwrap " },
];

const ranged = (label: string, detail: string): Word => ({ label, detail, apply: `${label}({§}[5m])` });
const unwrapped = (label: string, detail: string): Word => ({ label, detail, apply: `${label}({§} | json | unwrap value [5m])` });

export const RANGE_FUNCTIONS: Word[] = [
  ranged("count_over_time", "lines in a window"), ranged("rate", "lines a second"), ranged("bytes_over_time", "bytes in a window"), ranged("bytes_rate", "bytes a second"),
  ranged("absent_over_time", "1 where nothing is"), unwrapped("sum_over_time", "sum of a field"), unwrapped("avg_over_time", "mean of a field"),
  unwrapped("max_over_time", "largest of a field"), unwrapped("min_over_time", "smallest of a field"), unwrapped("first_over_time", "first of a field"),
  unwrapped("last_over_time", "last of a field"), unwrapped("stddev_over_time", "deviation of a field"), unwrapped("stdvar_over_time", "variance of a field"),
  { label: "quantile_over_time", detail: "quantile of a field", apply: "quantile_over_time(0.95, {§} | json | unwrap value [5m])" }, unwrapped("rate_counter", "rate of a counter"),
];

const over = (label: string, detail: string): Word => ({ label, detail, apply: `${label}(§)` });
const grouped = (label: string, detail: string): Word => ({ label, detail, apply: `${label} by (§) ()` });

export const AGGREGATIONS: Word[] = [
  grouped("sum", "sum of series"), grouped("avg", "mean of series"), grouped("max", "largest of series"), grouped("min", "smallest of series"), grouped("count", "how many series"),
  grouped("stddev", "deviation of series"), grouped("stdvar", "variance of series"),
  { label: "topk", detail: "the largest series", apply: "topk(10, §)" }, { label: "bottomk", detail: "the smallest series", apply: "bottomk(10, §)" },
  { label: "approx_topk", detail: "the largest series, nearly", apply: "approx_topk(10, §)" }, over("sort", "in ascending order"), over("sort_desc", "in descending order"),
];

export const VECTOR_FUNCTIONS: Word[] = [
  { label: "vector", detail: "a number as a series", apply: "vector(§)" },
  { label: "label_replace", detail: "a label out of another", apply: 'label_replace(§, "to", "$1", "from", "(.*)")' },
];

export const RANGES: Word[] = ["1m", "5m", "10m", "30m", "1h", "6h", "1d"].map((label) => ({ label, detail: "window" }));
