// Leads from a search to comparisons: two picked traces side by side, or what sets the found spans apart from others.

import { ActionIcon, Button, Menu } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { IconArrowsDiff, IconX } from "@tabler/icons-react";
import { useNarrow } from "@/components/DataTable";
import { isStatus, replace, setOf } from "@/lib/traceql";
import { EVERYTHING } from "@/lib/traceqlText";

interface CompareToolsProps {
  query: string;
  picked: readonly string[];
  onClear: () => void;
}

export function CompareTools({ query, picked, onClear }: CompareToolsProps) {
  const navigate = useNavigate();
  const narrow = useNarrow();
  const [left, right] = picked;
  const groups = (q: string, baseline: string) => () => void navigate({ to: "/explore/traces/compare", search: { q, baseline } });
  const set = setOf(query);
  return (
    <>
      {left !== undefined && (
        <>
          {right === undefined
            ? <span className="dim">1 picked, pick another to compare</span>
            : <Button variant="filled" onClick={() => void navigate({ to: "/explore/traces/compare", search: { left, right } })} leftSection={<IconArrowsDiff size={14} aria-hidden />}>Compare the 2 picked</Button>}
          <Button variant="subtle" leftSection={<IconX size={14} aria-hidden />} onClick={onClear}>Clear</Button>
        </>
      )}
      <Menu position="bottom-end" width={320} transitionProps={{ duration: 0 }}>
        <Menu.Target>
          {narrow
            ? <ActionIcon variant="default" size={30} aria-label="What is different?"><IconArrowsDiff size={15} /></ActionIcon>
            : <Button variant="default" leftSection={<IconArrowsDiff size={14} aria-hidden />}>What is different?</Button>}
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={groups(replace(set, isStatus, "status = error"), replace(set, isStatus, "status != error"))}>Failing against healthy of these spans</Menu.Item>
          <Menu.Item disabled={set === EVERYTHING} onClick={groups(set, EVERYTHING)}>These spans against all others</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
