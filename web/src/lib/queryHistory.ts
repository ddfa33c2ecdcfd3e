// Queries that ran since the page was loaded, oldest first, for each language.

const PAST_MAX = 100;

export interface QueryHistory {
  remember: (query: string) => void;
  /** The query that ran before or after this one. */
  recall: (query: string, by: 1 | -1) => string | undefined;
}

export function queryHistory(): QueryHistory {
  const past: string[] = [];
  return {
    remember: (query) => {
      const at = past.indexOf(query);
      if (at >= 0) past.splice(at, 1);
      past.push(query);
      if (past.length > PAST_MAX) past.shift();
    },
    recall: (query, by) => {
      const at = past.indexOf(query);
      return past[at < 0 ? (by < 0 ? past.length - 1 : past.length) : at + by];
    },
  };
}
