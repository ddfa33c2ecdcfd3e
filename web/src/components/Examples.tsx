// Queries to begin with, each with what it asks.

import classes from "./QueryBar.module.css";

export type Example = [query: string, about: string];

export function Examples({ examples, onQuery }: { examples: readonly Example[]; onQuery: (query: string) => void }) {
  return <ul className={classes.examples}>{examples.map(([query, about]) => <li key={query}><button type="button" onClick={() => onQuery(query)}>{query}</button><span>{about}</span></li>)}</ul>;
}
