// Shapes of what is told about health: of everything together, of the host, of what is depended on.
// Instants are strings of nanoseconds, durations numbers of nanoseconds.

import type { HealthStatus } from "./agentTypes";

export interface HealthIssue {
  kind: string;
  name: string;
  severity: "degraded" | "unhealthy";
  message: string;
  value: number | null;
  threshold: number | null;
}

export interface HealthReport {
  status: HealthStatus;
  issues: HealthIssue[];
  agents: Partial<Record<HealthStatus, number>>;
  checks: Partial<Record<HealthStatus, number>>;
  host: { status: HealthStatus } | null;
  time_unix_nano: string;
}

export interface HostMemory {
  total_bytes: number;
  used_bytes: number;
  available_bytes: number;
  percent: number;
}

export interface HostDisk extends HostMemory {
  device: string;
  mountpoint: string;
  /** Whether the data directory is on it. */
  data: boolean;
}

export interface HostInterface {
  interface: string;
  receive_bytes_per_second: number | null;
  transmit_bytes_per_second: number | null;
  receive_bytes: number;
  transmit_bytes: number;
}

export interface HostGpu {
  index: number;
  name: string;
  usage_percent: number | null;
  memory_used_bytes: number | null;
  memory_total_bytes: number | null;
  temperature_celsius: number | null;
  power_watts: number | null;
}

export interface HostReading {
  time_unix_nano: string;
  cpu_percent: number;
  load: number[] | null;
  memory: HostMemory;
  swap: HostMemory | null;
  disks: HostDisk[];
  network: HostInterface[];
  processes: number;
  process: { cpu_percent: number; resident_bytes: number } | null;
  watched: { name: string; count: number; cpu_percent: number; resident_bytes: number }[];
  gpus: HostGpu[];
}

export interface HostPoint {
  time_unix_nano: string;
  cpu_percent: number | null;
  memory_percent: number | null;
  disk_percent: number | null;
  load1: number | null;
  receive_bytes_per_second: number | null;
  transmit_bytes_per_second: number | null;
}

export interface Host {
  host: string;
  os: string;
  uptime_seconds: number;
  cpus: number;
  status: HealthStatus;
  issues: HealthIssue[];
  /** Null before the first reading. */
  latest: HostReading | null;
  series: HostPoint[];
  /** Nanoseconds. */
  step: string;
}

/** A part of the range: which share of its runs was well, null where none ran. */
export interface CheckBucket {
  time_unix_nano: string;
  uptime: number | null;
  avg_duration_ns: number | null;
}

export interface Check {
  name: string;
  type: string;
  target: string;
  status: "healthy" | "unhealthy" | "unknown";
  since_unix_nano: string | null;
  last_run_unix_nano: string | null;
  last_duration_ns: number | null;
  error: string | null;
  interval_ns: number;
  timeout_ns: number;
  uptime: number | null;
  runs: number;
  failures: number;
  avg_duration_ns: number | null;
  history: CheckBucket[];
}
