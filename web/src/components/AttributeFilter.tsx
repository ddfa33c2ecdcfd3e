// Filters on attributes as chips: type `key=value` and press Enter; click a chip's cross to remove it.

import { Pill, PillsInput } from "@mantine/core";
import { useState } from "react";

interface AttributeFilterProps {
  value: string[];
  onChange: (value: string[]) => void;
  placeholder?: string;
}

export function AttributeFilter({ value, onChange, placeholder = "attribute=value" }: AttributeFilterProps) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const add = (): void => {
    const item = text.trim();
    if (item === "") return;
    if (!/^[^=]+=/.test(item)) {
      setWrong(true);
      return;
    }
    if (!value.includes(item)) onChange([...value, item]);
    setText("");
  };
  return (
    <PillsInput size="xs" error={wrong ? "Write key=value" : undefined} style={{ flex: "1 1 180px", maxWidth: 520 }}>
      <Pill.Group>
        {value.map((item) => (
          <Pill
            key={item}
            withRemoveButton
            removeButtonProps={{ "aria-label": `Remove filter ${item}`, tabIndex: 0 }}
            onRemove={() => onChange(value.filter((other) => other !== item))}
            title={item}
          >
            {item}
          </Pill>
        ))}
        <PillsInput.Field
          aria-label="Add an attribute filter"
          style={{ minWidth: 60 }}
          placeholder={value.length === 0 ? placeholder : ""}
          value={text}
          onChange={(event) => { setText(event.currentTarget.value); setWrong(false); }}
          onBlur={add}
          onKeyDown={(event) => {
            if (event.key === "Enter") add();
            if (event.key === "Backspace" && text === "") onChange(value.slice(0, -1));
          }}
        />
      </Pill.Group>
    </PillsInput>
  );
}
