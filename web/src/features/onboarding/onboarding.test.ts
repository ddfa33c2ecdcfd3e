// The first-data programs point at the server's own address, as the reader can reach it.
import { describe, expect, it } from "vitest";
import { addressesOf } from "./addresses";
import { LANGUAGES } from "./snippets";

const here = { hostname: "watch.example", origin: "http://watch.example:7070" };

describe("addresses", () => {
  it("are the listeners'", () => {
    const listeners = [{ name: "main", address: "127.0.0.1:7070" }, { name: "otlp-http", address: "127.0.0.1:4318" }, { name: "otlp-grpc", address: "127.0.0.1:4317" }];
    expect(addressesOf(listeners, here)).toEqual({ http: "http://127.0.0.1:4318", grpc: "http://127.0.0.1:4317" });
  });
  it("name the host of this page where the server listens everywhere", () => {
    expect(addressesOf([{ name: "otlp-http", address: "0.0.0.0:4318" }, { name: "otlp-grpc", address: "[::]:4317" }], here))
      .toEqual({ http: "http://watch.example:4318", grpc: "http://watch.example:4317" });
  });
  it("fall back to the main listener, which takes OTLP too", () => {
    expect(addressesOf([{ name: "main", address: "10.0.0.5:7070" }], here)).toEqual({ http: "http://10.0.0.5:7070", grpc: "http://10.0.0.5:7070" });
    expect(addressesOf(undefined, here).http).toBe(here.origin);
  });
});

describe("programs", () => {
  const to = { http: "http://h:4318", grpc: "http://h:4317" };
  for (const { id, snippet } of LANGUAGES) {
    for (const signal of ["spans", "logs", "metrics"] as const) {
      it(`${id}, ${signal}: complete and addressed`, () => {
        const { install, code, run, file } = snippet(signal, to);
        expect(code).toContain(id === "collector" ? to.grpc : `${to.http}/v1/${signal === "spans" ? "traces" : signal}`);
        expect([install, code, run, file].every((text) => text.length > 0 && !text.includes("undefined"))).toBe(true);
        expect(code.endsWith("\n")).toBe(true);
      });
    }
  }
});
