import { expect, test } from "vitest";
import type { Step } from "@/api/agentTypes";
import { runFacts } from "./runFacts";

const step = (over: Partial<Step>): Step => ({ kind: "other", agent: "", session: "", user: "", loop_kind: "", retry: false, counted: "nothing", tokens: { total: 0, input: 0, output: 0, buckets: {} }, ...over }) as Step;
const call = (input: number, cached: number, counted: Step["counted"] = "yes"): Step => step({ kind: "llm", counted, tokens: { total: input, input, output: 0, buckets: { input_cached: cached } } });

test("a run is the agent's that began it, and its user's", () => {
  const found = runFacts([step({ kind: "workflow", agent: "inner" }), step({ kind: "agent", agent: "planner", session: "s-1" }), step({ kind: "agent", agent: "coder", user: "ann" })]);
  expect(found).toMatchObject({ agent: "planner", session: "s-1", user: "ann" });
  expect(runFacts([step({ kind: "llm", agent: "alone" })]).agent).toBe("alone");
});

test("loops are told once, and retries are counted", () => {
  expect(runFacts([step({ loop_kind: "same_call", retry: true }), step({ loop_kind: "same_call" }), step({})])).toMatchObject({ loops: ["same_call"], retries: 1 });
});

test("the share from the cache is of what counts, and nothing where nothing was read", () => {
  expect(runFacts([call(100, 40), call(100, 0), call(900, 900, "rolled_up")]).cached).toBe(0.2);
  expect(runFacts([step({})]).cached).toBeUndefined();
});
