// Health of agents, of the host and of what is depended on in a real browser against the mock. Waits for states, never for times.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PHONE } from "./browser.mjs";
import { fits, harness, unnamed, untilUrl } from "./harness.mjs";

const { visit } = harness();
const HEALTH = "/api/watchkeep/v1/health";

describe("the page of health", () => {
  test("says what is wrong first, and leads to it", () =>
    visit("much", "/watch/health", async (page) => {
      const wrong = page.getByRole("region", { name: "What is wrong" });
      await wrong.getByText("connection refused").waitFor();
      assert.match(await page.getByText(/not well$/).first().innerText(), /1 of 6 checks, this host not well/);
      await wrong.getByRole("link", { name: "redis" }).click();
      await untilUrl(page, (search) => search.get("check") === "redis");
      await page.getByText("Gives up after").waitFor();
      await wrong.getByRole("link", { name: "disk" }).click();
      await untilUrl(page, (search, url) => url.pathname === "/system/hosts");
    }));

  test("tells failures of checks apart by more than colour, and in words", () =>
    visit("much", "/watch/health", async (page) => {
      const redis = page.getByRole("img", { name: /^redis: Failures in \d+ of 60 parts/ });
      const heights = async (state) => redis.locator(`[data-state="${state}"] rect:last-child`).evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute("height"))));
      assert.ok(Math.min(...await heights("down")) > Math.max(...await heights("up")));
      await page.getByRole("img", { name: "resolver: No failure in this range" }).waitFor();
      await page.getByRole("img", { name: "queue-depth: It did not run in this range" }).waitFor();
    }));

  test("runs a check when asked", () =>
    visit("much", "/watch/health", async (page, mock) => {
      const row = page.getByRole("list", { name: "Checks" }).getByRole("listitem").filter({ hasText: "cache.internal:6379" });
      await row.getByText("connection refused").waitFor();
      await row.getByRole("button", { name: "Run redis now" }).click();
      await row.getByText("healthy", { exact: true }).waitFor();
      assert.ok(mock.requests.includes(`${HEALTH}/checks/redis/run`));
      mock.data.checked.clear();
    }));

  test("stands where a server does not know of checks and hosts", () =>
    visit("little", "/watch/health", async (page, mock) => {
      mock.gone = (asked) => asked.startsWith(HEALTH);
      await page.reload();
      await page.getByText(/^This server checks nothing that agents depend on/).waitFor();
      await page.getByText(/^This server tells nothing of its host/).waitFor();
      await page.getByRole("table", { name: "Agents" }).waitFor();
      await page.getByRole("table", { name: "Events" }).waitFor();
    }));

  test("says beside each part what failed, and asks again", () =>
    visit("little", "/watch/health", async (page, mock) => {
      mock.fail = (asked) => asked === `${HEALTH}/checks`;
      await page.reload();
      await page.getByText("The checks could not be loaded").waitFor();
      await page.getByRole("table", { name: "Agents" }).waitFor();
      mock.fail = undefined;
      await page.getByRole("region", { name: "What agents depend on" }).getByRole("button", { name: "Retry" }).click();
      await page.getByRole("list", { name: "Checks" }).waitFor();
    }));

  test("teaches how to configure checks where there are none", () =>
    visit("none", "/watch/health", async (page) => {
      await page.getByText("watchkeep.yaml", { exact: true }).waitFor();
      await page.getByText("type: postgres").waitFor();
    }));

  for (const data of ["much", "little", "none", "broken"]) {
    test(`and that of hosts fit with ${data} data, also on a phone`, async () => {
      for (const path of ["/watch/health?check=redis", "/system/hosts"]) {
        await visit(data, path, async (page) => {
          assert.ok(await fits(page));
          assert.deepEqual(await unnamed(page), []);
        });
        await visit(data, path, async (page) => assert.ok(await fits(page)), { viewport: PHONE, scheme: "dark" });
      }
    });
  }
});

describe("the page of hosts", () => {
  test("shows figures, disks, processes and graphics cards", () =>
    visit("much", "/system/hosts", async (page) => {
      await page.getByRole("img", { name: "CPU over time" }).waitFor();
      await page.getByRole("meter", { name: "/var/lib/watchkeep: in use" }).waitFor();
      await page.getByRole("table", { name: "Processes" }).getByText("ollama").waitFor();
      await page.getByRole("table", { name: "Graphics cards" }).getByText("NVIDIA L4").first().waitFor();
    }));

  test("says when there is no reading, and when the server has none", async () => {
    await visit("none", "/system/hosts", (page) => page.getByText(/^There is no reading yet/).waitFor());
    await visit("none", "/system/hosts", async (page, mock) => {
      mock.gone = (asked) => asked.startsWith(HEALTH);
      await page.reload();
      await page.getByText("This server tells nothing of its host").waitFor();
    });
  });
});

test("a part whose data is not as expected breaks alone", () =>
  visit("much", "/watch/health", async (page) => {
    await page.route(`**${HEALTH}/checks?*`, (route) => route.fulfill({ json: { checks: [{ name: "redis", history: 5 }] } }));
    await page.reload();
    await page.getByText("What agents depend on could not be shown").or(page.getByText("This part could not be shown")).waitFor();
    await page.getByRole("table", { name: "Agents" }).waitFor();
  }, { errors: true }));
