// Screenshots of every page with every kind of data, both themes and both sizes, for a person to look at.
// `npm run shots -- [regular expression]` writes to $WATCHKEEP_ARTIFACTS or ./artifacts.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openPage, PHONE, settled, startBrowser, WIDE } from "./browser.mjs";
import { BIG_TRACE } from "./mock-data.mjs";
import { tailFrame } from "./mock-loki.mjs";
import { startMock } from "./mock-server.mjs";

const out = process.env.WATCHKEEP_ARTIFACTS ?? "artifacts";
const filter = new RegExp(process.argv[2] ?? "");
mkdirSync(out, { recursive: true });

const failing = (data) => (data.traces.find((trace) => trace.error_count > 0) ?? data.traces[0])?.trace_id ?? "0".repeat(32);
const explore = (...queries) => `/explore/metrics?${queries.map((query) => `expr=${encodeURIComponent(query)}`).join("&")}`;
const traces = (query) => `/explore/traces?query=${encodeURIComponent(query)}`;
const logs = (query) => `/explore/logs?query=${encodeURIComponent(query)}`;
const PAGES = {
  traces: () => "/explore/traces",
  filtered: () => `${traces('{ resource.service.name = "tool-runner" && status = error && span.http.response.status_code = 504 }')}&sort=-duration#unfold`,
  structural: () => `${traces('{ kind = server && name =~ "POST.*" } >> { status = error } | select(span.gen_ai.tool.name) | count() > 1')}#unfold`,
  tracemetric: () => traces("{ status = error } | rate() by (resource.service.name)"),
  tracequantile: () => traces("{} | quantile_over_time(duration, .5, .95) by (resource.service.name)"),
  tracewrong: () => traces("{ status = }"),
  nomatch: () => traces('{ resource.service.name = "gateway" && traceDuration > 10h }'),
  oldtraces: () => "/explore/traces?service=tool-runner&status=error&min=250ms",
  trace: (data) => `/explore/traces/${failing(data)}`,
  tracespan: (data) => `/explore/traces/${failing(data)}?span=${data.traces.find((t) => t.error_count > 0)?.spans.find((s) => s.status.code === "error" && s.events.length)?.span_id ?? ""}`,
  big: (data) => (data.kind === "much" ? `/explore/traces/${BIG_TRACE}` : undefined),
  tracelogs: (data) => `/explore/traces/${failing(data)}?tab=logs`,
  missing: () => `/explore/traces/${"dead".padStart(32, "0")}`,
  traceservices: (data) => `/explore/traces/${failing(data)}?tab=services`,
  traceerrors: (data) => `/explore/traces/${failing(data)}?only=errors&find=tool`,
  tracechat: (data) => `/explore/traces/${failing(data)}?span=${data.traces.find((t) => t.error_count > 0)?.spans.find((s) => s.attributes["gen_ai.input.messages"])?.span_id ?? ""}`,
  compare: (data) => (data.traces.length > 1 ? `/explore/traces/compare?left=${data.traces.find((t) => t.error_count === 0 && t.span_count < 60)?.trace_id ?? data.traces[0].trace_id}&right=${failing(data)}` : undefined),
  comparepick: (data) => `/explore/traces/compare?left=${failing(data)}`,
  lift: () => `/explore/traces/compare?q=${encodeURIComponent("{ status = error }")}&baseline=${encodeURIComponent("{ status != error }")}`,
  liftwrong: () => `/explore/traces/compare?q=${encodeURIComponent("{ status = }")}&baseline={}`,
  operations: () => "/explore/operations",
  servicemap: () => "/system/service-map",
  servicechosen: (data) => `/system/service-map?service=${data.services[1] ?? "gateway"}`,
  servicecalls: () => "/system/service-map?view=table",
  logs: () => "/explore/logs",
  logquery: () => `${logs('{service_name=~".+"} |= "refund" | detected_level="error"')}&col=service_name&col=code_file_path&col=thread`,
  logfields: () => `${logs('{service_name="gateway"} | logfmt')}&fields=1&wrap=1`,
  logpatterns: () => "/explore/logs?view=patterns",
  logmetric: () => logs('sum by (detected_level) (rate({service_name=~".+"} [5m]))'),
  logtable: () => `${logs("sum by (service_name, detected_level) (count_over_time({service_name=~\".+\"} [1h]))")}&view=table`,
  logwrong: () => logs('{service_name=~".+"} | json | !'),
  lognomatch: () => logs('{service_name="gateway"} |= "nothing like this"'),
  logopen: (data) => `${logs('{service_name=~".+"}')}${data.kind === "broken" ? "&dir=forward" : ""}#open`,
  logtail: () => "/explore/logs?tail=1",
  metrics: () => "/explore/metrics",
  query: () => explore("histogram_quantile(0.95, sum by (le, job) (rate(http_server_request_duration_seconds_bucket[5m])))"),
  stacked: () => `${explore("sum by (job) (rate(agent_runs_total[5m]))")}&style=stacked`,
  points: () => `${explore("rate(process_resident_memory_bytes[5m])")}&style=points&scale=log`,
  several: () => explore("agent_queue_depth", "sum(rate(tool_calls_total[5m]))"),
  table: () => `${explore("agent_queue_depth")}&view=table`,
  native: () => explore("gen_ai_client_operation_duration_seconds"),
  wrongquery: () => explore("sum(rate(agent_runs_total[5m])"),
  nothing: () => explore("no_such_metric"),
  oldlink: (data) => `/explore/metrics?metric=${data.metrics[0]?.name ?? "x"}`,
  targets: () => "/system/targets",
  targetsdown: () => "/system/targets?state=down",
  targetsdropped: () => "/system/targets?state=dropped",
  cardinality: () => "/system/cardinality",
  status: () => "/system/status",
  agents: () => "/agents",
  agent: () => "/agents/support-agent",
  sessions: () => "/sessions",
  session: (data) => `/sessions/s-${Number.parseInt((data.traces[0]?.trace_id ?? "0").slice(0, 6), 16) % 300}`,
  runs: () => "/runs",
  costs: () => "/money/costs",
  budgets: () => "/money/budgets",
  prices: () => "/money/prices",
  feedback: () => "/quality/feedback",
  health: () => "/watch/health",
  healthopen: () => "/watch/health?check=redis",
  hosts: () => "/system/hosts",
  events: () => "/watch/events",
  tracegraph: (data) => `/explore/traces/${failing(data)}?tab=graph`,
};

const { browser, close } = await startBrowser();
for (const data of ["much", "little", "none", "broken"]) {
  const mock = await startMock({ data });
  mock.onTail = (tail) => { if (data === "much") tail.send(tailFrame(Array.from({ length: 60 }, (_, i) => `handled POST /v1/chat in ${200 + i * 7} ms status=200`))); };
  for (const [size, viewport] of [["wide", WIDE], ["phone", PHONE]]) {
    for (const scheme of ["light", "dark"]) {
      const { page, context, problems } = await openPage(browser, { viewport, scheme, origin: mock.url });
      for (const [name, path] of Object.entries(PAGES)) {
        const label = `${name}-${data}-${size}-${scheme}`;
        const at = path(mock.data);
        if (at === undefined || !filter.test(label)) continue;
        await page.goto(mock.url + at);
        await settled(page).catch((error) => console.log(`${label}: ${error.message.split("\n")[0]}`));
        if (at.endsWith("#open")) {
          const line = page.locator('[role="listitem"] [role="button"]').nth(data === "broken" ? 3 : 1);
          if (await line.count()) await line.click();
          await settled(page);
        }
        if (at.endsWith("#unfold")) {
          const folded = page.getByRole("button", { name: /^Show matched spans/ });
          for (let i = 0; i < 2 && (await folded.count()) > 0; i += 1) await folded.first().click();
          await settled(page);
        }
        await page.screenshot({ path: join(out, `${label}.png`) });
      }
      for (const problem of new Set(problems)) console.log(`${data} ${size} ${scheme}: ${problem}`);
      await context.close();
    }
  }
  await mock.close();
}
await close();
