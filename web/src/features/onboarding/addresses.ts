// Where to send data, as the server says it listens, in a form that works from where the reader sits.

import type { Status } from "@/api/types";

export interface Addresses {
  /** Base URL of OTLP over HTTP, without `/v1/…`. */
  http: string;
  /** URL of OTLP over gRPC. */
  grpc: string;
}

export function addressesOf(listeners: Status["listeners"] | undefined, location: { hostname: string; origin: string }): Addresses {
  const find = (name: string): string | undefined => {
    const address = listeners?.find((listener) => listener.name === name)?.address;
    return address === undefined ? undefined : `http://${reachable(address, location.hostname)}`;
  };
  const main = find("main") ?? location.origin;
  return { http: find("otlp-http") ?? main, grpc: find("otlp-grpc") ?? main };
}

/** A listener on every interface is reached by the name that this page was reached by. */
function reachable(address: string, hostname: string): string {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(address) ?? [];
  if (port === "") return address;
  return ["0.0.0.0", "[::]", "::", "", "*"].includes(host) ? `${hostname}:${port}` : address;
}
