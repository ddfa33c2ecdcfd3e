// The colours hold what they promise: text has AA contrast on every ground it is used on, in both schemes.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");

function tokens(block: string): Map<string, string> {
  const body = css.slice(css.indexOf(block)).split("}")[0] ?? "";
  return new Map([...body.matchAll(/(--wk-[a-z0-9-]+):\s*(#[0-9a-f]{6})/g)].map(([, name = "", value = ""]) => [name, value]));
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const TEXT: [text: string, grounds: string[]][] = [
  ["--wk-text", ["--wk-bg", "--wk-surface", "--wk-raised", "--wk-hover", "--wk-selected"]],
  ["--wk-dim", ["--wk-bg", "--wk-surface", "--wk-raised", "--wk-hover", "--wk-selected"]],
  ["--wk-faint", ["--wk-surface", "--wk-bg", "--wk-hover"]],
  ["--wk-accent", ["--wk-bg", "--wk-surface", "--wk-raised", "--wk-selected"]],
  ["--wk-error", ["--wk-surface", "--wk-raised", "--wk-bg", "--wk-error-soft", "--wk-hover", "--wk-selected"]],
  ["--wk-warn", ["--wk-surface", "--wk-bg", "--wk-warn-soft"]],
  ["--wk-ok", ["--wk-surface", "--wk-ok-soft"]],
];

for (const [scheme, block] of [["light", ":root"], ["dark", '[data-mantine-color-scheme="dark"]']] as const) {
  const all = tokens(block);
  const color = (name: string): string => all.get(name) ?? "missing";
  describe(`${scheme} scheme`, () => {
    for (const [text, grounds] of TEXT) {
      it(`${text} is legible`, () => {
        for (const ground of grounds) expect(contrast(color(text), color(ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      });
    }
    it("series and levels stand out from the ground", () => {
      for (const [name, value] of all) {
        if (/--wk-(series|level)-/.test(name)) expect(contrast(value, color("--wk-surface")), name).toBeGreaterThanOrEqual(2.4);
      }
    });
    it("series differ from each other", () => {
      const series = [...all].filter(([name]) => name.startsWith("--wk-series-"));
      expect(series.length).toBe(10);
      expect(new Set(series.map(([, value]) => value)).size).toBe(10);
    });
  });
}
