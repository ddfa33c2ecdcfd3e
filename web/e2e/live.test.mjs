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

  test("shows log lines and opens one", () =>
    visit("logs", "/explore/logs?range=7d", async (page) => {
      const line = page.locator('[role="listitem"] [role="button"]').first();
      await line.click();
      await page.getByText("Attributes").first().waitFor();
    }));

  test("draws a metric", () =>
    visit("metric", "/explore/metrics?range=6h", async (page) => {
      await page.getByRole("option").first().click();
      await page.getByRole("table", { name: "Series" }).or(page.getByText("No series in this time range")).waitFor();
      await page.getByText("Table", { exact: true }).click();
      await page.getByRole("table", { name: "Result" }).or(page.getByText("No series at the end of this time range")).waitFor();
    }));

  test("shows what makes the series", () =>
    visit("cardinality", "/system/cardinality", (page) => page.getByRole("region", { name: "Metrics with the most series" }).getByRole("link").first().waitFor()));

  test("shows the server's status", () =>
    visit("status", "/system/status", async (page) => {
      await page.getByText("Listeners").waitFor();
      await page.getByText("Ready", { exact: true }).waitFor();
    }));
});
