// Refresh now, or keep refreshing. Live updates wait while the pointer rests on what would move.

import { Button, Menu } from "@mantine/core";
import { useIsFetching, useQueryClient } from "@tanstack/react-query";
import { IconChevronDown, IconRefresh } from "@tabler/icons-react";
import { REFRESH_CHOICES } from "@/lib/range";
import { tick, useRange } from "@/lib/useRange";
import classes from "./RefreshPicker.module.css";

/** Queries whose keys hold no moving bounds. */
const TIMELESS = new Set(["trace", "trace-logs", "span-logs", "status", "metrics", "services", "metric-labels"]);

export function RefreshPicker() {
  const { range, refresh, held, setRefresh } = useRange();
  const busy = useIsFetching() > 0;
  const choice = REFRESH_CHOICES.find((one) => one.text === refresh);
  const queries = useQueryClient();
  const refreshNow = (): void => {
    tick();
    // A relative range asks again because its bounds moved; the rest has to be told.
    void queries.invalidateQueries({ predicate: ({ queryKey }) => range.kind === "absolute" || TIMELESS.has(String(queryKey[0])) });
  };
  const waiting = choice !== undefined && held;
  return (
    <Button.Group>
      <Button
        variant="default"
        px={8}
        onClick={refreshNow}
        aria-label="Refresh now"
        title={waiting ? "Updates wait while the pointer is on the list" : "Refresh now"}
      >
        {choice === undefined
          ? <IconRefresh size={15} aria-hidden className={busy ? classes.spin : undefined} />
          : <><span className={classes.dot} data-held={waiting} /><span className={classes.text}>{waiting ? "Held" : choice.label}</span></>}
      </Button>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" px={4} aria-label="Refresh automatically" disabled={range.kind === "absolute"}>
            <IconChevronDown size={13} aria-hidden />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setRefresh(undefined)}>Off</Menu.Item>
          {REFRESH_CHOICES.map((one) => (
            <Menu.Item key={one.text} onClick={() => setRefresh(one.text)} fw={one.text === refresh ? 600 : 400}>
              {one.text === "live" ? "Live (every 2 s)" : `Every ${one.label}`}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Button.Group>
  );
}
