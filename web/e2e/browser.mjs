// Starts the system's Chromium for tests and screenshots. CHROMIUM overrides which one.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export const WIDE = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** A browser with an empty profile, which `close()` removes. */
export async function startBrowser() {
  const profile = mkdtempSync(join(tmpdir(), "watchkeep-e2e-"));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS, ignoreDefaultArgs: ["--headless=old"],
    env: { ...process.env, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
  });
  return {
    browser,
    async close() {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** A page that remembers what went wrong in it: uncaught errors, console errors, requests to other hosts. */
export async function openPage(browser, { viewport = WIDE, scheme = "light", origin } = {}) {
  const context = await browser.newContext({ viewport, colorScheme: scheme, reducedMotion: "reduce", hasTouch: viewport.width < 600 });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const problems = [];
  page.on("pageerror", (error) => problems.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    // A failed request or connection is logged by the browser itself; tests of failures cause them on purpose.
    if (message.type() === "error" && !/^(Failed to load resource|WebSocket connection to )/.test(message.text())) problems.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const url = request.url();
    if (origin && !url.startsWith(origin) && !url.startsWith("data:") && !url.startsWith("blob:")) problems.push(`outside: ${url}`);
  });
  return { page, context, problems };
}

/** Nothing loads any more: no skeleton, nothing dimmed, fonts there. */
export async function settled(page) {
  await page.waitForFunction(() =>
    document.querySelector("#page")?.children.length && !document.querySelector('[aria-label="Loading"]') && !document.querySelector('[data-stale="true"]'));
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => document.fonts.ready);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
