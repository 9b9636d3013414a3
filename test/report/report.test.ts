import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeReport } from "mutual-channel-loss/report";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { recordLine, writeRecordedRun, type RecordedRunOptions } from "../support/recorded-run.js";
import { chartsIn } from "./page.js";

const folder = temporaryFolder();

async function reportOf(runs: Record<string, RecordedRunOptions>) {
  const folders = Object.entries(runs).map(([name, options]) =>
    writeRecordedRun(join(folder(), name), options),
  );
  const path = join(folder(), "report.html");
  const report = await writeReport(await Promise.all(folders), path);
  return {
    ...report,
    page: (await readFile(path, "utf8")).replaceAll(/>\s+(?=[<\S])/g, ">").replaceAll(/\s+</g, "<"),
  };
}

describe("writeReport()", () => {
  it("sums a run up", async () => {
    const { runs, page } = await reportOf({ birds: { about: { data: { dir: "photos" } } } });
    expect(runs).to.deep.equal([
      {
        folder: join(folder(), "birds"),
        name: "birds",
        model: "small-resnet",
        classes: 7,
        recipe: "MC-Loss α 1.5 β 20",
        data: "photos",
        epochs: { done: 3, planned: 5 },
        measuredOn: "held-out",
        chosenBy: "accuracy",
        best: { epoch: 3, accuracy: 0.3, top5Accuracy: 0.9, macroF1: 0.25 },
        last: { epoch: 3, accuracy: 0.3, top5Accuracy: 0.9, macroF1: 0.25 },
        training: { best: { epoch: 3, accuracy: 0.375 }, last: { epoch: 3, accuracy: 0.375 } },
        skippedSteps: 0,
        seconds: 30,
        imagesPerSecond: 200,
      },
    ]);
    expect(page).to.contain("<h1>birds</h1>").and.contain("<strong>30%</strong>").and.contain("epoch 3 of 5");
    expect(page).to.match(/optimizer\.learningRate<\/th><td>0\.05/);
  });

  it("calls a run by its loss", async () => {
    const { runs } = await reportOf({
      ce: { loss: "ce" },
      focal: { loss: { type: "focal", gamma: 1 } },
      smoothed: { loss: { type: "ce", labelSmoothing: 0.1 } },
    });
    expect(runs.map(({ recipe }) => recipe)).to.deep.equal([
      "cross-entropy",
      "focal loss γ 1",
      "cross-entropy, label smoothing 0.1",
    ]);
  });

  it("needs nothing but the file", async () => {
    const { page } = await reportOf({ alone: {} });
    const withoutLicence = page.replaceAll(/\/\*![^]*?\*\//g, "");
    expect(withoutLicence).to.not.match(/\b(src|href)="(?!data:)/);
    expect(withoutLicence).to.not.match(/@import|\burl\(/);
    expect(page).to.contain("default-src &#39;none&#39;");
    expect(page).to.contain("Copyright (c)");
    expect(Buffer.byteLength(page)).to.be.below(150_000);
  });

  it("has each quantity as a chart and as a table", async () => {
    const { page } = await reportOf({ charted: { channels: {} } });
    const charts = chartsIn(page);
    expect(charts.map(({ id }) => id)).to.deep.equal([
      "accuracy",
      "cross-entropy",
      "discriminality",
      "diversity",
      "learning-rate",
      "channels",
      "dead-channels",
    ]);
    expect(charts[0]).to.deep.include({ epochs: [1, 2, 3] });
    expect(charts[0]!.series.map(({ label, values }) => [label, values])).to.deep.equal([
      ["training", [0.125, 0.25, 0.375]],
      ["held-out", [0.1, 0.2, 0.3]],
    ]);
    expect(page).to.contain('<th scope="row">3</th><td>37.5%</td><td>30%</td>');
    expect(page).to.contain("training from 12.5% to 37.5%; held-out from 10% to 30%.");
  });

  it("has the channels' health with what it is by chance, and warns of channels that keep to their places", async () => {
    const { runs, page } = await reportOf({ healthy: { channels: {} } });
    expect(runs[0]!.channels).to.include({ habit: 0.12, dead: 2 });
    expect(page).to.contain("Channel health, measured last");
    expect(page).to.contain('<th scope="row">Habit</th><td>12%</td><td>2%</td>');
    expect(page).to.contain('<th scope="row">Alignment</th><td>60%</td><td>14.3%</td>');
    expect(page).to.not.contain("keep to their places");
    const stuck = await reportOf({ stuck: { channels: { habit: 0.73 } }, healthy: { channels: {} } });
    expect(stuck.page).to.match(/stuck: channels keep to their places: in 73 % of the images/);
    expect(stuck.page).to.not.contain("healthy: channels keep");
    const habits = [...stuck.page.matchAll(/<td data-label="Habit"><span>(.*?)<\/span><\/span>/g)];
    expect(habits.map(([, cell]) => cell)).to.deep.equal(
      ["73%", "12%"].map((share) => `${share}<span class="note">chance 2%`),
    );
  });

  it("has no curve of what was measured after the last epoch alone", async () => {
    const run = await writeRecordedRun(join(folder(), "once"), { epochs: 2 });
    await appendFile(join(run, "metrics.jsonl"), recordLine(3, { channels: {} }));
    const path = join(folder(), "once.html");
    await writeReport([run], path);
    const page = await readFile(path, "utf8");
    expect(chartsIn(page).map(({ id }) => id)).to.not.include("channels");
    expect(page).to.contain("Channel health, measured last");
  });

  it("takes epochs whose channels have another version's figures", async () => {
    const run = await writeRecordedRun(join(folder(), "old"), { epochs: 1 });
    const line = recordLine(2, { channels: {} }).replace(/"chance":\{[^}]*\}/, '"other":1');
    await appendFile(join(run, "metrics.jsonl"), line);
    const { runs } = await writeReport([run], join(folder(), "old.html"));
    expect(runs[0]).to.not.have.property("channels");
    expect(runs[0]!.epochs.done).to.equal(2);
  });

  it("leaves out what was not measured", async () => {
    const { page } = await reportOf({ plain: { loss: "ce" } });
    expect(chartsIn(page).map(({ id }) => id)).to.deep.equal(["accuracy", "cross-entropy", "learning-rate"]);
    expect(page).to.contain("<code>--images");
  });

  it("compares runs: the best first, one colour each, and the options that differ", async () => {
    const { page } = await reportOf({ short: { epochs: 2, loss: "ce" }, long: { epochs: 4 } });
    expect(page).to.contain("Comparison of 2 runs");
    expect(page.indexOf('<th scope="row">long<')).to.be.below(page.indexOf('<th scope="row">short<'));
    const { epochs, series } = chartsIn(page)[0]!;
    expect(epochs).to.deep.equal([1, 2, 3, 4]);
    expect(series.map(({ label, color, dashed }) => [label, color, dashed])).to.deep.equal([
      ["short training", 0, true],
      ["short held-out", 0, false],
      ["long training", 1, true],
      ["long held-out", 1, false],
    ]);
    expect(series[1]!.values).to.deep.equal([0.1, 0.2, null, null]);
    expect(page).to.match(
      /loss<\/th><td data-label="short">cross-entropy<\/td><td data-label="long">MC-Loss α 1\.5 β 20</,
    );
    expect(page).to.not.match(/Options in which they differ[^]*learningRate<\/th>[^]*<h2 id="training">/);
  });

  it("tells runs of the same name apart by their folders", async () => {
    const paths = ["a", "b"].map((name) => join(folder(), name, "same"));
    await Promise.all(paths.map((path) => writeRecordedRun(path)));
    const { runs } = await writeReport(paths, join(folder(), "same.html"));
    expect(runs.map(({ name }) => name)).to.deep.equal(paths);
  });

  it("takes text from a run as text", async () => {
    const hostile = `</script><img src=x onerror="alert('1')"><!--`;
    const { page } = await reportOf({
      [`<b>&'" x`]: { model: hostile, about: { recipe: hostile, [hostile]: hostile } },
      other: { loss: "ce", model: hostile },
    });
    expect(page).to.not.contain("<img");
    expect(page).to.not.contain("<b>");
    expect(page.match(/<\/script>/g)).to.have.length(3);
    expect(page).to.contain("&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&lt;!--");
    expect(chartsIn(page)[0]!.series[0]!.label).to.equal(`<b>&'" x training`);
  });

  it("takes a run that was killed while it wrote a line", async () => {
    const run = await writeRecordedRun(join(folder(), "killed"));
    await appendFile(join(run, "metrics.jsonl"), recordLine(4).slice(0, 70));
    const path = join(folder(), "killed.html");
    const { runs } = await writeReport(run, path);
    expect(runs[0]!.epochs).to.deep.equal({ done: 3, planned: 5 });
    expect(await readFile(path, "utf8")).to.contain("Left out: 1 damaged line of metrics.jsonl.");
  });

  it("takes an epoch that comes twice once, and numbers that were not finite as gaps", async () => {
    const run = await writeRecordedRun(join(folder(), "twice"), { epochs: 2 });
    const again = recordLine(2).replace(/"crossEntropy":1,/, '"crossEntropy":null,');
    await appendFile(join(run, "metrics.jsonl"), again);
    const path = join(folder(), "twice.html");
    await writeReport(run, path);
    const [, crossEntropy] = chartsIn(await readFile(path, "utf8"));
    expect(crossEntropy!.epochs).to.deep.equal([1, 2]);
    expect(crossEntropy!.series[0]!.values).to.deep.equal([2, null]);
  });

  it("tells how long a run took whatever the clock did meanwhile", async () => {
    const run = await writeRecordedRun(join(folder(), "clock"), { epochs: 2 });
    const metrics = join(run, "metrics.jsonl");
    const [first, second] = (await readFile(metrics, "utf8")).split("\n") as [string, string];
    await writeFile(
      metrics,
      `${first}\n${second.replace(/"time":"[^"]*"/, '"time":"2001-01-01T00:00:00.000Z"')}\n`,
    );
    const { runs } = await writeReport(run, join(folder(), "clock.html"));
    expect(runs[0]).to.include({ seconds: 20 });
    expect(runs[0]!.epochs.done).to.equal(2);
  });

  it("takes a run in which no epoch has ended", async () => {
    const { page, runs } = await reportOf({ young: { epochs: 0 } });
    expect(runs[0]!).to.not.have.any.keys("best", "last", "seconds");
    expect(page).to.contain("No epoch has ended yet.");
  });

  it("names the folder that is no run's, and the file that is damaged", async () => {
    const empty = join(folder(), "empty");
    await mkdir(empty);
    const missing = await rejected(writeReport(empty, join(folder(), "x.html")));
    expect(missing).to.include({ code: "ERR_IO", path: join(empty, "run.json") });
    expect(missing.message).to.contain(`${empty} is not the folder of a run: it has no run.json`);
    const piped = join(folder(), "piped");
    await mkdir(piped);
    execFileSync("mkfifo", [join(piped, "run.json")]);
    expect((await rejected(writeReport(piped, join(folder(), "x.html")))).message).to.contain("it is a pipe");
    const damaged = await writeRecordedRun(join(folder(), "damaged"));
    await writeFile(join(damaged, "run.json"), '{"format": 1, "star');
    expect((await rejected(writeReport(damaged, "x.html"))).message).to.match(
      /damaged\/run\.json is damaged/,
    );
    expect(await rejected(writeReport([], "x.html"))).to.include({ argument: "runs" });
  });

  it("names a file that cannot be written", async () => {
    const run = await writeRecordedRun(join(folder(), "fine"));
    const path = join(folder(), "none", "report.html");
    expect(await rejected(writeReport(run, path))).to.include({ code: "ERR_IO", path });
  });
});
