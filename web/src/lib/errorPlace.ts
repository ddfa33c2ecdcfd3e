// Where in a query the server found an error, by the line and column that its message names.

export interface ErrorPlace {
  from: number;
  to: number;
}

/** The place of `parse error at line 1, col 22: …`, both from 1; undefined where the message names none. */
export function linePlace(query: string, message: string): ErrorPlace | undefined {
  const [, line, column] = /at line (\d+), col (\d+)/.exec(message) ?? [];
  if (line === undefined || column === undefined) return undefined;
  const lines = query.split("\n");
  const text = lines[Number(line) - 1];
  if (text === undefined) return undefined;
  const before = lines.slice(0, Number(line) - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const from = before + Array.from(text).slice(0, Math.max(0, Number(column) - 1)).join("").length;
  if (from >= query.length) return query.length === 0 ? undefined : { from: query.length - 1, to: query.length };
  const word = /^[\w:]+/.exec(query.slice(from))?.[0].length ?? 1;
  return { from, to: from + word };
}
