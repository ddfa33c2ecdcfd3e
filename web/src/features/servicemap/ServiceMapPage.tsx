// The map of services: who calls whom, how often, how often in vain. As a picture and as a table.

import { Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { api } from "@/api/client";
import type { MapCall, MapService, ServiceMap } from "@/api/types";
import { DataTable, type Column } from "@/components/DataTable";
import { Failure } from "@/components/Notice";
import { Fill, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { NoData } from "@/features/onboarding/NoData";
import { serviceColors } from "@/lib/colors";
import { exactCount, formatCount, formatPercent, formatRate, plural } from "@/lib/format";
import { callQuery, serviceQuery } from "@/lib/traceqlText";
import { useRange } from "@/lib/useRange";
import { MapPicture } from "./MapPicture";
import type { ServiceMapSearch } from "./search";
import classes from "./ServiceMapPage.module.css";

const route = getRouteApi("/system/service-map");

export function ServiceMapPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { window, bounds } = useRange();
  const query = useQuery({ queryKey: ["service-map", window], queryFn: ({ signal }) => api.serviceMap(window, signal) });
  const set = useCallback((next: ServiceMapSearch, replace = false) => void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) }), [navigate]);
  const seconds = (bounds.end - bounds.start) / 1000;
  const map = query.data;
  const empty = map?.services.length === 0;
  const chosen = map?.services.find((one) => one.name === search.service);
  return (
    <>
      <PageHead title="Service map" facts={map && !empty ? `${plural(map.services.length, "service")}, ${plural(map.calls.length, "connection")}` : undefined}>
        {!empty && (
          <SegmentedControl
            size="xs" aria-label="View" value={search.view ?? "map"} onChange={(view) => set({ view: view === "table" ? "table" : undefined })}
            data={[{ value: "map", label: "Map" }, { value: "table", label: "Table" }]}
          />
        )}
      </PageHead>
      <Fill>
        {query.error && <Failure what="The service map could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && <SkeletonRows rows={12} height={40} />}
        {empty && <NoData signal="spans" filtered={false} stale={query.isPlaceholderData} />}
        {map && !empty && (search.view === "table"
          ? <CallTable map={map} seconds={seconds} sort={search.sort} onSort={(sort) => set({ sort })} stale={query.isPlaceholderData} />
          : (
            <div className={classes.body} data-stale={query.isPlaceholderData}>
              <MapPicture map={map} seconds={seconds} chosen={chosen?.name} onService={(service) => set({ service: service === search.service ? undefined : service }, true)} onCall={(call) => void navigate({ to: "/explore/traces", search: { query: callQuery(call.parent, call.child) } })} />
              {chosen && <Chosen service={chosen} map={map} seconds={seconds} onClose={() => set({ service: undefined }, true)} />}
            </div>
          ))}
      </Fill>
    </>
  );
}

interface ChosenProps {
  service: MapService;
  map: ServiceMap;
  seconds: number;
  onClose: () => void;
}

/** What is known of one service, with the ways on. */
function Chosen({ service, map, seconds, onClose }: ChosenProps) {
  const navigate = useNavigate();
  const callers = map.calls.filter((call) => call.child === service.name && call.parent !== service.name);
  const callees = map.calls.filter((call) => call.parent === service.name && call.child !== service.name);
  const list = (title: string, calls: MapCall[], name: (call: MapCall) => string): React.ReactNode => calls.length > 0 && (
    <>
      <h3>{title}</h3>
      <ul>
        {calls.map((call) => (
          <li key={name(call)}>
            <Link to="/explore/traces" search={{ query: callQuery(call.parent, call.child) }} preload={false}>{name(call) || "unknown"}</Link>
            <span>{formatRate(call.calls / seconds)}{call.errors > 0 && <em> {formatPercent(call.errors / call.calls)} errors</em>}</span>
          </li>
        ))}
      </ul>
    </>
  );
  return (
    <aside className={classes.chosen} aria-label="Chosen service">
      <h2>{service.name || "unknown"}</h2>
      <p title={`${exactCount(service.spans)} spans, ${exactCount(service.errors)} with errors`}>
        {formatRate(service.spans / seconds)} spans{service.errors > 0 ? <em>, {formatPercent(service.errors / service.spans)} with errors</em> : ", no errors"}
      </p>
      <div className={classes.links}>
        <Button variant="default" onClick={() => void navigate({ to: "/explore/traces", search: { query: serviceQuery(service.name) } })}>Traces</Button>
        <Button variant="default" onClick={() => void navigate({ to: "/explore/operations", search: { service: service.name } })}>Operations</Button>
        <Button variant="subtle" onClick={onClose}>Close</Button>
      </div>
      {list("Called by", callers, (call) => call.parent)}
      {list("Calls", callees, (call) => call.child)}
    </aside>
  );
}

interface CallTableProps {
  map: ServiceMap;
  seconds: number;
  sort: string | undefined;
  onSort: (sort: string | undefined) => void;
  stale: boolean;
}

function CallTable({ map, seconds, sort, onSort, stale }: CallTableProps) {
  const navigate = useNavigate();
  const colors = useMemo(() => serviceColors(map.services.map((one) => one.name)), [map]);
  const columns = useMemo((): Column<MapCall>[] => {
    const service = (id: "parent" | "child", label: string): Column<MapCall> => ({
      id, label, width: "minmax(140px, 1fr)", value: (call) => call[id],
      render: (call) => <span className={classes.service}><i style={{ background: `var(${colors.get(call[id]) ?? "--wk-faint"})` }} /><span className="clip">{call[id] || "unknown"}</span></span>,
    });
    return [
      service("parent", "From"), service("child", "To"),
      { id: "calls", label: "Calls", width: "96px", align: "end", value: (call) => call.calls, render: (call) => <span title={exactCount(call.calls)}>{formatCount(call.calls)}</span> },
      { id: "rate", label: "Rate", width: "96px", align: "end", value: (call) => call.calls, render: (call) => formatRate(call.calls / seconds) },
      { id: "errors", label: "Errors", width: "96px", align: "end", value: (call) => call.errors, render: (call) => (call.errors === 0 ? <span className="dim">0</span> : <span className={classes.errors}>{formatCount(call.errors)}</span>) },
      { id: "share", label: "Error share", width: "96px", align: "end", value: (call) => call.errors / Math.max(1, call.calls), render: (call) => formatPercent(call.errors / Math.max(1, call.calls)) },
    ];
  }, [colors, seconds]);
  return (
    <DataTable
      label="Calls" columns={columns} rows={map.calls} rowKey={(call) => `${call.parent}\n${call.child}`} sort={sort} onSort={onSort} stale={stale}
      onOpen={(call) => void navigate({ to: "/explore/traces", search: { query: callQuery(call.parent, call.child) } })}
      renderNarrow={(call) => (
        <>
          <span className="clip">{call.parent || "unknown"} → <b>{call.child || "unknown"}</b></span>
          <span className={classes.narrowRest}>{plural(call.calls, "call")}, {formatRate(call.calls / seconds)}{call.errors > 0 && <em>, {formatPercent(call.errors / call.calls)} errors</em>}</span>
        </>
      )}
      footer={map.calls.length === 0 ? "No service calls another here: spans of one service alone, or their parents are missing." : undefined}
    />
  );
}
