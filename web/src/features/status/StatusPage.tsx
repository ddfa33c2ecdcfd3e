// The server about itself: state, listeners, what the stores hold, write-ahead log, disk, limits, what came in.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Status, StoreStatus } from "@/api/types";
import { api } from "@/api/client";
import { CopyIcon } from "@/components/CodeBlock";
import { Failure } from "@/components/Notice";
import { PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { Meter, Stat, Stats } from "@/components/Stat";
import { StatusBadge, type Tone } from "@/components/StatusBadge";
import { exactCount, formatAgo, formatBytes, formatCount, formatDateTime, formatDuration, nsToMs, plural } from "@/lib/format";
import classes from "./StatusPage.module.css";

const STATE: Record<Status["state"], [Tone, string]> = { ready: ["ok", "Ready"], recovering: ["warn", "Recovering"], failed: ["error", "Failed"] };

export function StatusPage() {
  const query = useQuery({ queryKey: ["status"], queryFn: ({ signal }) => api.status(signal), refetchInterval: 5000 });
  const status = query.data;
  const [tone, word] = status ? STATE[status.state] : ["plain" as const, ""];
  return (
    <>
      <PageHead title="Status" facts={status && <span className={classes.facts}><StatusBadge tone={tone}>{word}</StatusBadge><span>version {status.version}{status.commit && ` (${status.commit.slice(0, 10)})`}</span></span>} />
      <div className={classes.page}>
        {query.error && <Failure what="The server's status could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && <SkeletonRows rows={12} height={44} />}
        {status && <div data-stale={query.error !== null}><Body status={status} /></div>}
      </div>
    </>
  );
}

function Body({ status }: { status: Status }) {
  return (
    <div className={classes.grid}>
      <Block title="Server" wide>
        <Stats>
          <Stat label="Up for" value={formatDuration(status.uptime_seconds * 1e9)} title={`since ${status.started_at}`} />
          <Stat label="Started" value={formatDateTime(new Date(status.started_at).getTime())} />
          <Stat label="Data directory" value={<span className={classes.path}>{status.data_dir}</span>} />
        </Stats>
      </Block>
      <Block title="What came in since the start" wide><Ingest ingest={status.ingest} /></Block>
      <Block title="Stores" wide><Stores stores={status.stores} /></Block>
      <Block title="Listeners">
        <table className={classes.table}><tbody>
          {status.listeners.map((listener) => (
            <tr key={`${listener.name} ${listener.address}`}><th scope="row">{listener.name}</th><td><span className={classes.address}><span className="mono">{listener.address}</span><CopyIcon text={listener.address} what="address" /></span></td></tr>
          ))}
        </tbody></table>
      </Block>
      <Block title="Disk and write-ahead log">
        <div className={classes.meters}>
          <Meter label="Disk in use" part={status.disk.used_bytes} whole={status.disk.total_bytes} text={`${formatBytes(status.disk.free_bytes)} free of ${formatBytes(status.disk.total_bytes)}`} />
          <Meter label="Write queue" part={status.wal.queue_bytes} whole={status.wal.queue_bytes_max} text={`${formatBytes(status.wal.queue_bytes)} of ${formatBytes(status.wal.queue_bytes_max)}`} />
          <p className={classes.wal}>Log of {formatBytes(status.wal.bytes)} in {plural(status.wal.segments, "segment")}, last sequence {exactCount(status.wal.last_sequence)}</p>
        </div>
      </Block>
      <Block title="Limits" wide><Limits limits={status.limits} /></Block>
    </div>
  );
}

function Block({ title, wide = false, children }: { title: string; wide?: boolean; children: ReactNode }) {
  return <section className={classes.block} data-wide={wide}><h2 className={classes.blockTitle}>{title}</h2>{children}</section>;
}

const INGEST: [key: string, label: string][] = [["spans", "Spans"], ["log_records", "Log records"], ["samples", "Samples"]];

function Ingest({ ingest }: { ingest: Status["ingest"] }) {
  return (
    <Stats>
      {INGEST.flatMap(([key, label]) => {
        const [taken = 0, refused = 0] = [ingest[`${key}_accepted`], ingest[`${key}_rejected`]];
        return [
          <Stat key={key} label={`${label} accepted`} value={formatCount(taken)} title={exactCount(taken)} />,
          <Stat key={`${key}-no`} label={`${label} rejected`} value={formatCount(refused)} title={exactCount(refused)} tone={refused > 0 ? "error" : undefined} />,
        ];
      })}
    </Stats>
  );
}

const STORES: [key: keyof Status["stores"], label: string, rows: string][] = [["spans", "Traces", "spans"], ["logs", "Logs", "records"], ["metrics", "Metrics", "samples"]];

function Stores({ stores }: { stores: Status["stores"] }) {
  return (
    <div className={classes.scroll}>
      <table className={classes.table} data-numbers>
        <thead><tr><th scope="col">Store</th><th scope="col">In memory</th><th scope="col">Memory</th><th scope="col">On disk</th><th scope="col">Disk</th><th scope="col">Per row</th><th scope="col">Parts</th><th scope="col">Oldest</th><th scope="col">Newest</th></tr></thead>
        <tbody>
          {STORES.map(([key, label, rows]) => {
            const store = stores[key];
            return (
              <tr key={key}>
                <th scope="row">{label}{store.series_in_memory !== undefined && <span className="dim"> · {formatCount(store.series_in_memory)} series</span>}</th>
                <td title={exactCount(store.rows_in_memory)}>{formatCount(store.rows_in_memory)} {rows}</td>
                <td>{formatBytes(store.bytes_in_memory)}</td>
                <td title={exactCount(store.rows_on_disk)}>{formatCount(store.rows_on_disk)} {rows}</td>
                <td>{formatBytes(store.bytes_on_disk)}</td>
                <td>{store.rows_on_disk > 0 ? formatBytes(Math.round((store.bytes_on_disk / store.rows_on_disk) * 100) / 100) : "–"}</td>
                <td>{formatCount(store.parts)}</td>
                <When store={store} which="oldest_unix_nano" />
                <When store={store} which="newest_unix_nano" />
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function When({ store, which }: { store: StoreStatus; which: "oldest_unix_nano" | "newest_unix_nano" }) {
  const ns = store[which];
  if (ns === null) return <td>–</td>;
  return <td title={formatDateTime(nsToMs(ns))}>{formatAgo(nsToMs(ns))}</td>;
}

function Limits({ limits }: { limits: Status["limits"] }) {
  return (
    <dl className={classes.limits}>
      {Object.entries(limits).sort(([a], [b]) => a.localeCompare(b)).map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd title={typeof value === "number" ? exactCount(value) : undefined}>{limitText(name, value)}</dd></div>
      ))}
    </dl>
  );
}

function limitText(name: string, value: number | string | null): string {
  if (value === null) return "none";
  if (typeof value === "string") return value;
  if (name.includes("bytes")) return formatBytes(value);
  if (name.endsWith("_ms")) return formatDuration(value * 1e6);
  if (name.includes("seconds")) return formatDuration(value * 1e9);
  return formatCount(value);
}
