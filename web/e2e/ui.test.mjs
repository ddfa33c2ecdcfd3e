// The UI in a real browser against the mock: what a user does on each page. Waits for states, never for times.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PHONE, settled } from "./browser.mjs";
import { fits, harness, params, unnamed, untilUrl } from "./harness.mjs";
import { BIG_TRACE } from "./mock-data.mjs";

const { mocks, visit } = harness();

const rows = (page) => page.locator('[role="table"] [role="row"][aria-rowindex]');

describe("traces", () => {
  test("shows the newest traces, draws only what is visible, and loads older ones at the end", () =>
    visit("much", "/explore/traces", async (page, mock) => {
      await rows(page).first().waitFor();
      assert.ok((await rows(page).count()) < 80, "rows outside the view are not drawn");
      await page.getByRole("table", { name: "Traces" }).evaluate((table) => table.scrollTo(0, table.scrollHeight));
      await page.waitForFunction(() => Number(document.querySelector('[role="table"]').getAttribute("aria-rowcount")) > 200);
      assert.ok(mock.requests.some((request) => request.includes("/traces?") && request.includes("cursor=200")));
    }));

  test("opens a trace by keyboard, and goes back to the same list", () =>
    visit("much", "/explore/traces?service=gateway", async (page) => {
      await rows(page).first().waitFor();
      await page.keyboard.press("j");
      await page.keyboard.press("j");
      await page.keyboard.press("k");
      await page.locator('[role="row"][aria-selected="true"][aria-rowindex="1"]').waitFor();
      await page.keyboard.press("Enter");
      await page.getByRole("tree", { name: "Spans" }).waitFor();
      await page.goBack();
      await rows(page).first().waitFor();
      assert.equal(params(page).get("service"), "gateway");
    }));

  test("puts every filter into the URL and the request", () =>
    visit("much", "/explore/traces", async (page, mock) => {
      await page.getByText("Error", { exact: true }).click();
      await untilUrl(page, (search) => search.get("status") === "error");
      await page.getByLabel("Shortest duration").fill("250ms");
      await untilUrl(page, (search) => search.get("min") === "250ms");
      await page.getByLabel("Add an attribute filter").fill("http.response.status_code=504");
      await page.keyboard.press("Enter");
      await untilUrl(page, (search) => search.get("attr") === "http.response.status_code=504");
      await page.getByRole("combobox", { name: "Service" }).click();
      await page.getByRole("option", { name: "tool-runner" }).click();
      await untilUrl(page, (search) => search.get("service") === "tool-runner");
      await settled(page);
      const last = new URL(mock.requests.filter((request) => request.includes("/traces?")).at(-1), mock.url).searchParams;
      assert.deepEqual([last.get("service"), last.get("status"), last.get("min_duration"), last.get("attribute")], ["tool-runner", "error", "250ms", "http.response.status_code=504"]);
      assert.ok((await rows(page).count()) > 0);
      await page.getByRole("button", { name: "Clear filters" }).click();
      await untilUrl(page, (search) => [...search.keys()].length === 0);
    }));

  test("marks a duration that is none and does not ask for it", () =>
    visit("little", "/explore/traces", async (page, mock) => {
      await page.getByLabel("Shortest duration").fill("quick");
      await page.getByText("Like 250ms, 1.5s, 2m").waitFor();
      assert.ok(!mock.requests.some((request) => request.includes("quick")));
    }));

  test("sorts by a column", () =>
    visit("little", "/explore/traces", async (page) => {
      await page.getByRole("button", { name: "Spans" }).click();
      await untilUrl(page, (search) => search.get("sort") === "-spans");
      const counts = await rows(page).evaluateAll((all) => all.map((row) => Number(row.children[3].textContent)));
      assert.deepEqual(counts, [...counts].sort((a, b) => b - a));
    }));

  test("says what failed, beside it, and recovers on retry", () =>
    visit("little", "/system/status", async (page, mock) => {
      mock.fail = (path) => path.endsWith("/traces");
      await page.getByRole("link", { name: "Traces" }).first().click();
      await page.getByText("Traces could not be loaded").waitFor();
      mock.fail = undefined;
      await page.getByRole("alert").filter({ hasText: "Traces could not be loaded" }).getByRole("button", { name: "Retry" }).click();
      await rows(page).first().waitFor();
    }));

  test("live updates ask again, and wait while the pointer rests on the list", () =>
    visit("little", "/explore/traces?refresh=live", async (page, mock) => {
      const asked = () => mock.requests.filter((request) => request.includes("/traces?")).length;
      const first = asked();
      await page.waitForResponse((response) => response.url().includes("/traces?") && asked() > first);
      await rows(page).first().hover();
      await page.getByText("Held").waitFor();
    }));
});

describe("trace", () => {
  test("draws 10,000 spans lazily, and follows every key", (t) =>
    visit("much", `/explore/traces/${BIG_TRACE}`, async (page) => {
      const items = page.locator('[role="treeitem"]');
      await items.first().waitFor();
      assert.ok((await items.count()) < 90);
      await page.keyboard.press("j");
      await untilUrl(page, (search) => search.has("span"));
      const took = await page.evaluate(async () => {
        const began = performance.now();
        for (let i = 0; i < 20; i += 1) {
          document.dispatchEvent(new KeyboardEvent("keydown", { key: "j", code: "KeyJ", bubbles: true }));
          await new Promise((done) => requestAnimationFrame(done));
        }
        return (performance.now() - began) / 20;
      });
      t.diagnostic(`a step took ${took.toFixed(0)} ms`);
      await page.keyboard.press("e");
      await page.getByRole("region", { name: "Selected span" }).getByText("rate limited").waitFor();
    }));

  test("keeps few of 10,000 spans in the page while it scrolls", (t) =>
    visit("much", `/explore/traces/${BIG_TRACE}`, async (page) => {
      const slowest = await page.getByRole("tree", { name: "Spans" }).evaluate(async (tree) => {
        const frames = [];
        for (let i = 0; i < 60; i += 1) {
          const began = performance.now();
          tree.scrollTop += 900;
          await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          frames.push(performance.now() - began);
        }
        return frames.sort((a, b) => a - b)[54];
      });
      t.diagnostic(`the 90th percentile of two frames is ${slowest.toFixed(0)} ms`);
      assert.ok((await page.locator('[role="treeitem"]').count()) < 90);
    }));

  test("collapses, searches, filters by an attribute", () =>
    visit("much", `/explore/traces/${BIG_TRACE}`, async (page) => {
      await page.getByRole("button", { name: "Collapse" }).first().click();
      await page.waitForFunction(() => document.querySelectorAll('[role="treeitem"]').length === 1);
      await page.keyboard.press("/");
      await page.keyboard.type("evaluate item 10");
      await page.getByText(/^\d.* match/).waitFor();
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: /evaluate item 10/ }).waitFor();
      await page.getByText("traceloop.span.kind").hover();
      await page.getByRole("button", { name: "Filter by traceloop.span.kind=task" }).click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/traces" && search.get("attr") === "traceloop.span.kind=task");
    }));

  test("folds repeated siblings into one line that opens", async () => {
    const withLoop = mocks.much.data.traces.find((trace) => trace.span_count < 100 && trace.spans.filter((span) => span.name === "SELECT orders").length >= 14);
    await visit("much", `/explore/traces/${withLoop.trace_id}`, async (page) => {
      await page.getByText("×14").first().waitFor();
      const before = await page.locator('[role="treeitem"]').count();
      await page.getByRole("button", { name: "Expand 14 spans" }).first().click();
      await page.waitForFunction((count) => document.querySelectorAll('[role="treeitem"]').length > count, before);
    });
  });

  test("a copied link selects the same span", async () => {
    const trace = mocks.much.data.traces.find((one) => one.error_count > 0 && one.span_count < 100);
    const span = trace.spans.find((one) => one.events.length > 0);
    await visit("much", `/explore/traces/${trace.trace_id}?span=${span.span_id}`, async (page) => {
      await page.locator(`[role="treeitem"][aria-selected="true"][data-span="${span.span_id}"]`).waitFor();
      await page.getByText("Traceback (most recent call last)").waitFor();
    });
  });

  test("renders spans without parents, cycles, skewed clocks and hostile text", async () => {
    for (const trace of mocks.broken.data.traces) {
      await visit("broken", `/explore/traces/${trace.trace_id}`, async (page) => {
        assert.ok((await page.locator('[role="treeitem"]').count()) >= Math.min(3, trace.span_count));
        if (!trace.spans.some((span) => span.parent_span_id === null)) await page.getByText("no parent").first().waitFor();
        await page.keyboard.press("e");
      });
    }
  });

  test("says when there is no such trace, and when it cannot be read", () =>
    visit("broken", "/explore/traces/00000000000000000000000000000001", async (page, mock) => {
      await page.getByText("No such trace").waitFor();
      await page.goto(`${mock.url}/explore/traces/dead000000000000000000000000`);
      await page.getByText(/damaged at offset 8192/).waitFor();
    }));

  test("shows its logs, which lead to their spans", async () => {
    const log = mocks.much.data.logs.find((one) => one.trace_id && one.trace_id !== BIG_TRACE);
    await visit("much", `/explore/traces/${log.trace_id}?tab=logs`, async (page) => {
      await page.getByRole("button", { name: "Span" }).first().click();
      await untilUrl(page, (search) => search.has("span") && !search.has("tab"));
      await page.getByRole("tree", { name: "Spans" }).waitFor();
    });
  });
});

describe("shell", () => {
  test("the palette goes to pages, services and pasted trace ids", () =>
    visit("little", "/explore/logs", async (page, mock) => {
      const id = mock.data.traces[0].trace_id;
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Command" }).fill(id);
      await page.getByRole("option", { name: new RegExp(`Open trace ${id}`) }).waitFor();
      await page.keyboard.press("Enter");
      await untilUrl(page, (_, url) => url.pathname === `/explore/traces/${id}`);
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Command" }).fill("gateway");
      await page.getByRole("option", { name: /gateway.*Logs of service/ }).click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/logs" && search.get("query") === '{service_name="gateway"}');
    }));

  test("the time range is in the URL and in every request", () =>
    visit("little", "/explore/traces", async (page, mock) => {
      await page.getByRole("button", { name: /^Time range/ }).click();
      await page.getByRole("button", { name: "Last 15 minutes" }).click();
      await untilUrl(page, (search) => search.get("range") === "15m");
      await settled(page);
      const last = new URL(mock.requests.filter((request) => request.includes("/traces?")).at(-1), mock.url).searchParams;
      assert.equal(BigInt(last.get("end")) - BigInt(last.get("start")), 900_000_000_000n);
      await page.goBack();
      await untilUrl(page, (search) => !search.has("range"));
    }));

  test("the theme is kept", () =>
    visit("little", "/system/status", async (page) => {
      await page.getByText("Dark theme").click({ force: true });
      await page.locator('html[data-mantine-color-scheme="dark"]').waitFor();
      await page.reload();
      await page.locator('html[data-mantine-color-scheme="dark"]').waitFor();
    }));

  test("without data, each page shows a complete program for this server's address", () =>
    visit("none", "/explore/traces", async (page, mock) => {
      for (const [link, title, path] of [["Traces", "Send your first trace", "/v1/traces"], ["Logs", "Send your first log line", "/v1/logs"], ["Metrics", "Send your first metric", "/v1/metrics"]]) {
        await page.getByRole("link", { name: link }).first().click();
        await page.getByRole("heading", { name: title }).waitFor();
        for (const language of ["Python", "TypeScript", "Rust"]) {
          await page.getByRole("tab", { name: language }).click();
          await page.getByText(`http://127.0.0.1:4318${path}`).first().waitFor();
        }
        await page.getByRole("tab", { name: "Collector" }).click();
        await page.getByText("otlp/watchkeep:").waitFor();
      }
      assert.ok(mock.requests.every((request) => !request.includes("undefined")));
    }));

  test("data outside the time range is one click away", () =>
    visit("little", "/explore/traces?from=1000000000000&to=1000003600000", async (page) => {
      await page.getByText("No traces in this time range").waitFor();
      await page.getByRole("button", { name: "Go to the newest" }).click();
      await rows(page).first().waitFor();
    }));

  test("an unknown address says so", () => visit("little", "/nowhere", async (page) => page.getByText("There is no page here").waitFor()));

  test("nothing sticks out sideways on a phone, and the menu leads to every page", async () => {
    for (const data of ["much", "none", "broken"]) {
      for (const path of ["/explore/traces", `/explore/traces/${mocks[data].data.traces[0]?.trace_id ?? "0"}`, "/explore/logs", "/system/status"]) {
        await visit(data, path, async (page) => {
          assert.ok(await fits(page), `${data} ${path}`);
        }, { viewport: PHONE });
      }
    }
    await visit("much", "/explore/traces", async (page) => {
      await page.getByRole("button", { name: "Open navigation" }).click();
      await page.getByRole("dialog").getByRole("link", { name: "Logs" }).click();
      await untilUrl(page, (_, url) => url.pathname === "/explore/logs");
    }, { viewport: PHONE });
  });

  test("every control has a name and every page a heading", async () => {
    for (const path of ["/explore/traces", `/explore/traces/${mocks.much.data.traces[0].trace_id}`, "/explore/logs", "/system/status"]) {
      await visit("much", path, async (page) => {
        assert.equal(await page.locator("h1").count(), 1, path);
        assert.deepEqual(await unnamed(page), [], path);
      });
    }
  });
});
