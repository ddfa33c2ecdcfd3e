// The logs page in a real browser against the mock. Waits for states, never for times.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PHONE, settled } from "./browser.mjs";
import { fits, harness, params, unnamed, untilUrl } from "./harness.mjs";
import { tailFrame } from "./mock-loki.mjs";

const { visit } = harness();

const ALL = '{service_name=~".+"}';
const logs = (query, more = "") => `/explore/logs?query=${encodeURIComponent(query)}${more}`;
const editor = (page) => page.getByRole("textbox", { name: "LogQL query" }).and(page.locator(".cm-content"));
const list = (page) => page.getByRole("list", { name: "Log lines" });
const lines = (page) => list(page).locator('[role="listitem"]');
const heads = (page) => list(page).locator('[role="listitem"] [role="button"]');
const untilQuery = (page, query) => untilUrl(page, (search) => search.get("query") === query);
const asked = (mock, path) => mock.requests.filter((request) => request.startsWith(`/loki/api/v1${path}?`)).map((request) => new URL(request, mock.url).searchParams);
const askedLines = (mock) => asked(mock, "/query_range").filter((query) => query.has("direction"));
const completion = (page, text) => page.locator(".cm-tooltip-autocomplete li", { hasText: text });
/** Completion has narrowed down to one. */
const onlyOption = (page, text) => page.waitForFunction((wanted) => {
  const all = [...document.querySelectorAll(".cm-tooltip-autocomplete li .cm-completionLabel")];
  return all.length === 1 && all[0].textContent === wanted;
}, text);
/** Replaces the query in the editor. */
async function write(page, text) {
  await editor(page).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(text);
  await page.keyboard.press("Escape");
}

describe("the query", () => {
  test("is typed with completion of labels, values, stages, fields and their values, and run by keyboard", () =>
    visit("much", "/explore/logs", async (page, mock) => {
      await heads(page).first().waitFor();
      await page.keyboard.press("/");
      await editor(page).and(page.locator(":focus")).waitFor();
      await page.keyboard.press("Control+a");
      await page.keyboard.press("Delete");
      await page.keyboard.type("{");
      await completion(page, "deployment_environment_name").waitFor();
      await page.keyboard.type("service_n");
      await onlyOption(page, "service_name");
      await page.keyboard.press("Tab");
      await completion(page, "billing").waitFor();
      await page.keyboard.type("gatew");
      await onlyOption(page, "gateway");
      await page.keyboard.press("Tab");
      await page.waitForFunction(() => document.querySelector(".cm-content").textContent === '{service_name="gateway"}');
      await page.keyboard.press("End");
      await page.keyboard.type(" | threa");
      await onlyOption(page, "thread");
      await page.keyboard.press("Tab");
      await page.keyboard.type('="');
      await completion(page, "worker-1").waitFor();
      await page.keyboard.type("worker-3");
      await onlyOption(page, "worker-3");
      await page.keyboard.press("Tab");
      await page.waitForFunction(() => document.querySelector(".cm-content").textContent === '{service_name="gateway"} | thread="worker-3"');
      await page.keyboard.press("Enter");
      await untilQuery(page, '{service_name="gateway"} | thread="worker-3"');
      await settled(page);
      assert.equal(askedLines(mock).at(-1).get("query"), '{service_name="gateway"} | thread="worker-3"');
      assert.equal(asked(mock, "/label/service_name/values").at(-1).get("query"), null, "values of the only label are asked for without a selector");
      assert.equal(asked(mock, "/detected_fields").at(-1).get("query"), '{service_name="gateway"}');
    }));

  test("offers functions and stages, and values under the rest of the selector", () =>
    visit("much", "/explore/logs", async (page, mock) => {
      await write(page, "");
      await page.keyboard.type("count_over");
      await completion(page, "count_over_time").waitFor();
      await page.keyboard.press("Tab");
      await page.waitForFunction(() => document.querySelector(".cm-content").textContent === "count_over_time({}[5m])");
      await write(page, '{service_name="gateway", deployment_environment_name=');
      await page.keyboard.type('"');
      await completion(page, "production").waitFor();
      assert.equal(asked(mock, "/label/deployment_environment_name/values").at(-1).get("query"), '{service_name="gateway"}');
      await write(page, '{service_name="gateway"} |');
      await page.keyboard.type(" lin");
      await completion(page, "line_format").waitFor();
    }));

  test("goes over several lines, comes back from history, and is put in order", () =>
    visit("much", "/explore/logs", async (page) => {
      await write(page, '{service_name="gateway"}');
      await page.keyboard.press("Shift+Enter");
      await page.keyboard.insertText("|= `chat`");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Enter");
      await untilQuery(page, '{service_name="gateway"}\n|= `chat`');
      await write(page, '{service_name="billing"}');
      await page.keyboard.press("Enter");
      await untilQuery(page, '{service_name="billing"}');
      await page.keyboard.press("Alt+ArrowUp");
      assert.match(await editor(page).innerText(), /chat/);
      await page.getByRole("button", { name: "Format this query" }).click();
      await page.waitForFunction(() => document.querySelector(".cm-content").innerText === '{service_name="gateway"} |= `chat`');
      await page.goBack();
      await untilQuery(page, '{service_name="gateway"}\n|= `chat`');
    }));

  test("that is wrong says why, marks where, and shows how queries look", () =>
    visit("much", logs('{service_name="gateway"} | json | !'), async (page, mock) => {
      await page.getByRole("alert").getByText(/^parse error at line 1, col \d+: syntax error/).waitFor();
      await page.locator(".cm-lintRange-error").first().waitFor();
      assert.equal(await page.getByRole("alert").count(), 1, "said once");
      await page.getByRole("button", { name: '{service_name="gateway"} |= "timeout"' }).click();
      await untilQuery(page, '{service_name="gateway"} |= "timeout"');
      await page.goto(`${mock.url}${logs("{}")}`);
      await page.locator(".cm-lintRange-error").first().waitFor();
      for (const view of ["&view=patterns", "&tail=1"]) {
        await page.goto(`${mock.url}${logs('{service_name="gateway"} | json | !', view)}`);
        await page.getByRole("alert").getByText(/^parse error at line 1, col \d+: syntax error/).waitFor();
        await page.locator(".cm-lintRange-error").first().waitFor();
        assert.equal(await page.getByRole("alert").count(), 1, "said once");
      }
    }));

  test("that the server cannot answer says so, and recovers on retry", () =>
    visit("little", "/explore/logs", async (page, mock) => {
      mock.fail = (path) => path === "/loki/api/v1/query_range";
      await page.reload();
      await page.getByText("The query could not be answered").waitFor();
      mock.fail = undefined;
      await page.getByRole("region", { name: "Query" }).getByRole("button", { name: "Retry" }).click();
      await heads(page).first().waitFor();
    }));

  test("is built by labels, text and levels, and the builder follows the text", () =>
    visit("much", "/explore/logs", async (page) => {
      await page.getByRole("combobox", { name: "Label service_name" }).click();
      await page.getByRole("option", { name: "gateway" }).click();
      await untilQuery(page, '{service_name="gateway"}');
      await page.getByLabel("Text in the line").fill("Chat");
      await untilQuery(page, '{service_name="gateway"} |~ "(?i)Chat"');
      await page.getByRole("button", { name: "Match case" }).click();
      await untilQuery(page, '{service_name="gateway"} |= "Chat"');
      await page.getByRole("button", { name: "error", exact: true }).click();
      await untilQuery(page, '{service_name="gateway"} |= "Chat" | detected_level="error"');
      await page.getByRole("button", { name: "warn", exact: true }).click();
      await untilQuery(page, '{service_name="gateway"} |= "Chat" | detected_level=~"warn|error"');
      await page.getByText("No log lines match these filters").waitFor();
      await write(page, '{service_name="billing"} |= "tool"');
      await page.keyboard.press("Enter");
      await untilQuery(page, '{service_name="billing"} |= "tool"');
      assert.equal(await page.getByLabel("Text in the line").inputValue(), "tool");
      assert.equal(await page.getByRole("combobox", { name: "Label service_name" }).inputValue(), "billing");
      assert.equal(await page.getByRole("button", { name: "error", exact: true }).getAttribute("aria-pressed"), "false");
      await page.getByLabel("Text in the line").fill("");
      await untilQuery(page, '{service_name="billing"}');
    }));
});

describe("lines", () => {
  test("open into their fields, which filter in and out, each kind in its own way", () =>
    visit("much", logs(`${ALL} | logfmt`), async (page, mock) => {
      await page.getByRole("listitem").filter({ hasText: "status=200" }).first().getByRole("button").click();
      const parsed = page.getByRole("region", { name: "Parsed" });
      await parsed.getByRole("button", { name: "Keep lines with status=200" }).click();
      await untilQuery(page, `${ALL} | logfmt | status="200"`);
      await settled(page);
      const metadata = page.getByRole("region", { name: "Metadata" });
      if (!(await metadata.isVisible())) await heads(page).first().click();
      await metadata.getByRole("button", { name: /^Leave out lines with thread=/ }).first().click();
      await untilUrl(page, (search) => /\| thread!="worker-\d"$/.test(search.get("query")));
      await settled(page);
      if (!(await metadata.isVisible())) await heads(page).first().click();
      await page.getByRole("region", { name: "Labels" }).getByRole("button", { name: /^Keep lines with service_name=/ }).click();
      await untilUrl(page, (search) => /^\{service_name="[\w-]+"\} \| logfmt/.test(search.get("query")));
      assert.ok(askedLines(mock).length > 2);
    }));

  test("of JSON are shown in order, and a field that is not read yet brings its parser along", () =>
    visit("broken", logs('{service_name="unknown_service"}'), async (page) => {
      await heads(page).first().click();
      await page.getByLabel("line", { exact: true }).getByText('"event": "structured"').waitFor();
      await page.getByRole("region", { name: "In the line, read by json" }).getByRole("button", { name: "Keep lines with event=structured" }).click();
      await untilQuery(page, '{service_name="unknown_service"} | json | event="structured"');
      await settled(page);
      await heads(page).first().waitFor();
    }));

  test("lead to their trace, and a trace to its lines", () =>
    visit("much", logs(`${ALL} | trace_id!=""`), async (page) => {
      await heads(page).first().click();
      await page.getByRole("link", { name: "Logs of this trace" }).waitFor();
      const mark = await lines(page).first().getByRole("link", { name: /^Open trace [0-9a-f]{32}$/ }).getAttribute("href");
      assert.equal(mark, await page.getByRole("link", { name: "Open trace", exact: true }).getAttribute("href"), "the line leads there without being opened");
      await page.getByRole("link", { name: "Open trace", exact: true }).click();
      await untilUrl(page, (search, url) => /^\/explore\/traces\/[0-9a-f]{32}$/.test(url.pathname) && search.has("span"));
      const id = new URL(page.url()).pathname.split("/").at(-1);
      await page.getByRole("tab", { name: /Logs/ }).or(page.getByText("Logs", { exact: true }).last()).first().waitFor();
      await page.goto(`${new URL(page.url()).origin}/explore/traces/${id}?tab=logs`);
      await page.getByRole("link", { name: "Open in logs" }).click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/logs" && search.get("query") === `${ALL} | trace_id="${id}"` && search.has("from"));
      await heads(page).first().waitFor();
    }));

  test("show the lines around them", () =>
    visit("much", logs('{service_name="gateway"} |= "refund"'), async (page, mock) => {
      await heads(page).nth(3).click();
      await page.getByRole("button", { name: "Lines around" }).click();
      const around = page.getByRole("region", { name: "Lines around" });
      await around.getByText('{service_name="gateway", deployment_environment_name="production"}').waitFor();
      await around.locator('[aria-current="true"]').getByText("refund failed").waitFor();
      assert.equal(await around.locator("time").count(), 11);
      await around.getByRole("button", { name: "Earlier lines" }).click();
      await page.waitForFunction(() => document.querySelectorAll('[aria-label="Lines around"] time').length === 26);
      assert.deepEqual(askedLines(mock).slice(-1).map((query) => [query.get("direction"), query.get("limit")]), [["backward", "20"]]);
    }));

  test("scroll endlessly, few at a time in the page, and none twice", () =>
    visit("much", "/explore/logs", async (page, mock) => {
      await lines(page).first().waitFor();
      await list(page).evaluate((element) => element.scrollTo(0, element.scrollHeight));
      await page.waitForFunction(() => Number(document.querySelector('[role="listitem"]:last-of-type')?.getAttribute("data-index")) > 250);
      await page.waitForFunction(() => document.querySelector('[aria-label="Log lines"]').scrollHeight > 400 * 24);
      assert.ok((await lines(page).count()) < 120);
      const [first, second] = askedLines(mock);
      assert.equal(first.get("start"), second.get("start"));
      assert.ok(BigInt(second.get("end")) < BigInt(first.get("end")), "the second page ends before the first");
    }));

  test("are ordered, wrapped and marked as the URL says", () =>
    visit("much", logs('{service_name="gateway"} |= "refund"'), async (page, mock) => {
      await page.locator("mark", { hasText: "refund" }).first().waitFor();
      await page.getByText("Oldest first").click();
      await untilUrl(page, (search) => search.get("dir") === "forward");
      await settled(page);
      assert.equal(askedLines(mock).at(-1).get("direction"), "forward");
      const times = await list(page).locator("time").allTextContents();
      assert.deepEqual(times, [...times].sort());
      await page.getByRole("switch", { name: "Wrap lines" }).click({ force: true });
      await untilUrl(page, (search) => search.get("wrap") === "1");
      await page.locator('[data-wrap="true"]').first().waitFor();
    }));

  test("have columns of fields, chosen and removed", () =>
    visit("much", "/explore/logs", async (page) => {
      await page.getByRole("button", { name: "Columns" }).click();
      await page.getByRole("checkbox", { name: "thread" }).click();
      await untilUrl(page, (search) => search.getAll("col").join() === "service_name,thread");
      await page.getByTitle(/^thread=worker-\d$/).first().waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Remove column service_name" }).click();
      await untilUrl(page, (search) => search.getAll("col").join() === "thread");
      await page.getByRole("button", { name: "Remove column thread" }).click();
      await untilUrl(page, (search) => search.getAll("col").join() === "-");
      assert.equal(await page.getByTitle(/^thread=/).count(), 0);
    }));

  test("are walked and opened by keyboard", () =>
    visit("much", "/explore/logs", async (page) => {
      await heads(page).first().waitFor();
      await page.keyboard.press("j");
      await page.keyboard.press("j");
      await page.locator('[data-index="1"][data-cursor="true"]').waitFor();
      await page.keyboard.press("Enter");
      await page.locator('[data-index="1"][data-open="true"]').waitFor();
      await page.keyboard.press("Enter");
      await page.locator('[data-index="1"][data-open="false"]').waitFor();
      await list(page).focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("k");
      await page.locator('[data-index="1"][data-cursor="true"]').waitFor();
      await page.keyboard.press("End");
      await page.locator('[data-index="299"][data-cursor="true"]').waitFor();
    }));

  test("are saved as JSON lines and CSV, all pages of them", () =>
    visit("much", logs('{service_name="gateway"} |= "refund" | logfmt'), async (page, mock) => {
      const save = async (name) => {
        await page.getByRole("button", { name: "Download" }).click();
        const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name }).click()]);
        await page.getByText(/^Saved /).waitFor();
        return (await (await download.createReadStream()).toArray()).join("");
      };
      const json = (await save("JSON lines")).trimEnd().split("\n").map((line) => JSON.parse(line));
      const wanted = mock.data.logs.filter((log) => log.service === "gateway" && String(log.body).includes("refund") && Number(BigInt(log.time_unix_nano) / 1_000_000n) > mock.data.now - 3_590_000);
      assert.ok(Math.abs(json.length - wanted.length) < 8, `${json.length} of ${wanted.length}`);
      assert.match(json[0].timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
      assert.equal(json[0].labels.service_name, "gateway");
      const [head, ...rows] = (await save("CSV")).trimEnd().split("\r\n");
      assert.match(head, /^timestamp,level,line,.*service_name/);
      assert.equal(rows.length, json.length);
    }));
});

describe("the histogram", () => {
  test("zooms the time range of every page by brushing, and filters by its levels", () =>
    visit("much", "/explore/logs", async (page, mock) => {
      const plot = await page.locator(".u-over").boundingBox();
      await page.mouse.move(plot.x + plot.width * 0.5, plot.y + 30);
      await page.mouse.down();
      await page.mouse.move(plot.x + plot.width * 0.7, plot.y + 30, { steps: 5 });
      await page.mouse.up();
      await untilUrl(page, (search) => search.has("from") && search.has("to"));
      const width = Number(params(page).get("to")) - Number(params(page).get("from"));
      assert.ok(Math.abs(width - 720_000) < 30_000, `brushed ${width} ms`);
      const counts = asked(mock, "/query_range").filter((query) => !query.has("direction"));
      assert.equal(counts[0].get("query"), `sum by (detected_level) (count_over_time(${ALL} [60s]))`);
      await page.getByRole("button", { name: "error", exact: true }).click();
      await untilQuery(page, `${ALL} | detected_level="error"`);
      const from = params(page).get("from");
      await page.getByRole("link", { name: "Traces" }).first().click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/traces" && search.get("from") === from);
    }));

  test("may fail, and the lines are there", () =>
    visit("broken", "/explore/logs", async (page) => {
      await page.getByText("The histogram could not be loaded").waitFor();
      assert.ok((await lines(page).count()) > 5);
    }));
});

describe("fields, patterns and numbers", () => {
  test("the fields show their values, which filter", () =>
    visit("much", "/explore/logs", async (page) => {
      await page.getByRole("button", { name: "Fields" }).click();
      await untilUrl(page, (search) => search.get("fields") === "1");
      const panel = page.getByRole("complementary", { name: "Fields" });
      await panel.getByLabel("Search fields").fill("stat");
      await panel.getByRole("button", { name: /^status/ }).click();
      await panel.getByRole("list", { name: "Values of status" }).getByRole("button", { name: "Keep lines with status=200" }).last().click();
      await untilQuery(page, `${ALL} | logfmt | status="200"`);
      await panel.getByLabel("Search fields").fill("host");
      await panel.getByRole("button", { name: /^host_name/ }).click();
      await panel.getByRole("button", { name: /^Leave out lines with host_name=/ }).first().click();
      await untilUrl(page, (search) => /\| host_name!="node-\d"$/.test(search.get("query")));
    }));

  test("patterns are counted, sorted, kept and left out", () =>
    visit("much", logs('{service_name="gateway"} |= "refund"'), async (page, mock) => {
      await page.getByText("Patterns", { exact: true }).click();
      await untilUrl(page, (search) => search.get("view") === "patterns");
      const rows = page.getByRole("table", { name: "Patterns" }).locator('[role="row"][aria-rowindex]');
      await rows.first().waitFor();
      assert.equal(asked(mock, "/patterns").at(-1).get("query"), '{service_name="gateway"}');
      const counts = await rows.evaluateAll((all) => all.map((row) => Number(row.children[0].textContent.replace(",", ""))));
      assert.deepEqual(counts, [...counts].sort((a, b) => b - a));
      await page.getByRole("button", { name: /^Leave out lines like refund failed/ }).click();
      await untilUrl(page, (search) => search.get("query").startsWith('{service_name="gateway"} |= "refund" !> "refund failed: no answer from payments within <_> ms') && !search.has("view"));
      await page.goBack();
      await rows.filter({ hasText: "refund failed" }).click();
      await untilUrl(page, (search) => search.get("query").includes('|> "refund failed'));
      await settled(page);
      await heads(page).first().waitFor();
    }));

  test("a query of numbers is a graph, a table, and filters by its labels", () =>
    visit("much", logs(`sum by (service_name) (rate(${ALL} | detected_level="error" [5m]))`), async (page, mock) => {
      const rows = (name) => page.getByRole("table", { name }).locator('[role="row"][aria-rowindex]');
      await rows("Series").first().waitFor();
      const query = asked(mock, "/query_range").at(-1);
      assert.equal(Number(query.get("start")) % Number(query.get("step")), 0);
      await page.getByText("Table", { exact: true }).click();
      await untilUrl(page, (search) => search.get("view") === "table");
      await rows("Result").first().waitFor();
      await page.getByRole("button", { name: "gateway" }).first().click();
      await untilQuery(page, 'sum by (service_name) (rate({service_name="gateway"} | detected_level="error" [5m]))');
      await page.goto(`${mock.url}${logs(`sum(rate(${ALL}[5m])`)}`);
      await page.getByRole("alert").getByText(/parse error at line 1, col \d+/).waitFor();
      await page.locator(".cm-lintRange-error").first().waitFor();
    }));
});

describe("the live tail", () => {
  const tailOf = async (page, mock) => {
    await page.getByRole("status", { name: "Live tail" }).getByText(/^Live/).waitFor();
    return mock.tails.at(-1);
  };
  const status = (page) => page.getByRole("status", { name: "Live tail" });

  test("shows lines as they arrive, waits while the reader is elsewhere, and goes on", () =>
    visit("much", logs('{service_name="gateway"}'), async (page, mock) => {
      await page.getByRole("button", { name: "Live tail" }).click();
      await untilUrl(page, (search) => search.get("tail") === "1");
      const tail = await tailOf(page, mock);
      assert.equal(tail.query.get("query"), '{service_name="gateway"}');
      await page.getByText("Waiting for lines").waitFor();
      tail.send(tailFrame(Array.from({ length: 80 }, (_, i) => `line ${i}`)));
      await page.getByText("line 79", { exact: true }).waitFor();
      await status(page).getByText("Live, 80 lines so far").waitFor();
      await list(page).evaluate((element) => element.scrollTo(0, 400));
      await status(page).getByText("Paused, 0 new lines waiting").waitFor();
      tail.send(tailFrame(["one more"], "error"));
      await status(page).getByText("Paused, 1 new line waiting").waitFor();
      assert.equal(await page.getByText("one more").count(), 0);
      await status(page).getByRole("button", { name: "Resume" }).click();
      await page.getByText("one more").waitFor();
      await heads(page).first().click();
      await page.getByRole("region", { name: "Labels" }).getByText("service_name").waitFor();
      await page.getByRole("region", { name: "Metadata" }).getByText("detected_level").waitFor();
      await status(page).getByRole("button", { name: "Stop" }).click();
      await untilUrl(page, (search) => !search.has("tail"));
    }));

  test("is bounded, and counts what it and the server drop", () =>
    visit("much", logs('{service_name="gateway"}', "&tail=1"), async (page, mock) => {
      const tail = await tailOf(page, mock);
      await status(page).getByRole("button", { name: "Pause" }).click();
      tail.send(tailFrame(Array.from({ length: 5100 }, (_, i) => `line ${i}`)));
      await status(page).getByText("Paused, 5,000 new lines waiting").waitFor();
      await status(page).getByText(/^100 lines dropped/).waitFor();
      tail.send({ streams: [], dropped_entries: [{ labels: {}, timestamp: "1" }] });
      await status(page).getByText(/^101 lines dropped/).waitFor();
    }));

  test("comes back when the connection is lost, from where it was", () =>
    visit("much", logs('{service_name="gateway"}', "&tail=1"), async (page, mock) => {
      const tail = await tailOf(page, mock);
      tail.send(tailFrame(["before the break"]));
      await page.getByText("before the break").waitFor();
      mock.fail = (path) => path.endsWith("/tail");
      tail.close();
      await status(page).getByText(/Connection lost/).waitFor();
      mock.fail = undefined;
      const next = await tailOf(page, mock);
      assert.ok(BigInt(next.query.get("start")) > BigInt(tail.query.get("start")));
      next.send(tailFrame(["after the break"]));
      await page.getByText("after the break").waitFor();
      await page.getByText("before the break").waitFor();
      mock.fail = (path) => path.endsWith("/tail");
      await page.reload();
      await status(page).getByText(/The live tail cannot be reached/).waitFor();
    }));
});

describe("the page", () => {
  test("understands the addresses of older versions", async () => {
    for (const [old, query] of [
      ["service=gateway", '{service_name="gateway"}'],
      ["service=gateway&level=error&level=warn&q=a.b", '{service_name="gateway"} |~ `(?i)a\\.b` | detected_level=~"warn|error"'],
      ["text=chat&levels=error,fatal", `${ALL} |~ "(?i)chat" | detected_level=~"error|fatal|critical"`],
      ["attr=code.line.number%3D42", `${ALL} | code_line_number="42"`],
      ["trace=0123456789abcdef0123456789abcdef&span=0123456789abcdef", `${ALL} | trace_id="0123456789abcdef0123456789abcdef" | span_id="0123456789abcdef"`],
    ]) {
      await visit("little", `/explore/logs?${old}&range=6h`, async (page) => {
        await untilUrl(page, (search) => search.get("query") === query && search.get("range") === "6h" && [...search.keys()].length === 2);
      });
    }
  });

  test("teaches where nothing matches, and where there is nothing at all", async () => {
    await visit("little", logs('{service_name="gateway"} |= "nothing like this"'), async (page) => {
      await page.getByText("No log lines match these filters").waitFor();
      await page.getByRole("button", { name: "Clear filters" }).click();
      await untilUrl(page, (search) => !search.has("query"));
    });
    await visit("none", "/explore/logs", (page) => page.getByRole("heading", { name: "Send your first log line" }).waitFor());
  });

  test("is reached by the palette with a query", () =>
    visit("much", "/explore/traces", async (page) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Command" }).fill('{service_name="gateway"} |= "x"');
      await page.getByRole("option", { name: /Run LogQL/ }).click();
      await untilUrl(page, (search, url) => url.pathname === "/explore/logs" && search.get("query") === '{service_name="gateway"} |= "x"');
      assert.equal(await page.title(), "Logs · Watchkeep");
    }));

  const PATHS = ["/explore/logs", logs(`${ALL} | logfmt`, "&fields=1&col=thread&col=host_name"), "/explore/logs?view=patterns", "/explore/logs?tail=1", logs(`sum by (service_name) (rate(${ALL}[5m]))`), logs("{")];

  test("sticks out sideways nowhere on a phone, also with a line open", async () => {
    for (const data of ["much", "none", "broken"]) {
      for (const path of PATHS) await visit(data, path, async (page) => assert.ok(await fits(page), `${data} ${path}`), { viewport: PHONE });
    }
    await visit("broken", "/explore/logs", async (page) => {
      const count = await heads(page).count();
      for (let i = 0; i < Math.min(4, count); i += 1) await heads(page).nth(i).click();
      assert.ok(await fits(page));
    }, { viewport: PHONE });
  });

  test("has one heading, and a name for every control", async () => {
    for (const path of PATHS) {
      await visit("much", path, async (page) => {
        assert.equal(await page.locator("h1").count(), 1, path);
        if (await heads(page).count()) await heads(page).first().click();
        assert.deepEqual(await unnamed(page), [], path);
      });
    }
  });

});
