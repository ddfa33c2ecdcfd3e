// Agents, sessions, costs, budgets, feedback and their like in a real browser against the mock. Waits for states, never for times.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PHONE, settled } from "./browser.mjs";
import { fits, harness, unnamed, untilUrl } from "./harness.mjs";

const { mocks, visit } = harness();

const PAGES = ["/agents", "/agents/support-agent", "/sessions", "/runs", "/watch/events", "/money/costs", "/money/budgets", "/money/prices", "/quality/feedback"];
const rows = (page) => page.locator('[role="table"] [role="row"][aria-rowindex]');

describe("pages about agents", () => {
  for (const path of PAGES) {
    test(`${path} stands with much data, with none, and on a phone`, async () => {
      await visit("much", path, async (page) => {
        assert.ok(await fits(page));
        assert.deepEqual(await unnamed(page), []);
      });
      await visit("none", path, async (page) => assert.ok(await fits(page)));
      await visit("much", path, async (page) => assert.ok(await fits(page)), { viewport: PHONE, scheme: "dark" });
    });
  }

  for (const path of PAGES) {
    test(`${path} takes every range`, () =>
      visit("much", `${path}?range=24h&refresh=1m`, async (page) => {
        await page.getByText("Last 24 hours").waitFor();
        assert.equal(await page.getByRole("alert").count(), 0);
      }));
  }

  test("say what failed and offer to ask again", () =>
    visit("much", "/agents", async (page, mock) => {
      mock.fail = (asked) => asked.endsWith("/costs");
      await page.getByRole("link", { name: "Costs" }).first().click();
      await page.getByText("Costs could not be loaded").waitFor();
      mock.fail = undefined;
      await page.getByRole("button", { name: "Retry" }).first().click();
      await page.getByRole("table", { name: "Costs by model" }).waitFor();
    }));
});

describe("an agent", () => {
  test("is reached from the list, and leads to its runs", () =>
    visit("much", "/agents", async (page) => {
      await rows(page).first().waitFor();
      await page.getByRole("link", { name: "support-agent" }).first().click();
      await untilUrl(page, (search, url) => url.pathname === "/agents/support-agent");
      await page.getByRole("table", { name: "Models" }).waitFor();
      await page.getByRole("link", { name: "All runs" }).click();
      await untilUrl(page, (search, url) => url.pathname === "/runs" && search.get("agent") === "support-agent");
      await rows(page).first().waitFor();
    }));

  test("that is not there says so", () => visit("much", "/agents/nobody", (page) => page.getByText("Nothing of this agent in this range").waitFor()));
});

test("a session shows what was said, the tools behind it and the way to the run", async () => {
  const trace = mocks.much.data.traces[0].trace_id;
  await visit("much", `/sessions/s-${Number.parseInt(trace.slice(0, 6), 16) % 300}`, async (page) => {
    await page.getByText("Where is my order 4711?").first().waitFor();
    await page.getByText(/tool calls?:/).first().click();
    await page.getByRole("link", { name: "step" }).first().click();
    await untilUrl(page, (search, url) => url.pathname.startsWith("/explore/traces/") && search.get("span") !== null);
  });
});

test("a call of a model shows its tokens with their prices, and the run as a graph", async () => {
  const trace = mocks.much.data.traces.find((one) => one.spans.some((span) => span.attributes["gen_ai.request.model"] === "gpt-5-mini") && one.span_count < 60);
  const span = trace.spans.find((one) => one.attributes["gen_ai.request.model"] === "gpt-5-mini");
  await visit("much", `/explore/traces/${trace.trace_id}?span=${span.span_id}`, async (page) => {
    await page.getByText("Tokens and cost").waitFor();
    await page.getByText(/Price of “gpt-5-mini” in built-in, line 412/).waitFor();
    await page.getByText("Graph", { exact: true }).click();
    await page.getByRole("group", { name: /^Graph of/ }).waitFor();
    await page.getByRole("button", { name: /^llm gpt-5-mini/ }).click();
    await untilUrl(page, (search) => search.get("tab") === null && search.get("span") !== null);
  });
});

test("costs are grouped as asked, and a group leads deeper", () =>
  visit("much", "/money/costs", async (page) => {
    await page.getByRole("table", { name: "Costs by model" }).waitFor();
    await page.getByText("user", { exact: true }).click();
    await untilUrl(page, (search) => search.get("by") === "user");
    await page.getByRole("table", { name: "Costs by user" }).waitFor();
    await page.getByText("model", { exact: true }).first().click();
    await page.getByRole("button", { name: "claude-sonnet-4-5" }).click();
    await untilUrl(page, (search) => search.get("model") === "claude-sonnet-4-5" && search.get("by") === "agent");
    await settled(page);
  }));

describe("a budget", () => {
  test("is made, and what is wrong shows at its field", () =>
    visit("little", "/money/budgets", async (page) => {
      await page.getByRole("button", { name: "New budget" }).first().click();
      await page.getByLabel("Name").fill("Coder, per week");
      await page.getByLabel("Amount").fill("0");
      await page.getByRole("button", { name: "Make the budget" }).click();
      await page.getByText("amount must be more than 0").waitFor();
      await page.getByLabel("Amount").fill("25");
      await page.getByRole("button", { name: "Make the budget" }).click();
      await page.getByRole("button", { name: "Coder, per week", exact: true }).waitFor();
    }));

  test("shows who spends most of it", () =>
    visit("much", "/money/budgets", async (page) => {
      await page.getByRole("button", { name: "Every user, per day", exact: true }).click();
      await untilUrl(page, (search) => search.get("budget") === "users");
      await page.getByRole("table", { name: "Standings" }).getByText("u-12").waitFor();
    }));
});

test("the palette goes to agents, and to sessions and users by their ids", () =>
  visit("much", "/system/status", async (page) => {
    const say = async (text) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Command" }).fill(text);
    };
    await say("support-ag");
    await page.getByRole("option", { name: "support-agent Agent" }).click();
    await untilUrl(page, (search, url) => url.pathname === "/agents/support-agent");
    await say("s-12");
    await page.getByRole("option", { name: "s-12 Open session" }).waitFor();
    await page.getByRole("option", { name: "s-12 Runs of user" }).click();
    await untilUrl(page, (search, url) => url.pathname === "/runs" && search.get("user") === "s-12");
  }));

test("a run says whose it is, and leads there", async () => {
  const trace = mocks.much.data.traces.find((one) => one.spans.some((span) => span.attributes["gen_ai.agent.name"] === "support-agent") && one.span_count < 60);
  await visit("much", `/explore/traces/${trace.trace_id}`, async (page) => {
    await page.getByText(/calls? of models/).waitFor();
    await page.getByRole("link", { name: "support-agent" }).first().click();
    await untilUrl(page, (search, url) => url.pathname === "/agents/support-agent");
  });
});

test("a budget is deleted only when that was said twice", () =>
  visit("little", "/money/budgets", async (page, mock) => {
    const asked = () => mock.requests.filter((one) => one.endsWith("/budgets/research")).length;
    await page.getByRole("button", { name: "More of Research agent, per day" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("menuitem", { name: "Delete it for good" }).waitFor();
    assert.equal(asked(), 0);
    await page.getByRole("menuitem", { name: "Delete it for good" }).click();
    await page.getByRole("button", { name: "Research agent, per day", exact: true }).waitFor({ state: "detached" });
    assert.equal(asked(), 1);
  }));

test("low ratings lead to their runs", () =>
  visit("much", "/quality/feedback", async (page) => {
    await page.getByRole("switch", { name: "Low ratings" }).check({ force: true });
    await untilUrl(page, (search) => search.get("rating_max") === "2");
    await settled(page);
    await page.getByRole("link", { name: "run" }).last().click();
    await untilUrl(page, (search, url) => url.pathname.startsWith("/explore/traces/"));
  }));
