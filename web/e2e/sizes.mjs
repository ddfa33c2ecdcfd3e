// Prints what a first visit of each page loads, compressed, and how long it takes against the mock. Needs a build.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { openPage, settled, startBrowser } from "./browser.mjs";
import { BIG_TRACE } from "./mock-data.mjs";
import { startMock } from "./mock-server.mjs";

const assets = fileURLToPath(new URL("../dist/assets/", import.meta.url));
const gzip = new Map(readdirSync(assets).map((name) => [name, name.endsWith(".woff2") ? readFileSync(assets + name).length : gzipSync(readFileSync(assets + name)).length]));
const mock = await startMock({ data: "much" });
const { browser, close } = await startBrowser();
for (const path of ["/explore/traces", `/explore/traces/${BIG_TRACE}`, "/explore/traces/compare?q=%7B%7D", "/explore/operations", "/system/service-map", "/explore/logs", "/explore/metrics?metric=agent_runs_total", "/system/targets", "/system/cardinality", "/system/status"]) {
  const { page, context } = await openPage(browser);
  const sizes = { js: 0, css: 0, woff2: 0 };
  page.on("request", (request) => {
    const name = new URL(request.url()).pathname.split("/").at(-1);
    const size = gzip.get(name);
    if (size) sizes[name.split(".").at(-1)] += size;
  });
  const began = performance.now();
  await page.goto(mock.url + path);
  await page.locator('[role="row"][aria-rowindex], [role="treeitem"], [role="listitem"] [role="button"], .u-over, h2').first().waitFor();
  const shown = performance.now() - began;
  await settled(page);
  const kb = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;
  console.log(`${path.slice(0, 40).padEnd(42)} js ${kb(sizes.js)}  css ${kb(sizes.css)}  fonts ${kb(sizes.woff2)}  first content ${shown.toFixed(0)} ms`);
  await context.close();
}
await close();
await mock.close();
