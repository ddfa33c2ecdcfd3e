// What a host is made of: disks, network interfaces, processes, graphics cards.

import type { HostDisk, HostGpu, HostInterface, HostReading } from "@/api/healthTypes";
import { Block, FactTable } from "@/components/Blocks";
import { ClipMiddle } from "@/components/ClipMiddle";
import { CodeBlock } from "@/components/CodeBlock";
import { exactCount, formatBytes, formatCount, named, plural, significant, visible } from "@/lib/format";
import { formatPercentage } from "@/lib/health";
import classes from "./HostsPage.module.css";

/** Hosts with containers may have very many file systems: those that are shown, the fullest first. */
const DISKS_SHOWN = 20;

export function Disks({ disks }: { disks: HostDisk[] }) {
  const sorted = [...disks].sort((a, b) => Number(b.data) - Number(a.data) || b.percent - a.percent);
  return (
    <Block title="Disks" wide>
      {disks.length === 0 ? <p className="dim">No disk is told of.</p> : (
        <FactTable label="Disks" rows={sorted.slice(0, DISKS_SHOWN)} rowKey={(one) => `${one.device} ${one.mountpoint}`} columns={[
          { label: "Where", render: (one) => <span className={classes.where}><ClipMiddle text={visible(one.mountpoint)} />{one.data && <span className={classes.mark} title="The data directory is on it">data</span>}</span> },
          { label: "Device", text: true, render: (one) => <span className={classes.device}>{visible(one.device)}</span> },
          { label: "In use", text: true, render: (one) => <Use percent={one.percent} name={one.mountpoint} /> },
          { label: "Used", render: (one) => formatBytes(one.used_bytes) },
          { label: "Free", render: (one) => formatBytes(one.available_bytes) },
          { label: "Of", render: (one) => formatBytes(one.total_bytes) },
        ]} />
      )}
      {sorted.length > DISKS_SHOWN && <p className="dim">{plural(sorted.length - DISKS_SHOWN, "more file system")} are less full.</p>}
    </Block>
  );
}

function Use({ percent, name }: { percent: number | null; name: string }) {
  const part = Math.min(100, Math.max(0, percent ?? 0));
  return (
    <span className={classes.use}>
      <span className={classes.track} role="meter" aria-label={`${name}: in use`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(part)}><i data-tone={part > 90 ? "error" : part > 80 ? "warn" : undefined} style={{ width: `${part}%` }} /></span>
      <span className={classes.percent}>{formatPercentage(percent)}</span>
    </span>
  );
}

const rate = (value: number | null): string => (value === null ? "–" : `${formatBytes(Math.round(value))}/s`);

export function Network({ interfaces }: { interfaces: HostInterface[] }) {
  return (
    <Block title="Network">
      {interfaces.length === 0 ? <p className="dim">No network interface is told of.</p> : (
        <FactTable label="Network interfaces" rows={interfaces} rowKey={(one) => one.interface} columns={[
          { label: "Interface", render: (one) => named(one.interface) }, { label: "In", render: (one) => rate(one.receive_bytes_per_second) }, { label: "Out", render: (one) => rate(one.transmit_bytes_per_second) },
          { label: "In so far", render: (one) => formatBytes(one.receive_bytes) }, { label: "Out so far", render: (one) => formatBytes(one.transmit_bytes) },
        ]} />
      )}
    </Block>
  );
}

const SNIPPET = `health:
  host:
    processes: [postgres, ollama]
`;

export function Processes({ latest }: { latest: HostReading }) {
  const own = latest.process ? [{ name: "watchkeep", count: 1, own: true, ...latest.process }] : [];
  const rows = [...own, ...latest.watched.map((one) => ({ ...one, own: false }))];
  return (
    <Block title="Processes">
      {rows.length > 0 && (
        <FactTable label="Processes" rows={rows} rowKey={(one) => `${one.name} ${String(one.own)}`} columns={[
          { label: "Name", render: (one) => <>{named(one.name)}{one.own && <span className={classes.mark} title="This server itself">itself</span>}</> },
          { label: "Running", render: (one) => (one.count === 0 ? <span className={classes.missing}>none</span> : exactCount(one.count)) },
          { label: "CPU", render: (one) => (one.count === 0 ? "–" : formatPercentage(one.cpu_percent)) }, { label: "Memory", render: (one) => (one.count === 0 ? "–" : formatBytes(one.resident_bytes)) },
        ]} />
      )}
      {latest.watched.length === 0 && <div className={classes.teach}><p className="dim">Other processes can be watched by their names:</p><CodeBlock what="configuration" code={SNIPPET} /></div>}
    </Block>
  );
}

export function Gpus({ gpus }: { gpus: HostGpu[] }) {
  return (
    <Block title="Graphics cards" wide>
      <FactTable label="Graphics cards" rows={gpus} rowKey={(one) => String(one.index)} columns={[
        { label: "Card", render: (one) => <>{named(one.name)} <span className="dim">{one.index}</span></> },
        { label: "In use", text: true, render: (one) => <Use percent={one.usage_percent} name={one.name} /> },
        { label: "Memory", render: (one) => (one.memory_used_bytes === null || one.memory_total_bytes === null ? "–" : `${formatBytes(one.memory_used_bytes)} of ${formatBytes(one.memory_total_bytes)}`) },
        { label: "Temperature", render: (one) => (one.temperature_celsius === null ? "–" : `${significant(one.temperature_celsius)}\u00a0°C`) },
        { label: "Power", render: (one) => (one.power_watts === null ? "–" : `${formatCount(Math.round(one.power_watts))}\u00a0W`) },
      ]} />
    </Block>
  );
}
