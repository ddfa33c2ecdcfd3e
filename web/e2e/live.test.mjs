// Smoke tests against a running server that already holds data. Skipped unless WATCHKEEP_URL is set;
// screenshots go to $WATCHKEEP_ARTIFACTS when that is set.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openPage, settled, startBrowser } from "./browser.mjs";

const url = process.env.WATCHKEEP_URL?.replace(/\/$/, "");
const artifacts = process.env.WATCHKEEP_ARTIFACTS;

describe("a running server", { skip: url ? false : "WATCHKEEP_URL is not set" }, () => {
  let chromium;
  before(async () => {
    if (artifacts) mkdirSync(artifacts, { recursive: true });
    chromium = await startBrowser();
  });
  after(() => chromium?.close());

  async function visit(name, path, steps) {
    const { page, context, problems } = await openPage(chromium.browser, { origin: url });
    try {
      await page.goto(url + path);
      await settled(page);
      await steps(page);
      await settled(page);
      if (artifacts) await page.screenshot({ path: join(artifacts, `live-${name}.png`) });
      assert.deepEqual(problems, []);
      assert.equal(await page.getByRole("alert").count(), 0, "no part of the page failed to load");
    } finally {
      await context.close();
    }
  }

  test("lists traces and opens one", () =>
    visit("trace", "/explore/traces?range=7d", async (page) => {
      await page.locator('[role="row"][aria-rowindex="1"]').waitFor();
      if (artifacts) await page.screenshot({ path: join(artifacts, "live-traces.png") });
      await page.keyboard.press("j");
      await page.keyboard.press("Enter");
      await page.locator('[role="treeitem"]').first().waitFor();
      await page.keyboard.press("j");
      await page.getByRole("region", { name: "Selected span" }).waitFor();
    }));

  test("completes a query of traces from what the server has, and finds what it asks for", () =>
    visit("tracequery", "/explore/traces?range=7d", async (page) => {
      await page.locator('[role="row"][aria-rowindex="1"]').waitFor();
      await page.locator(".cm-content").click();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText('{ resource.service.name = "');
      await page.keyboard.press("Control+Space");
      await page.locator(".cm-tooltip-autocomplete li").first().waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("End");
      await page.keyboard.insertText(" }");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Enter");
      await page.waitForURL((at) => /^\{ resource\.service\.name = "[^"]+" \}/.test(at.searchParams.get("query") ?? ""));
      await page.locator('[role="row"][aria-rowindex="1"]').waitFor();
    }));

  test("draws a query of traces that answers numbers", () =>
    visit("tracemetric", `/explore/traces?range=7d&query=${encodeURIComponent("{} | rate() by (resource.service.name)")}`, (page) =>
      page.getByRole("table", { name: "Series" }).locator('[role="row"][aria-rowindex]').first().waitFor()));

  test("says where a query of traces is wrong", async () => {
    const { page, context } = await openPage(chromium.browser, { origin: url });
    try {
      await page.goto(`${url}/explore/traces?query=${encodeURIComponent("{ status = }")}`);
      await page.getByRole("alert").getByText(/parse error/).waitFor();
      await page.locator(".cm-lintRange-error").first().waitFor();
    } finally {
      await context.close();
    }
  });

  test("compares spans, lists operations and draws the map of services", async () => {
    await visit("lift", `/explore/traces/compare?range=7d&q=${encodeURIComponent("{ kind = client }")}`, (page) =>
      page.getByRole("table", { name: "Values" }).locator('[role="row"][aria-rowindex]').first().or(page.getByText(/^(No span is|Nothing sets)/)).waitFor());
    await visit("operations", "/explore/operations?range=7d", (page) => page.locator('[role="row"][aria-rowindex="1"]').waitFor());
    await visit("servicemap", "/system/service-map?range=7d", (page) => page.getByRole("group", { name: /^Map of / }).waitFor());
  });

  test("shows log lines and opens one", () =>
    visit("logs", "/explore/logs?range=7d", async (page) => {
      await page.getByRole("img", { name: "Log lines over time by level" }).waitFor();
      const line = page.locator('[role="listitem"] [role="button"]').first();
      await line.click();
      await page.getByRole("region", { name: "Labels" }).getByText("service_name").first().waitFor();
      await page.getByRole("button", { name: "Lines around" }).first().click();
      await page.getByRole("region", { name: "Lines around" }).locator('[aria-current="true"]').waitFor();
    }));

  test("completes a query of logs from what the server has, and runs it", () =>
    visit("logquery", "/explore/logs?range=7d", async (page) => {
      await page.locator('[role="listitem"]').first().waitFor();
      await page.locator(".cm-content").click();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText('{service_name="');
      await page.keyboard.press("Control+Space");
      await page.locator(".cm-tooltip-autocomplete li").first().waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("End");
      await page.keyboard.insertText("}");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Enter");
      await page.waitForURL((at) => /^\{service_name="[^"]+"\}$/.test(at.searchParams.get("query") ?? ""));
      await page.locator('[role="listitem"]').first().waitFor();
    }));

  test("lists the fields of log lines with their values", () =>
    visit("logfields", "/explore/logs?range=7d&fields=1", async (page) => {
      const panel = page.getByRole("complementary", { name: "Fields" });
      await panel.locator("button[aria-expanded]").first().click();
      await panel.getByRole("list", { name: /^Values of / }).waitFor();
    }));

  test("finds the patterns of log lines", () =>
    visit("logpatterns", "/explore/logs?range=7d&view=patterns", (page) =>
      page.getByRole("table", { name: "Patterns" }).locator('[role="row"][aria-rowindex]').first().or(page.getByText("No patterns in this time range")).waitFor()));

  test("draws a query of logs that answers numbers", () =>
    visit("logmetric", `/explore/logs?range=7d&query=${encodeURIComponent('sum by (detected_level) (count_over_time({service_name=~".+"} [6h]))')}`, (page) =>
      page.getByRole("table", { name: "Series" }).locator('[role="row"][aria-rowindex]').first().waitFor()));

  test("says where a query of logs is wrong", async () => {
    const { page, context } = await openPage(chromium.browser, { origin: url });
    try {
      await page.goto(`${url}/explore/logs?query=${encodeURIComponent('{service_name="x"} | json | !')}`);
      await page.getByRole("alert").getByText(/parse error/).waitFor();
      await page.locator(".cm-lintRange-error").first().waitFor();
      if (artifacts) await page.screenshot({ path: join(artifacts, "live-logwrong.png") });
    } finally {
      await context.close();
    }
  });

  test("follows lines as they arrive", () =>
    visit("logtail", "/explore/logs?tail=1", (page) => page.getByRole("status", { name: "Live tail" }).getByText(/^Live/).waitFor()));

  test("draws a metric", () =>
    visit("metric", "/explore/metrics?range=6h", async (page) => {
      await page.getByRole("option").first().click();
      await page.getByRole("table", { name: "Series" }).or(page.getByText("No series in this time range")).waitFor();
      await page.getByText("Table", { exact: true }).click();
      await page.getByRole("table", { name: "Result" }).or(page.getByText("No series at the end of this time range")).waitFor();
    }));

  test("shows what makes the series", () =>
    visit("cardinality", "/system/cardinality", (page) => page.getByRole("region", { name: "Metrics with the most series" }).getByRole("link").first().waitFor()));

  test("lists agents, and opens one", () =>
    visit("agents", "/agents?range=7d", async (page) => {
      await page.locator('[role="row"][aria-rowindex="1"]').getByRole("link").first().click();
      await page.waitForURL(/\/agents\/.+/);
      await page.getByRole("table", { name: "Models" }).waitFor();
    }));

  test("opens a run with its steps, its graph and what its calls cost", () =>
    visit("run", "/runs?range=7d", async (page) => {
      await page.locator('[role="row"][aria-rowindex="1"]').getByRole("link").first().click();
      await page.locator('[role="treeitem"]').first().waitFor();
      await page.getByText(/calls? of models/).waitFor();
      await page.locator('[role="treeitem"]').filter({ hasText: /^chat/ }).first().click();
      await page.getByText("Tokens and cost").waitFor();
      await page.getByText("Graph", { exact: true }).click();
      await page.getByRole("group", { name: /^Graph of/ }).waitFor();
    }));

  test("opens a conversation", () =>
    visit("session", "/sessions?range=7d", async (page) => {
      await page.locator('[role="row"][aria-rowindex="1"]').getByRole("link").first().click();
      await page.getByRole("list", { name: "Turns" }).getByRole("listitem").first().waitFor();
    }));

  for (const [name, path, ready] of [
    ["costs", "/money/costs?range=7d", (page) => page.getByRole("table", { name: "Costs by model" })],
    ["prices", "/money/prices", (page) => page.getByRole("table", { name: "Prices" })],
    ["budgets", "/money/budgets", (page) => page.getByText("No budget yet").or(page.getByText("How they stand"))],
    ["feedback", "/quality/feedback?range=7d", (page) => page.getByText("What people complain about").or(page.getByText("Nobody has said anything yet"))],
    ["events", "/watch/events?range=7d", (page) => page.getByRole("table", { name: "Events" }).or(page.getByText("Nothing happened"))],
    ["health", "/watch/health", (page) => page.getByRole("region", { name: "What agents depend on" })],
    ["hosts", "/system/hosts", (page) => page.getByText("Over time").or(page.getByText("This server tells nothing of its host"))],
  ]) test(`shows ${name}`, () => visit(name, path, (page) => ready(page).first().waitFor()));

  test("shows the server's status", () =>
    visit("status", "/system/status", async (page) => {
      await page.getByText("Listeners").waitFor();
      await page.getByText("Ready", { exact: true }).waitFor();
    }));
});
