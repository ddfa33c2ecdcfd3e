// One choice per label of a metric; equality only, as the API has it.

import { Button, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { Failure } from "@/components/Notice";
import { useRange } from "@/lib/useRange";
import classes from "./MetricsPage.module.css";

interface LabelFiltersProps {
  name: string;
  value: string[];
  onChange: (value: string[]) => void;
}

export function LabelFilters({ name, value, onChange }: LabelFiltersProps) {
  const { window, range } = useRange();
  const query = useQuery({ queryKey: ["metric-labels", name, range], queryFn: ({ signal }) => api.metricLabels({ name, ...window }, signal), placeholderData: undefined });
  if (query.error) return <Failure what="Labels could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  const labels = (query.data?.labels ?? []).filter((label) => label.name !== "__name__" && (label.values.length > 1 || value.some((item) => item.startsWith(`${label.name}=`))));
  const chosen = (label: string): string | null => value.find((item) => item.startsWith(`${label}=`))?.slice(label.length + 1) ?? null;
  const choose = (label: string, next: string | null): void => {
    const others = value.filter((item) => !item.startsWith(`${label}=`));
    onChange(next === null ? others : [...others, `${label}=${next}`]);
  };
  return (
    <div className={classes.labels}>
      {labels.map((label) => (
        <Select
          key={label.name} aria-label={`Label ${label.name}`} placeholder={`Any ${label.name}`} data={label.values} value={chosen(label.name)}
          onChange={(next) => choose(label.name, next)} clearable searchable limit={200} w={170}
        />
      ))}
      {value.length > 0 && <Button variant="subtle" onClick={() => onChange([])}>Clear filters</Button>}
    </div>
  );
}
