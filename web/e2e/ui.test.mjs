// The shell of the UI in a real browser against the mock: navigation, palette, time range, theme, first data, phones.
// Waits for states, never for times.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PHONE, settled } from "./browser.mjs";
import { fits, harness, unnamed, untilUrl } from "./harness.mjs";

const { mocks, visit } = harness();

const rows = (page) => page.locator('[role="table"] [role="row"][aria-rowindex]');

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
      const last = new URL(mock.requests.filter((request) => request.startsWith("/tempo/api/search?")).at(-1), mock.url).searchParams;
      const width = Number(last.get("end")) - Number(last.get("start"));
      assert.ok(width === 900 || width === 901, "search takes whole seconds");
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
