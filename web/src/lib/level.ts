// Levels of log lines: their order, the words for them, and which one a line has.

import type { Labels, Level } from "@/api/types";

/** From the least to the most severe; what has no level comes last. */
export const LEVELS: readonly Level[] = ["trace", "debug", "info", "warn", "error", "fatal", "unknown"];

export const LEVEL_SHORT: Record<Level, string> = { trace: "TRACE", debug: "DEBUG", info: "INFO", warn: "WARN", error: "ERROR", fatal: "FATAL", unknown: "—" };

const WORDS: Record<string, Level> = {
  trace: "trace", trc: "trace", debug: "debug", dbg: "debug", info: "info", inf: "info", information: "info", informational: "info", notice: "info",
  warn: "warn", wrn: "warn", warning: "warn", error: "error", err: "error", fatal: "fatal", critical: "fatal", crit: "fatal", emerg: "fatal", alert: "fatal", panic: "fatal",
};

/** The level that a word means. */
export function levelOfWord(word: string | undefined): Level {
  return WORDS[(word ?? "").trim().toLowerCase()] ?? "unknown";
}

/** The values of `detected_level` that a level stands for; the empty one for lines without. */
export function wordsOfLevel(level: Level): string[] {
  if (level === "fatal") return ["fatal", "critical"];
  return level === "unknown" ? ["unknown", ""] : [level];
}

const NAMES = ["detected_level", "level", "severity_text", "severity", "lvl"];

/** The level of a line: as the server detected it, or by a field of the usual names. */
export function levelOf(...sets: Labels[]): Level {
  for (const name of NAMES) {
    for (const set of sets) {
      const level = levelOfWord(set[name]);
      if (level !== "unknown") return level;
    }
  }
  return "unknown";
}
