// Comparisons: two traces side by side, or what sets some spans apart from others.

import { SegmentedControl } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import { PageHead } from "@/components/Page";
import { CompareTraces } from "./CompareTraces";
import { LiftView } from "./LiftView";
import type { CompareSearch } from "./search";

const route = getRouteApi("/explore/traces/compare");

export function ComparePage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const set = useCallback((next: CompareSearch, replace = false) => {
    void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) });
  }, [navigate]);
  const groups = search.q !== undefined;
  const change = (view: string): void => {
    if (view === "groups") set({ left: undefined, right: undefined, q: "{ status = error }", baseline: "{ status != error }", sort: undefined });
    else set({ q: undefined, baseline: undefined, sort: undefined });
  };
  return (
    <>
      <PageHead title={groups ? "What is different?" : "Compare traces"}>
        <SegmentedControl size="xs" aria-label="Compare" value={groups ? "groups" : "traces"} onChange={change} data={[{ value: "traces", label: "Two traces" }, { value: "groups", label: "Groups of spans" }]} />
      </PageHead>
      {groups ? <LiftView search={search} set={set} /> : <CompareTraces search={search} set={set} />}
    </>
  );
}
