// The tokens of a TraceQL query, also of one that is being written.

export interface Token {
  /** `word` is a field, a keyword or a function; `op` compares or joins. */
  kind: "word" | "string" | "number" | "op" | "punct";
  text: string;
  from: number;
  to: number;
  /** A string, or a quoted name, without its end. */
  open: boolean;
}

const RULE = new RegExp([
  String.raw`\s+|//[^\n]*|/\*[\s\S]*?(?:\*/|$)`,
  String.raw`("(?:[^"\\]|\\[\s\S])*"?|${"`"}[^${"`"}]*${"`"}?)`,
  // Names may have parts in quotes behind a dot.
  String.raw`((?:[A-Za-z_]|\.(?!\d))(?:(?<=\.)"(?:[^"\\]|\\[\s\S])*"?|[^\s{}()=~!<>&|^,"${"`"}])*)`,
  String.raw`((?:\d+(?:\.\d+)?|\.\d+)(?:[a-zµ]+[\d.a-zµ]*)?)`,
  String.raw`(&&|\|\||=~|!~|!=|>=|<=|!>>|!<<|&>>|&<<|>>|<<|!>|!<|&>|&<|&~|~|[=<>+\-*/%^!])`,
  String.raw`([\s\S])`,
].join("|"), "gu");

/** Whether a quoted text has no end. */
function isOpen(text: string): boolean {
  const [first] = text;
  return text.length === 1 || !text.endsWith(first ?? "") || (first === "\"" && /(?:^|[^\\])(?:\\\\)*\\"$/.test(text));
}

export function tokens(text: string): Token[] {
  const out: Token[] = [];
  for (const found of text.matchAll(RULE)) {
    const [whole, string, word, number, op, punct] = found;
    const kind = string !== undefined ? "string" : word !== undefined ? "word" : number !== undefined ? "number" : op !== undefined ? "op" : punct !== undefined ? "punct" : undefined;
    if (kind === undefined) continue;
    const quoted = kind === "string" ? whole : kind === "word" ? /(?<=\.)"(?:[^"\\]|\\[\s\S])*"?$/.exec(whole)?.[0] : undefined;
    out.push({ kind, text: whole, from: found.index, to: found.index + whole.length, open: quoted !== undefined && isOpen(quoted) });
  }
  return out;
}

/** Whether the text ends inside a comment. */
export function endsInComment(text: string): boolean {
  const bare = text.replace(/"(?:[^"\\]|\\[\s\S])*"|`[^`]*`/g, "");
  return /\/\/[^\n]*$/.test(bare) || /\/\*(?:(?!\*\/)[\s\S])*$/.test(bare);
}
