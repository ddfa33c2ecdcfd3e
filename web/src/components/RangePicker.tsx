// Chooses the global time range: presets, a typed span, or two instants.

import { Button, Popover, TextInput, UnstyledButton } from "@mantine/core";
import { IconCalendarTime, IconChevronDown } from "@tabler/icons-react";
import { useState } from "react";
import { formatDateTime } from "@/lib/format";
import { parseSpan, PRESETS, rangeLabel, spanText, type TimeRange } from "@/lib/range";
import { useRange } from "@/lib/useRange";
import classes from "./RangePicker.module.css";

export function RangePicker() {
  const { range, bounds, setRange } = useRange();
  const [open, setOpen] = useState(false);
  const choose = (next: TimeRange): void => {
    setOpen(false);
    setRange(next);
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="default"
          className={classes.button}
          onClick={() => setOpen(!open)}
          leftSection={<IconCalendarTime size={15} aria-hidden />}
          rightSection={<IconChevronDown size={13} aria-hidden />}
          aria-label={`Time range: ${rangeLabel(range)}`}
          title={`${formatDateTime(bounds.start)} – ${formatDateTime(bounds.end)}`}
        >
          <span className={classes.label}>{rangeLabel(range)}</span>
          <span className={classes.short}>{range.kind === "relative" ? spanText(range.ms) : "Custom"}</span>
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={0}>
        <div className={classes.panel}>
          <div className={classes.presets}>
            {PRESETS.map((preset) => (
              <UnstyledButton
                key={preset.text}
                className={classes.preset}
                aria-pressed={range.kind === "relative" && spanText(range.ms) === preset.text}
                onClick={() => choose({ kind: "relative", ms: parseSpan(preset.text) ?? 0 })}
              >
                {preset.label}
              </UnstyledButton>
            ))}
          </div>
          <div className={classes.custom}>
            <CustomSpan onChoose={choose} />
            <Absolute start={bounds.start} end={bounds.end} onChoose={choose} />
          </div>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

function CustomSpan({ onChoose }: { onChoose: (range: TimeRange) => void }) {
  const [text, setText] = useState("");
  const ms = parseSpan(text);
  return (
    <form className={classes.form} onSubmit={(event) => { event.preventDefault(); if (ms !== undefined) onChoose({ kind: "relative", ms }); }}>
      <TextInput
        label="Last"
        placeholder="45m, 8h, 3d"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        error={text !== "" && ms === undefined ? "A number and s, m, h, d or w" : undefined}
      />
      <Button type="submit" variant="default" disabled={ms === undefined}>Apply</Button>
    </form>
  );
}

function Absolute({ start, end, onChoose }: { start: number; end: number; onChoose: (range: TimeRange) => void }) {
  const [from, setFrom] = useState(() => inputText(start));
  const [to, setTo] = useState(() => inputText(end));
  const [a, b] = [new Date(from).getTime(), new Date(to).getTime()];
  const valid = Number.isFinite(a) && Number.isFinite(b) && b > a;
  return (
    <form className={classes.form} onSubmit={(event) => { event.preventDefault(); if (valid) onChoose({ kind: "absolute", from: a, to: b }); }}>
      <TextInput type="datetime-local" step={1} label="From" value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
      <TextInput
        type="datetime-local" step={1} label="To" value={to} onChange={(event) => setTo(event.currentTarget.value)}
        error={valid ? undefined : "Must be after From"}
      />
      <Button type="submit" disabled={!valid}>Show this range</Button>
    </form>
  );
}

/** The value of a datetime-local input: local time with seconds. */
function inputText(ms: number): string {
  return formatDateTime(ms).replace(" ", "T");
}
