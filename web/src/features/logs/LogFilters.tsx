// The filters of the logs page. Every one is in the URL.

import { Button, Pill } from "@mantine/core";
import { AttributeFilter } from "@/components/AttributeFilter";
import { ServiceSelect, TextFilter } from "@/components/filters";
import { FilterBar } from "@/components/Page";
import { levelVar } from "@/lib/colors";
import { toggle } from "@/lib/urlstate";
import type { Level } from "@/api/types";
import { LEVELS, type LogsSearch } from "./search";
import classes from "./LogsPage.module.css";

interface LogFiltersProps {
  search: LogsSearch;
  onChange: (next: LogsSearch) => void;
  onClear: (() => void) | undefined;
}

export function LogFilters({ search, onChange, onClear }: LogFiltersProps) {
  return (
    <FilterBar label="Filter logs">
      <ServiceSelect value={search.service} onChange={(service) => onChange({ service })} />
      <TextFilter aria-label="Text in the line" placeholder="Text in the line" value={search.q} onApply={(q) => onChange({ q })} w={210} />
      <div className={classes.levels} role="group" aria-label="Levels">
        {LEVELS.filter((level) => level !== "unknown" || search.level?.includes(level)).map((level) => (
          <button
            key={level} type="button" className={classes.level} aria-pressed={search.level?.includes(level) ?? false}
            onClick={() => onChange({ level: toggle(search.level, level) as Level[] | undefined })}
          >
            <i style={{ background: `var(${levelVar(level)})` }} />{level}
          </button>
        ))}
      </div>
      <AttributeFilter value={search.attr ?? []} onChange={(attr) => onChange({ attr })} placeholder="Attribute, as user.id=42" />
      {search.trace && <Pill withRemoveButton onRemove={() => onChange({ trace: undefined, span: undefined })} title={search.trace}>trace {search.trace.slice(0, 8)}…</Pill>}
      {search.span && <Pill withRemoveButton onRemove={() => onChange({ span: undefined })} title={search.span}>span {search.span.slice(0, 8)}…</Pill>}
      {onClear && <Button variant="subtle" onClick={onClear}>Clear filters</Button>}
    </FilterBar>
  );
}
