import { expect } from "chai";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { ImageFolder } from "mutual-channel-loss";
import { watchRun, writeReport } from "mutual-channel-loss/report";
import { findChromium, startChromium } from "../support/chromium.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { recordLine, writeRecordedRun } from "../support/recorded-run.js";
import { trainIn } from "../support/run.js";
import { maximum, minimum } from "#lib/extremes.js";

const folder = temporaryFolder();

describe("a report's page in Chromium", () => {
  let browser: Browser | undefined;
  let page: Page;
  let problems: string[];

  before(async function () {
    const path = findChromium();
    if (path === undefined) {
      console.log("      no Chromium in PATH: install Debian's package chromium to run these");
      return this.skip();
    }
    browser = await startChromium(path);
  });

  after(() => browser?.close());

  beforeEach(async () => {
    problems = [];
    page = await browser!.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(200_000);
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", ({ message }) => problems.push(message));
    page.on("request", (request) => {
      if (!/^(file|data):|^http:\/\/127\.0\.0\.1:/.test(request.url())) problems.push(request.url());
    });
  });

  afterEach(async () => {
    await page.close();
    expect(problems).to.deep.equal([]);
  });

  async function open(name: string, options: Parameters<typeof writeRecordedRun>[1] = {}): Promise<void> {
    const path = join(folder(), "report.html");
    await writeReport(await writeRecordedRun(join(folder(), name), options), path);
    await page.goto(pathToFileURL(path).href);
  }

  function nextFrame(): Promise<void> {
    return page.evaluate("new Promise(requestAnimationFrame)");
  }

  /** How many pixels of a chart have a colour that is no grey, as lines have. */
  async function colouredPixels(id: string): Promise<number> {
    const picture = await page.locator(`#chart-${id} canvas`).screenshot();
    const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    let count = 0;
    for (let i = 0; i < data.length; i += info.channels) {
      const pixel = data.subarray(i, i + info.channels);
      if (maximum(pixel) - minimum(pixel) > 60) count += 1;
    }
    return count;
  }

  it("draws every chart", async () => {
    await open("drawn", { channels: {} });
    for (const id of [
      "accuracy",
      "cross-entropy",
      "discriminality",
      "diversity",
      "learning-rate",
      "channels",
    ]) {
      expect(await colouredPixels(id), id).to.be.above(100);
    }
  });

  it("hides and shows lines by the legend, with the keyboard too", async () => {
    await open("toggled");
    const both = await colouredPixels("accuracy");
    const button = page.locator("#chart-accuracy .legend").getByRole("button", { name: "held-out" });
    expect(await button.textContent()).to.equal("held-out30%");
    await button.click();
    expect(await button.getAttribute("aria-pressed")).to.equal("false");
    await nextFrame();
    expect(await colouredPixels("accuracy")).to.be.within(100, both - 100);
    await button.press("Enter");
    expect(await button.getAttribute("aria-pressed")).to.equal("true");
    await nextFrame();
    expect(await colouredPixels("accuracy")).to.equal(both);
  });

  it("shows the values of the epoch under the pointer, in every chart", async () => {
    await open("pointed");
    const { x, y, width, height } = (await page.locator("#chart-accuracy .u-over").boundingBox())!;
    await page.mouse.move(x + width / 2, y + height / 2);
    const value = (id: string) => page.locator(`#chart-${id} .legend .value`).first();
    await page.locator("#chart-accuracy .legend button", { hasText: "training25%" }).waitFor();
    expect(await value("cross-entropy").textContent()).to.equal("1");
    await page.mouse.move(0, 0);
    await page.locator("#chart-accuracy .legend button", { hasText: "training37.5%" }).waitFor();
  });

  it("has a table for each chart", async () => {
    await open("tabled");
    const details = page.locator("#chart-accuracy details");
    expect(await details.locator("table").isVisible()).to.equal(false);
    await details.locator("summary").click();
    expect(await details.locator("tbody tr").count()).to.equal(3);
    expect(await details.locator("tbody tr").last().innerText()).to.match(/^3\s+37\.5%\s+30%$/);
    const plot = page.locator("#chart-accuracy .plot");
    expect(await plot.getAttribute("role")).to.equal("img");
    expect(await plot.getAttribute("aria-labelledby")).to.equal("title-accuracy words-accuracy");
  });

  it("is dark where the reader's system is, and changes with it", async () => {
    await page.emulateMedia({ colorScheme: "light" });
    await open("dark");
    const background = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const picture = () => page.locator("#chart-accuracy canvas").screenshot();
    const [light, lightPicture] = [await background(), await picture()];
    await page.emulateMedia({ colorScheme: "dark" });
    await nextFrame();
    const brightness = (color: string) => Number(/\d+/.exec(color)?.[0]);
    expect(brightness(light)).to.be.above(200);
    expect(brightness(await background())).to.be.below(50);
    expect((await picture()).equals(lightPicture)).to.equal(false);
  });

  it("fits a phone", async () => {
    for (const width of [320, 390]) {
      await page.setViewportSize({ width, height: 700 });
      await open("phone", { about: { [`an${"other".repeat(30)}`]: "x".repeat(200) }, channels: {} });
      expect(await page.evaluate<number>("document.documentElement.scrollWidth"), `${width}`).to.equal(width);
      const { width: drawn } = (await page.locator("#chart-accuracy canvas").boundingBox())!;
      expect(drawn).to.be.within(width / 2, width);
    }
  });

  it("compares four runs without scrolling sideways, on a screen and on a phone", async () => {
    const names = [
      "cub100-small-resnet-mc-beta-1-seed-0",
      "cub100-small-resnet-cross-entropy",
      "third",
      "fourth",
    ];
    const runs = names.map((name, i) => {
      const about = {
        recipe: { name: "default", batchSize: 8 * i },
        data: { dir: `/data/photos/birds-${i}` },
      };
      return writeRecordedRun(join(folder(), name), {
        about,
        channels: {},
        ...(i === 1 ? { loss: "ce" } : {}),
      });
    });
    const path = join(folder(), "four.html");
    await writeReport(await Promise.all(runs), path);
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await page.goto(pathToFileURL(path).href);
      const sizes = await page.evaluate<[number, number, number][]>(
        "[...document.querySelectorAll('.scroll:has(.runs)')].map((e) => [e.scrollWidth, e.clientWidth, e.scrollHeight - e.clientHeight])",
      );
      expect(sizes).to.have.length(3);
      for (const [whole, seen, below] of sizes)
        expect([whole, below], String(width)).to.deep.equal([seen, 0]);
      // Names are broken at their hyphens, if at all.
      const { height } = (await page.locator(".runs tbody th").first().boundingBox())!;
      expect(height).to.be.below(120);
    }
  });

  it("runs nothing that a run's text has in it", async () => {
    const hostile = `</script><script>console.log("run")</script><img src=x onerror="console.log('run')">`;
    await open("hostile", { model: hostile, about: { recipe: hostile, [hostile]: hostile } });
    expect(await page.locator(".facts").innerText()).to.contain(hostile);
  });

  it("follows a run: values, charts and tables change in place, and the end is told", async () => {
    const run = await writeRecordedRun(join(folder(), "followed"), { epochs: 2 });
    const watching = await watchRun(run);
    try {
      await page.goto(watching.url);
      await page.locator("#connection[data-state=live]").waitFor();
      await page.locator("#chart-accuracy summary").click();
      await page.locator("#chart-accuracy .legend button").first().click();
      await appendFile(join(run, "metrics.jsonl"), recordLine(3));
      await page.getByText("Epoch 3 of 5 ·").waitFor();
      expect(await page.locator("#chart-accuracy tbody tr").count()).to.equal(3);
      expect(await page.locator("#chart-accuracy tbody").isVisible()).to.equal(true);
      const buttons = page.locator("#chart-accuracy .legend button");
      expect(await buttons.nth(0).getAttribute("aria-pressed")).to.equal("false");
      expect(await buttons.nth(1).innerText()).to.match(/30%$/);
      expect(await page.title()).to.equal("followed · 30.0%");
    } finally {
      await watching.close();
    }
    await page.locator("#connection[data-state=ended]").waitFor();
  });

  it("follows a training from before its start", async () => {
    const images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
    const run = join(folder(), "trained");
    const watching = await watchRun(run);
    await page.goto(watching.url);
    await page.getByText("The training has not started yet.").waitFor();
    await trainIn(images, run);
    await page.getByText("Epoch 3 of 3 · all epochs are done").waitFor();
    await page.locator("#connection[data-state=live]").waitFor();
    expect(await colouredPixels("accuracy")).to.be.above(100);
    await watching.close();
    await page.locator("#connection[data-state=ended]").waitFor();
  });
});
