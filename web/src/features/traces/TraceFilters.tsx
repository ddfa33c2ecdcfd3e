// The filters of the traces list. Every one is in the URL.

import { Button, SegmentedControl } from "@mantine/core";
import { AttributeFilter } from "@/components/AttributeFilter";
import { ServiceSelect, TextFilter } from "@/components/filters";
import { FilterBar } from "@/components/Page";
import { isDurationFilter } from "@/lib/range";
import type { TracesSearch } from "./search";

interface TraceFiltersProps {
  search: TracesSearch;
  onChange: (next: TracesSearch) => void;
  onClear: (() => void) | undefined;
}

export function TraceFilters({ search, onChange, onClear }: TraceFiltersProps) {
  return (
    <FilterBar label="Filter traces">
      <ServiceSelect value={search.service} onChange={(service) => onChange({ service })} />
      <TextFilter aria-label="Span name" placeholder="Span name" value={search.name} onApply={(name) => onChange({ name })} w={170} />
      <SegmentedControl
        size="xs"
        aria-label="Status"
        value={search.status ?? "any"}
        onChange={(status) => onChange({ status: status === "any" ? undefined : (status) })}
        data={[{ value: "any", label: "Any" }, { value: "error", label: "Error" }, { value: "ok", label: "OK" }]}
      />
      <TextFilter aria-label="Shortest duration" placeholder="Min 250ms" value={search.min} valid={isDurationFilter} hint="Like 250ms, 1.5s, 2m" onApply={(min) => onChange({ min })} w={96} />
      <TextFilter aria-label="Longest duration" placeholder="Max 10s" value={search.max} valid={isDurationFilter} hint="Like 250ms, 1.5s, 2m" onApply={(max) => onChange({ max })} w={96} />
      <AttributeFilter value={search.attr ?? []} onChange={(attr) => onChange({ attr })} placeholder="Attribute, as user.id=42" />
      {onClear && <Button variant="subtle" onClick={onClear}>Clear filters</Button>}
    </FilterBar>
  );
}
