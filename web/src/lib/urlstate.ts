// The query string both ways. Values are plain strings, repeated keys are lists: URLs stay readable and copyable.

export type SearchValue = string | string[] | undefined;
export type Search = Record<string, SearchValue>;

/** `?a=1&b=x&b=y` → `{ a: "1", b: ["x", "y"] }`. */
export function parseSearch(text: string): Search {
  const out: Search = {};
  for (const [key, value] of new URLSearchParams(text)) {
    const seen = out[key];
    if (seen === undefined) out[key] = value;
    else if (Array.isArray(seen)) seen.push(value);
    else out[key] = [seen, value];
  }
  return out;
}

/** The reverse of `parseSearch`; empty values are left out. */
export function stringifySearch(search: Record<string, unknown>): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(search)) {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    for (const one of values) {
      if (typeof one !== "string" || one === "") continue;
      parts.push(`${encode(key)}=${encode(one)}`);
    }
  }
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** Percent-encoding that leaves what is harmless in a query legible. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/%(3A|2F|3D|2C|40|24)/g, (hex) => decodeURIComponent(hex))
    .replace(/%20/g, "+");
}

/** The first string under a key. */
export function one(search: Record<string, unknown>, key: string): string | undefined {
  const value = search[key];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === "string" && first !== "" ? first : undefined;
}

/** Every string under a key, without doubles; undefined when there is none. */
export function many(search: Record<string, unknown>, key: string): string[] | undefined {
  const value = search[key];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const texts = list.filter((item): item is string => typeof item === "string" && item !== "");
  return texts.length === 0 ? undefined : [...new Set(texts)];
}

export function oneOf<T extends string>(value: string | undefined, allowed: readonly T[]): T | undefined {
  return allowed.find((item) => item === value);
}

/** The list with the item added, or removed when it was there; undefined instead of an empty list. */
export function toggle(list: string[] | undefined, item: string): string[] | undefined {
  const now = list ?? [];
  const next = now.includes(item) ? now.filter((other) => other !== item) : [...now, item];
  return next.length === 0 ? undefined : next;
}

/** Whether two searches say the same. */
export function sameSearch(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  return stringifySearch(a) === stringifySearch(b);
}
