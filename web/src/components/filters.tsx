// Small filter inputs that several pages share: service choice, and text that is applied on Enter or after a pause.

import { Select, TextInput, type TextInputProps } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";
import { useServices } from "@/api/queries";

export function ServiceSelect({ value, onChange }: { value: string | undefined; onChange: (value: string | undefined) => void }) {
  const services = useServices();
  const known = services.data ?? [];
  const options = value !== undefined && !known.includes(value) ? [value, ...known] : known;
  return (
    <Select
      aria-label="Service"
      placeholder="Any service"
      data={options}
      value={value ?? null}
      onChange={(next) => onChange(next ?? undefined)}
      clearable
      searchable
      nothingFoundMessage={services.error ? "Services could not be loaded" : "No service in this time range"}
      maxDropdownHeight={360}
      w={160}
    />
  );
}

interface TextFilterProps extends Omit<TextInputProps, "value" | "onChange"> {
  value: string | undefined;
  onApply: (value: string | undefined) => void;
  /** Text that fails stays in the box, marked, and is not applied. */
  valid?: (text: string) => boolean;
  hint?: string;
}

export function TextFilter({ value, onApply, valid, hint, ...rest }: TextFilterProps) {
  const [draft, setDraft] = useState({ text: value ?? "", from: value, applied: value });
  // A value that changed elsewhere (back button, "filter by this") replaces what is typed; our own does not.
  if (draft.from !== value) setDraft({ text: value === draft.applied ? draft.text : (value ?? ""), from: value, applied: value });
  const ok = draft.text === "" || (valid?.(draft.text) ?? true);
  const apply = (text: string): void => {
    const next = text.trim() === "" ? undefined : text.trim();
    if (next === value || (next !== undefined && !(valid?.(next) ?? true))) return;
    setDraft((old) => ({ ...old, applied: next }));
    onApply(next);
  };
  const later = useDebouncedCallback(apply, 450);
  return (
    <TextInput
      {...rest}
      value={draft.text}
      error={ok ? undefined : hint}
      onChange={(event) => {
        const text = event.currentTarget.value;
        setDraft((old) => ({ ...old, text }));
        later(text);
      }}
      onKeyDown={(event) => { if (event.key === "Enter") apply(draft.text); }}
    />
  );
}
