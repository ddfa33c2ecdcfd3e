// Looks for a trace as a person would: in the list of its service's traces, and then into it.
//
//   node see_trace.mjs URL SERVICE TRACE_ID SPAN_NAME FOLDER
//
// Fails unless the list shows the trace and the opened trace shows a span of that name. Screenshots
// go into FOLDER. CHROMIUM names the browser.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

// NODE_PATH says where the package is, and only `require` follows it.
const { chromium } = createRequire(import.meta.url)("playwright-core");

const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const [url, service, traceId, spanName, folder] = process.argv.slice(2);

async function look(page) {
  const shoot = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
  const problems = [];
  page.on("pageerror", (error) => problems.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(url) && !/^(data|blob):/.test(asked)) problems.push(`asked another host: ${asked}`);
  });

  const answer = await page.goto(`${url}/explore/traces?service=${encodeURIComponent(service)}`);
  if (!answer.ok()) throw new Error(`the server answered ${answer.status()} for the page of traces`);
  if ((await page.getByText("built without its web interface").count()) > 0) {
    throw new Error("the server was built without its web interface; build web/ (npm ci && npm run build), then the server again");
  }
  try {
    const link = page.locator(`a[href*="/explore/traces/${traceId}"]`).first();
    await link.waitFor();
    await page.getByText(service).first().waitFor();
    await shoot("list");
    await link.click();
    await page.waitForURL((at) => at.pathname === `/explore/traces/${traceId}`);
    const span = page.getByRole("treeitem").filter({ hasText: spanName }).last();
    await span.waitFor();
    await shoot("waterfall");
    await span.click();
    await page.getByRole("region", { name: "Selected span" }).getByText(spanName).first().waitFor();
    await shoot("span");
  } catch (error) {
    await shoot("failed");
    throw error;
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

mkdirSync(folder, { recursive: true });
const profile = mkdtempSync(join(tmpdir(), "watchkeep-browser-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ARGS,
  viewport: { width: 1440, height: 900 },
  env: { ...process.env, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
});
try {
  context.setDefaultTimeout(20_000);
  await look(await context.newPage());
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
