// String literals as LogQL and TraceQL write them.

/** The text of a string literal, in double quotes or in backquotes. */
export function unquote(text: string): string {
  if (text.startsWith("`")) return text.slice(1, -1);
  const plain: Record<string, string> = { n: "\n", t: "\t", r: "\r" };
  return text.slice(1, -1).replace(/\\(.)/g, (whole, char: string) => plain[char] ?? ("\"'\\".includes(char) ? char : whole));
}
