// Comparisons, operations and the service map in a real browser against the mock. Waits for states, never for times.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PHONE, settled } from "./browser.mjs";
import { fits, harness, unnamed, untilUrl } from "./harness.mjs";

const { mocks, visit } = harness();

const rows = (page) => page.locator('[role="table"] [role="row"][aria-rowindex]');
const compare = (search) => `/explore/traces/compare?${new URLSearchParams(search)}`;
const healthy = () => mocks.much.data.traces.find((one) => one.error_count === 0 && one.span_count < 60);
const failed = () => mocks.much.data.traces.find((one) => one.error_count > 0 && one.span_count < 60);

describe("two traces", () => {
  test("stand as one tree, with what differs alone when asked", () =>
    visit("much", compare({ left: healthy().trace_id, right: failed().trace_id }), async (page, mock) => {
      const table = page.getByRole("table", { name: "Differences" });
      await table.getByText("POST /v1/chat").first().waitFor();
      await table.getByText(/^only (left|right)$/).first().waitFor();
      const all = Number(await table.getAttribute("aria-rowcount"));
      await page.getByText("Differences", { exact: true }).click();
      await page.waitForFunction((count) => Number(document.querySelector('[role="table"]').getAttribute("aria-rowcount")) <= count, all);
      await page.getByRole("button", { name: "Swap sides" }).click();
      await untilUrl(page, (search) => search.get("left") === failed().trace_id && search.get("right") === healthy().trace_id);
      await settled(page);
      assert.ok(mock.requests.at(-1).includes(`left=${failed().trace_id}`));
    }));

  test("begin with one, beside which others of its operation are offered, healthy ones first", () =>
    visit("much", `/explore/traces/${failed().trace_id}`, async (page, mock) => {
      await page.getByRole("button", { name: "Compare" }).click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/traces/compare" && search.get("left") === failed().trace_id);
      await rows(page).first().waitFor();
      const asked = new URL(mock.requests.filter((request) => request.startsWith("/tempo/api/search?")).at(-1), mock.url).searchParams;
      assert.equal(asked.get("q"), '{ rootServiceName = "gateway" && rootName = "POST /v1/chat" }');
      assert.equal((await rows(page).first().locator('[role="cell"]').last().textContent()).trim(), "0");
      await page.getByLabel("Trace id").fill("not an id");
      assert.ok(await page.getByRole("button", { name: "Take this trace" }).isDisabled());
      await rows(page).first().click();
      await untilUrl(page, (search) => /^[0-9a-f]{32}$/.test(search.get("right") ?? ""));
      await page.getByRole("table", { name: "Differences" }).waitFor();
    }));

  test("that are not there say so", () =>
    visit("much", compare({ left: healthy().trace_id, right: "1" }), (page) => page.getByRole("alert").getByText(/no trace 0+1/i).waitFor()));
});

describe("groups of spans", () => {
  test("show what sets them apart, and a value leads to its traces", () =>
    visit("much", compare({ q: "{ status = error }", baseline: "{ status != error }" }), async (page) => {
      const table = page.getByRole("table", { name: "Values" });
      await table.getByText("http.response.status_code").first().waitFor();
      await page.getByLabel("Search values").fill("status_code=504");
      await page.waitForFunction(() => document.querySelector('[role="table"]').getAttribute("aria-rowcount") === "1");
      await table.getByRole("link", { name: "504" }).click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/traces" && search.get("query") === "{ status = error && span.http.response.status_code = 504 }");
      await rows(page).first().waitFor();
    }));

  test("are edited as queries, whose errors are marked", () =>
    visit("much", compare({ q: "{ status = error }" }), async (page) => {
      const selection = page.getByRole("region", { name: "Selection" });
      await selection.locator(".cm-content").click();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText("{ status = }");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Enter");
      await untilUrl(page, (search) => search.get("q") === "{ status = }");
      await selection.getByText(/parse error/).waitFor();
      await selection.locator(".cm-lintRange-error").waitFor();
    }));

  test("of which one is empty say so", () =>
    visit("much", compare({ q: '{ name = "nothing like this" }' }), (page) => page.getByText("No span is in the selection").waitFor()));
});

describe("operations", () => {
  test("are found, sorted, and lead to their traces", () =>
    visit("much", "/explore/operations", async (page) => {
      await rows(page).first().waitFor();
      assert.ok((await rows(page).count()) < 80);
      await page.getByLabel("Search operations").fill("refund");
      await untilUrl(page, (search) => search.get("find") === "refund");
      await page.getByRole("button", { name: "Errors" }).click();
      await untilUrl(page, (search) => search.get("sort") === "-errors");
      const shares = await rows(page).evaluateAll((all) => all.map((row) => parseFloat(row.children[4].textContent)));
      assert.deepEqual(shares, [...shares].sort((a, b) => b - a));
      await page.getByRole("link", { name: "POST /tools/refund_payment" }).click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/traces" && search.get("query") === '{ resource.service.name = "tool-runner" && name = "POST /tools/refund_payment" && kind = server }');
      await rows(page).first().waitFor();
    }));

  test("that fail to load say so, and recover", () =>
    visit("little", "/system/status", async (page, mock) => {
      mock.fail = (path) => path.endsWith("/operations");
      await page.getByRole("link", { name: "Operations" }).first().click();
      await page.getByText("Operations could not be loaded").waitFor();
      mock.fail = undefined;
      await page.getByRole("alert").getByRole("button", { name: "Retry" }).click();
      await rows(page).first().waitFor();
    }));
});

describe("the service map", () => {
  test("shows services with their calls, which lead to traces", () =>
    visit("much", "/system/service-map", async (page) => {
      await page.getByRole("button", { name: /^gateway, / }).click();
      await untilUrl(page, (search) => search.get("service") === "gateway");
      const chosen = page.getByRole("complementary", { name: "Chosen service" });
      await chosen.getByText("Calls", { exact: true }).waitFor();
      await page.getByRole("link", { name: /^support-agent calls tool-runner/ }).press("Enter");
      await untilUrl(page, (search, url) => url.pathname === "/explore/traces" && search.get("query") === '{ resource.service.name = "support-agent" } > { resource.service.name = "tool-runner" }');
      await rows(page).first().waitFor();
      await page.goBack();
      await chosen.getByRole("button", { name: "Operations" }).click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/operations" && search.get("service") === "gateway");
    }));

  test("is a table too", () =>
    visit("much", "/system/service-map?view=table", async (page) => {
      await page.getByRole("button", { name: "Calls", exact: true }).click();
      await untilUrl(page, (search) => search.get("sort") === "-calls");
      await rows(page).first().click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/traces" && / > /.test(search.get("query") ?? ""));
    }));

  test("without data teaches how to send some", () => visit("none", "/system/service-map", (page) => page.getByRole("heading", { name: "Send your first trace" }).waitFor()));
});

describe("all of them", () => {
  test("fit a phone, name their controls, and have one heading", async () => {
    const pages = [compare({ left: healthy().trace_id, right: failed().trace_id }), compare({ left: healthy().trace_id }), compare({ q: "{ status = error }" }), "/explore/operations", "/system/service-map", "/system/service-map?view=table"];
    for (const path of pages) {
      await visit("much", path, async (page) => {
        assert.ok(await fits(page), path);
        assert.deepEqual(await unnamed(page), [], path);
        assert.equal(await page.locator("h1").count(), 1, path);
      }, { viewport: PHONE });
    }
  });

  test("stand broken data", async () => {
    const [one, other] = mocks.broken.data.traces;
    for (const path of ["/explore/operations", "/system/service-map", compare({ left: one.trace_id, right: other.trace_id }), compare({ q: "{ status = error }" })]) {
      await visit("broken", path, async (page) => assert.equal(await page.locator("h1").count(), 1, path));
    }
  });

  test("are reached by the palette, and a query of traces is run from there", () =>
    visit("much", "/explore/logs", async (page) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Command" }).fill("service map");
      await page.keyboard.press("Enter");
      await untilUrl(page, (_, url) => url.pathname === "/system/service-map");
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Command" }).fill("{ status = error } | rate()");
      await page.getByRole("option", { name: /Run TraceQL/ }).click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/traces" && search.get("query") === "{ status = error } | rate()");
      await page.getByRole("table", { name: "Series" }).waitFor();
    }));
});
