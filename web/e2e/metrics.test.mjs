// Metrics, targets and cardinality in a real browser against the mock. Waits for states, never for times.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PHONE } from "./browser.mjs";
import { fits, harness, unnamed, untilUrl } from "./harness.mjs";

const { visit } = harness();

const explore = (...queries) => `/explore/metrics?${queries.map((query) => `expr=${encodeURIComponent(query)}`).join("&")}`;
const asked = (mock, path) => mock.requests.filter((request) => request.startsWith(`/api/v1${path}?`)).map((request) => new URL(request, mock.url).searchParams);
const editor = (page, letter = "A") => page.getByRole("textbox", { name: `Query ${letter}` }).and(page.locator(".cm-content"));
const rows = (page, name) => page.getByRole("table", { name }).locator('[role="row"][aria-rowindex]');
const alert = (page) => page.getByRole("region", { name: "Queries" }).getByRole("alert");

describe("metrics", () => {
  test("a metric of the list becomes the query of its kind, and the query is drawn on a grid of its step", () =>
    visit("much", "/explore/metrics", async (page, mock) => {
      await page.getByLabel("Search metrics").fill("agent_runs");
      await untilUrl(page, (search) => search.get("find") === "agent_runs");
      await page.getByRole("option", { name: /agent_runs_total/ }).click();
      await untilUrl(page, (search) => search.get("expr") === "rate(agent_runs_total[5m])");
      await rows(page, "Series").first().waitFor();
      assert.equal(await editor(page).textContent(), "rate(agent_runs_total[5m])");
      const query = asked(mock, "/query_range").at(-1);
      const [start, end, step] = ["start", "end", "step"].map((key) => Number(query.get(key)));
      assert.deepEqual([start % step, end % step], [0, 0]);
      await page.locator(".u-over").first().waitFor();
    }));

  test("a query is typed, completed and run by keyboard", () =>
    visit("much", "/explore/metrics", async (page, mock) => {
      await editor(page).click();
      await page.keyboard.type("agent_queue_d");
      await page.locator(".cm-tooltip-autocomplete", { hasText: "agent_queue_depth" }).waitFor();
      await page.keyboard.press("Tab");
      assert.equal(await editor(page).textContent(), "agent_queue_depth");
      await page.keyboard.press("Enter");
      await untilUrl(page, (search) => search.get("expr") === "agent_queue_depth");
      await rows(page, "Series").first().waitFor();
      assert.ok(asked(mock, "/label/__name__/values").length > 0);
      await page.keyboard.press("Control+a");
      await page.keyboard.type("up");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Shift+Enter");
      await page.keyboard.type("* 2");
      await page.keyboard.press("Enter");
      await untilUrl(page, (search) => search.get("expr") === "up\n* 2");
      await page.keyboard.press("Alt+ArrowUp");
      assert.equal(await editor(page).textContent(), "agent_queue_depth");
      await page.goBack();
      await untilUrl(page, (search) => search.get("expr") === "agent_queue_depth");
    }));

  test("a wrong query says why and marks where", () =>
    visit("much", explore("sum(rate(agent_runs_total[5m])"), async (page) => {
      await alert(page).getByText("1:31: parse error: unclosed left parenthesis").waitFor();
      await page.locator(".cm-lintRange-error").first().waitFor();
    }));

  test("a query that takes too much says so, and what the server remarks is shown beside the query", async () => {
    await visit("broken", explore("rate(http_server_request_duration_seconds_bucket[5m])"), (page) => alert(page).getByText(/too many samples/).waitFor());
    await visit("much", explore("rate(agent_queue_depth[5m])"), (page) => page.getByText(/metric might not be a counter/).waitFor());
  });

  test("a label filter edits the query, and so does a label of the table", () =>
    visit("much", explore("sum by (job, instance) (rate(agent_runs_total[5m]))"), async (page) => {
      await page.getByRole("combobox", { name: "Label job" }).click();
      await page.getByRole("option", { name: "gateway" }).click();
      await untilUrl(page, (search) => search.get("expr") === 'sum by (job, instance) (rate(agent_runs_total{job="gateway"}[5m]))');
      await page.getByText("Table", { exact: true }).click();
      await untilUrl(page, (search) => search.get("view") === "table");
      await rows(page, "Result").first().waitFor();
      await page.getByRole("button", { name: "10.2.0.1:8000" }).first().click();
      await untilUrl(page, (search) => search.get("expr") === 'sum by (job, instance) (rate(agent_runs_total{job="gateway", instance="10.2.0.1:8000"}[5m]))');
    }));

  test("the table sorts, and is saved as it is", () =>
    visit("much", `${explore("agent_queue_depth")}&view=table`, async (page) => {
      await page.getByRole("columnheader", { name: "Value" }).getByRole("button").click();
      await untilUrl(page, (search) => search.get("sort") === "-value");
      const shown = (await page.getByRole("table", { name: "Result" }).locator('[role="cell"]:last-child span').allTextContents()).map(Number);
      assert.deepEqual(shown, [...shown].sort((a, b) => b - a));
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
      const lines = (await (await download.createReadStream()).toArray()).join("").trimEnd().split("\r\n");
      assert.equal(lines[0], "__name__,instance,job,value,time");
      assert.equal(lines.length, 15);
    }));

  test("one series is shown alone, or hidden", () =>
    visit("much", explore("agent_queue_depth"), async (page) => {
      const faded = page.locator('[data-off="true"]');
      await rows(page, "Series").first().click();
      assert.ok((await faded.count()) > 5);
      await rows(page, "Series").first().click();
      assert.equal(await faded.count(), 0);
      await page.getByRole("button", { name: /^Hide job=/ }).first().click();
      assert.equal(await faded.count(), 1);
    }));

  test("style and scale are in the URL", () =>
    visit("much", explore("agent_queue_depth"), async (page) => {
      await page.getByRole("switch", { name: "Log scale" }).click({ force: true });
      await untilUrl(page, (search) => search.get("scale") === "log");
      await page.getByText("Stacked", { exact: true }).click();
      await untilUrl(page, (search) => search.get("style") === "stacked");
      await page.getByText("Points", { exact: true }).click();
      await untilUrl(page, (search) => search.get("style") === "points");
    }));

  test("several queries are drawn together, hidden and removed", () =>
    visit("much", explore("agent_queue_depth"), async (page, mock) => {
      await page.getByRole("button", { name: "Add query" }).click();
      await editor(page, "B").click();
      await page.keyboard.type("sum(up)");
      await page.keyboard.press("Enter");
      await untilUrl(page, (search) => search.getAll("expr").length === 2);
      await page.getByTitle("B · sum(up)").waitFor();
      await page.getByRole("button", { name: "Hide query A" }).click();
      await untilUrl(page, (search) => search.get("off") === "A");
      await page.waitForFunction(() => document.querySelector('[role="table"]')?.getAttribute("aria-rowcount") === "1");
      await page.getByRole("button", { name: "Remove query A" }).click();
      await untilUrl(page, (search) => search.getAll("expr").join() === "sum(up)" && !search.has("off"));
      assert.ok(asked(mock, "/query_range").some((query) => query.get("query") === "sum(up)"));
    }));

  test("a query is put in order", () =>
    visit("much", explore("sum(  rate(agent_runs_total[5m]) )"), async (page) => {
      await page.getByRole("button", { name: "Format this query" }).click();
      await page.waitForFunction(() => document.querySelector(".cm-content").textContent === "sum(rate(agent_runs_total[5m]))");
    }));

  test("brushing the graph zooms the time range", () =>
    visit("much", explore("agent_queue_depth"), async (page) => {
      const plot = await page.locator(".u-over").boundingBox();
      await page.mouse.move(plot.x + plot.width * 0.5, plot.y + 60);
      await page.mouse.down();
      await page.mouse.move(plot.x + plot.width * 0.75, plot.y + 60, { steps: 5 });
      await page.mouse.up();
      await untilUrl(page, (search) => Math.abs(Number(search.get("to")) - Number(search.get("from")) - 900_000) < 60_000);
    }));

  test("an exemplar opens its trace", () =>
    visit("much", explore("histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_seconds_bucket[5m])))"), async (page, mock) => {
      const plot = await page.locator(".u-over").boundingBox();
      const query = asked(mock, "/query_exemplars").at(-1);
      const { data } = await (await fetch(`${mock.url}/api/v1/query_exemplars?${query}`)).json();
      const [from, to] = await page.evaluate(() => performance.timeOrigin).then((origin) => [origin - 3_600_000, origin]);
      const x = plot.x + (plot.width * (data[0].exemplars[1].timestamp * 1000 - from)) / (to - from);
      // Where on the line of its time the mark sits depends on the scale: walk down until the pointer says so.
      let opened = false;
      for (let y = plot.y + 2; y < plot.y + plot.height && !opened; y += 6) {
        await page.mouse.move(x, y);
        opened = await page.getByText("Click to open the trace").isVisible();
        if (opened) await page.mouse.click(x, y);
      }
      assert.ok(opened, "no exemplar under the pointer");
      await untilUrl(page, (_, url) => url.pathname.startsWith("/explore/traces/"));
    }));

  test("native histograms lead to their percentile", () =>
    visit("much", explore("gen_ai_client_operation_duration_seconds"), async (page) => {
      await page.getByRole("button", { name: "Show the 95th percentile" }).click();
      await untilUrl(page, (search) => search.get("expr") === "histogram_quantile(0.95, sum(rate(gen_ai_client_operation_duration_seconds[5m])))");
      await rows(page, "Series").first().waitFor();
      await page.goto(`${page.url().split("?")[0]}?expr=gen_ai_client_operation_duration_seconds&view=table`);
      await page.getByText(/observations in 2 buckets/).first().waitFor();
    }));

  test("links that name a metric alone still lead to it", async () => {
    await visit("much", "/explore/metrics?metric=agent_runs_total&label=job%3Dgateway", (page) => untilUrl(page, (search) => search.get("expr") === 'rate(agent_runs_total{job="gateway"}[5m])'));
    await visit("much", "/explore/metrics?metric=agent_runs_total&show=value", (page) => untilUrl(page, (search) => search.get("expr") === "agent_runs_total"));
    await visit("much", "/explore/metrics?metric=gone_total", async (page) => {
      await untilUrl(page, (search) => search.get("expr") === "rate(gone_total[5m])");
      await page.getByText("No series in this time range").waitFor();
    });
  });

  test("the palette runs what looks like a query", () =>
    visit("much", "/explore/traces", async (page) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Command" }).fill("sum(up)");
      await page.getByRole("option", { name: /Run PromQL/ }).click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/metrics" && search.get("expr") === "sum(up)");
    }));
});

describe("cardinality", () => {
  test("leads from a metric, a pair and a label to the query that ranks its series", () =>
    visit("much", "/system/cardinality", async (page) => {
      for (const [region, name, query] of [
        ["Metrics with the most series", "agent_queue_depth", 'topk(20, count by (job, instance) ({__name__="agent_queue_depth"}))'],
        ["Label pairs with the most series", "job=gateway", 'topk(20, count by (__name__) ({job="gateway"}))'],
        ["Labels with the most values", "instance", 'topk(20, count by (instance) ({instance!=""}))'],
      ]) {
        await page.getByRole("region", { name: region }).getByRole("link", { name, exact: true }).click();
        await untilUrl(page, (search, url) => url.pathname === "/explore/metrics" && search.get("expr") === query);
        await rows(page, "Result").first().waitFor();
        await page.goBack();
      }
    }));

  test("shows longer lists on demand", () =>
    visit("much", "/system/cardinality", async (page, mock) => {
      await page.getByText("50", { exact: true }).click();
      await untilUrl(page, (search) => search.get("limit") === "50");
      await page.waitForFunction(() => document.querySelectorAll("tbody tr").length > 80);
      assert.deepEqual(asked(mock, "/status/tsdb").map((query) => query.get("limit")), ["15", "50"]);
    }));

  test("says what failed, and teaches where nothing is", async () => {
    await visit("broken", "/system/cardinality", (page) => page.getByText("The cardinality could not be loaded").waitFor());
    await visit("none", "/system/cardinality", (page) => page.getByRole("heading", { name: "Send your first metric" }).waitFor());
  });
});

describe("targets", () => {
  test("lists the broken first, filters by state, pool and text, and opens one", () =>
    visit("much", "/system/targets", async (page) => {
      await rows(page, "Targets").first().getByText("down").waitFor();
      await page.getByRole("button", { name: /^agents/ }).click();
      await untilUrl(page, (search) => search.get("pool") === "agents");
      await page.getByText(/^Down/).click();
      await untilUrl(page, (search) => search.get("state") === "down");
      await page.getByLabel("Search targets").fill("deadline");
      await untilUrl(page, (search) => search.get("q") === "deadline");
      await rows(page, "Targets").first().click();
      await untilUrl(page, (search) => search.has("target"));
      const detail = page.getByRole("region", { name: "Selected target" });
      await detail.getByText("context deadline exceeded").waitFor();
      await detail.getByRole("button", { name: "Show what each rule did" }).click();
      await detail.getByText("drops the target").waitFor();
      await page.reload();
      await detail.getByText("context deadline exceeded").waitFor();
    }));

  test("says why a target was dropped", () =>
    visit("much", "/system/targets?state=dropped", async (page, mock) => {
      await rows(page, "Targets").first().click();
      await page.getByText("Why it was dropped").waitFor();
      await page.getByText(/action: keep/).waitFor();
      const [query] = asked(mock, "/targets/relabel_steps");
      assert.equal(query.get("scrapePool"), "kubernetes-pods");
      assert.equal(JSON.parse(query.get("labels")).__address__, "10.2.0.2:9100");
    }));

  test("without a configuration, teaches how to begin; when it fails, says so", async () => {
    await visit("none", "/system/targets", (page) => page.getByText("watchkeep serve --config.file prometheus.yml").waitFor());
    await visit("little", "/system/targets", async (page, mock) => {
      mock.fail = (path) => path === "/api/v1/targets";
      await page.reload();
      await page.getByText("The targets could not be loaded").waitFor();
    });
  });
});

describe("these pages", () => {
  const PATHS = [explore("agent_queue_depth"), explore("up", "sum(up)"), `${explore("agent_queue_depth")}&view=table`, "/explore/metrics", "/system/targets", "/system/targets?state=dropped", "/system/cardinality"];

  test("stick out sideways nowhere on a phone", async () => {
    for (const data of ["much", "none", "broken"]) {
      for (const path of PATHS) {
        await visit(data, path, async (page) => {
          assert.ok(await fits(page), `${data} ${path}`);
        }, { viewport: PHONE });
      }
    }
    await visit("much", "/explore/metrics", async (page) => {
      await page.getByRole("button", { name: "All metrics" }).click();
      await page.getByRole("option", { name: /agent_queue_depth/ }).click();
      await rows(page, "Series").first().waitFor();
    }, { viewport: PHONE });
  });

  test("have one heading each, and a name for every control", async () => {
    for (const path of PATHS) {
      await visit("much", path, async (page) => {
        assert.equal(await page.locator("h1").count(), 1, path);
        assert.deepEqual(await unnamed(page), [], path);
      });
    }
  });
});
