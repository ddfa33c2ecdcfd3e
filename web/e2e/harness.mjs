// What the browser tests share: a browser and a mock of each kind of data, and a visit to a page that fails on any error.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { openPage, settled, startBrowser } from "./browser.mjs";
import { startMock } from "./mock-server.mjs";

/** Starts the browser and the mocks before the tests of a file and stops them after. */
export function harness() {
  let chromium;
  const mocks = {};
  before(async () => {
    chromium = await startBrowser();
    for (const data of ["much", "little", "none", "broken"]) mocks[data] = await startMock({ data });
  });
  after(async () => {
    await chromium?.close();
    for (const mock of Object.values(mocks)) await mock.close();
  });

  /** Runs `steps` on a fresh page and fails on any uncaught error or request to another host; `errors` lets errors pass. */
  async function visit(data, path, steps, options = {}) {
    const mock = mocks[data];
    mock.requests.length = 0;
    mock.fail = undefined;
    mock.gone = undefined;
    const { page, context, problems } = await openPage(chromium.browser, { ...options, origin: mock.url });
    try {
      await page.goto(mock.url + path);
      await settled(page);
      await steps(page, mock);
      if (!options.errors) assert.deepEqual(problems, []);
    } finally {
      mock.fail = undefined;
      mock.gone = undefined;
      await context.close();
    }
  }
  return { mocks, visit };
}

export const params = (page) => new URL(page.url()).searchParams;
export const untilUrl = (page, check) => page.waitForURL((url) => check(url.searchParams, url));

/** Nothing sticks out of the page sideways. */
export const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.querySelector("#page").scrollWidth <= innerWidth);

/** Controls without a name that a screen reader could say. */
export const unnamed = (page) => page.evaluate(() => [...document.querySelectorAll("button, a, input, select, textarea, [role=combobox], [role=textbox]")]
  .filter((element) => !(element.textContent?.trim() || element.getAttribute("aria-label") || element.labels?.length || element.getAttribute("aria-labelledby") || element.type === "hidden"))
  .map((element) => element.outerHTML.slice(0, 120)));
