// One choice per label of the metric that a query is of; each choice edits the query's selectors.

import { Button, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { Matcher } from "@/lib/promql";
import { useRange } from "@/lib/useRange";
import classes from "./MetricsPage.module.css";

interface LabelFiltersProps {
  metric: string;
  matchers: Matcher[];
  onChange: (label: string, value: string | null) => void;
}

/** Labels offered at once; the others on demand. */
const SHOWN = 6;

export function LabelFilters({ metric, matchers, onChange }: LabelFiltersProps) {
  const { window, range } = useRange();
  const [all, setAll] = useState(false);
  // What it offers is a help: when it fails, the query can still be written by hand.
  const query = useQuery({ queryKey: ["metric-labels", metric, range], queryFn: ({ signal }) => api.metricLabels({ name: metric, ...window }, signal), placeholderData: undefined, retry: false });
  const chosen = (label: string): string | null => matchers.find((one) => one.name === label && one.op === "=")?.value ?? null;
  const labels = (query.data?.labels ?? []).filter((label) => label.name !== "__name__" && label.name !== "le" && (label.values.length > 1 || chosen(label.name) !== null));
  labels.sort((a, b) => Number(chosen(b.name) !== null) - Number(chosen(a.name) !== null));
  if (labels.length === 0) return null;
  return (
    <div className={classes.labels} role="group" aria-label={`Labels of ${metric}`}>
      {(all ? labels : labels.slice(0, SHOWN)).map((label) => {
        const value = chosen(label.name);
        return (
          <Select
            key={label.name} aria-label={`Label ${label.name}`} placeholder={`Any ${label.name}`} data={value === null || label.values.includes(value) ? label.values : [value, ...label.values]} value={value}
            onChange={(next) => onChange(label.name, next)} clearable searchable limit={200} w={160}
          />
        );
      })}
      {labels.length > SHOWN && <Button variant="subtle" onClick={() => setAll(!all)}>{all ? "Fewer labels" : `${labels.length - SHOWN} more labels`}</Button>}
    </div>
  );
}
