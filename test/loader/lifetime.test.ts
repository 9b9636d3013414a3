import { expect } from "chai";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setImmediate as nextTask } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DataLoader, memory, type Dataset } from "mutual-channel-loss";
import { normalize, resize, type DataLoaderOptions } from "mutual-channel-loss/data";
import { rejected } from "../support/errors.js";
import { eventLoopShare } from "../support/event-loop.js";
import { expectNoneLeft, settledMemory } from "../support/memory.js";
import { plain } from "../support/image-files.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

describe("an iteration", () => {
  let image: Uint8Array;
  before(async () => {
    image = await plain([9, 9, 9]).png().toBuffer();
  });

  /** Counts how many samples' images have been asked for. */
  function counting(length: number, fetch = (): Promise<Uint8Array> => Promise.resolve(image)) {
    const counts = { started: 0, running: 0, most: 0 };
    const source = async () => {
      counts.started += 1;
      counts.running += 1;
      counts.most = Math.max(counts.most, counts.running);
      try {
        await nextTask();
        return await fetch();
      } finally {
        counts.running -= 1;
      }
    };
    const dataset: Dataset = {
      length,
      classes: ["x"],
      sample: (index) => ({ path: `image ${index}`, label: 0, source }),
    };
    return { dataset, counts };
  }
  const load = (dataset: Dataset, options: Partial<DataLoaderOptions> = {}) =>
    new DataLoader(dataset, {
      batchSize: 4,
      transforms: [resize(8), normalize()],
      cacheBytes: 0,
      ...options,
    });

  it("reads no further ahead than asked, however slow its consumer is", async () => {
    const before = (await settledMemory()).tensors;
    const { dataset, counts } = counting(400);
    let consumed = 0;
    for await (const batch of load(dataset, { prefetch: 3 })) {
      consumed += batch.size;
      for (let turn = 0; turn < 20; turn += 1) await nextTask();
      expect(counts.started - consumed).to.be.at.most(4 * 4);
      // What is prepared becomes tensors when it is handed out.
      expect(memory().tensors - before).to.be.at.most(2);
      batch.dispose();
    }
    expect(consumed).to.equal(400);
  });

  it("reads at most `workers` images at once, over all batches", async () => {
    for (const workers of [1, 3]) {
      const { dataset, counts } = counting(60);
      for await (const batch of load(dataset, { workers, prefetch: 5 })) batch.dispose();
      expect(counts.most).to.equal(workers);
    }
  });

  it("starts nothing more once it is left", async () => {
    let fifthAsked = () => {};
    const asked = new Promise<void>((resolve) => (fifthAsked = resolve));
    let fail: (error: Error) => void = () => {};
    const fifth = new Promise<never>((_, reject) => (fail = reject));
    const { dataset, counts } = counting(400, () => {
      if (counts.started <= 4) return Promise.resolve(image);
      fifthAsked();
      return fifth;
    });
    for await (const batch of load(dataset, { workers: 1, prefetch: 20 })) {
      batch.dispose();
      await asked; // the second batch is under way, and the next twenty wait for the one worker
      break;
    }
    // The worker is free again, without anything being decoded.
    fail(new Error("too late"));
    while (counts.running > 0) await nextTask();
    for (let turn = 0; turn < 20; turn += 1) await nextTask();
    expect(counts.started).to.equal(5);
  });

  it("ends when its signal is aborted, also while an image never comes", async () => {
    const before = await settledMemory();
    let asked = () => {};
    const firstAsked = new Promise<void>((resolve) => (asked = resolve));
    const { dataset } = counting(40, () => {
      asked();
      return new Promise(() => {});
    });
    const controller = new AbortController();
    const reading = load(dataset).batches({ signal: controller.signal }).next();
    await firstAsked;
    controller.abort(new Error("enough"));
    const error = await rejected(reading);
    expect(error).to.include({ code: "ERR_ABORTED", name: "AbortError" });
    expect(error.cause).to.have.property("message", "enough");
    await expectNoneLeft(before);
  });

  it("yields nothing that was ready when its signal is aborted", async () => {
    const before = await settledMemory();
    const controller = new AbortController();
    const { dataset } = counting(40);
    const batches = load(dataset, { prefetch: 4 }).batches({ signal: controller.signal });
    const first = await batches.next();
    (first.value as { dispose(): void }).dispose();
    for (let turn = 0; turn < 40; turn += 1) await nextTask();
    controller.abort();
    expect(await rejected(batches.next())).to.include({ code: "ERR_ABORTED" });
    const late = load(dataset).batches({ signal: controller.signal }).next();
    expect(await rejected(late)).to.include({ code: "ERR_ABORTED" });
    await expectNoneLeft(before);
  });

  it("leaves a loader usable after it failed", async () => {
    let broken = true;
    const { dataset } = counting(8, () =>
      broken ? Promise.reject(new Error("no route")) : Promise.resolve(image),
    );
    const loader = load(dataset);
    const error = await rejected(loader.batches().next());
    expect(error).to.include({ code: "ERR_IMAGE", path: "image 0" });
    expect(error.message).to.match(/image 0.*no route/);
    broken = false;
    let size = 0;
    for await (const batch of loader) {
      size += batch.size;
      batch.dispose();
    }
    expect(size).to.equal(8);
  });

  it("passes the images' own fields on", async () => {
    const dataset = {
      length: 2,
      classes: ["x"],
      sample: (index: number) => ({ path: `${index}`, label: 0, source: image, author: `author ${index}` }),
    };
    for await (const { samples, images, labels } of new DataLoader(dataset, {
      batchSize: 2,
      transforms: [resize(8), normalize()],
    })) {
      expect(samples.map(({ author }) => author)).to.deep.equal(["author 0", "author 1"]);
      images.dispose();
      labels.dispose();
    }
  });

  describe("in a process of its own", () => {
    const script = (end: string) => `
      import { DataLoader } from "mutual-channel-loss";
      import { normalize, resize } from "mutual-channel-loss/data";
      import { readFileSync } from "node:fs";
      const photo = readFileSync("test/fixtures/transforms/photo.jpg");
      const png = readFileSync("test/fixtures/transforms/picture.png");
      const dataset = { length: 400, classes: ["x"], sample: (i) => ({ path: "p", label: 0, source: i % 2 ? photo : png }) };
      const loader = new DataLoader(dataset, { batchSize: 8, transforms: [resize(32), normalize()], prefetch: 6, cacheBytes: 0 });
      ${end}`;
    const ends: Record<string, string> = {
      "a break": `for await (const batch of loader) { console.log(batch.size); break; }`,
      "an abort": `const c = new AbortController();
        try { for await (const batch of loader.batches({ signal: c.signal })) { console.log(batch.size); c.abort(); } } catch {}`,
      "being forgotten": `console.log((await loader.batches().next()).value.size);`,
      "process.exit() while decoding": `loader.batches().next(); setImmediate(() => { console.log(8); process.exit(); });`,
    };
    for (const [name, end] of Object.entries(ends)) {
      it(`lets the process end after ${name}`, async () => {
        const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script(end)], {
          cwd: ROOT,
          timeout: 30_000,
        });
        const { stdout, stderr } = await run;
        expect({ stdout, stderr }).to.deep.equal({ stdout: "8\n", stderr: "" });
      });
    }
  });

  it("decodes on other threads than the event loop's", async () => {
    const photo = await readFile(new URL("../fixtures/transforms/photo.jpg", import.meta.url));
    const { dataset } = counting(640, () => Promise.resolve(photo));
    const batches = load(dataset, { batchSize: 32, transforms: [resize(64), normalize()] }).batches();
    const next = async () => ((await batches.next()).value as { dispose(): void } | undefined)?.dispose();
    await next(); // waits for everything to be compiled
    const share = await eventLoopShare(async () => {
      for (let batch = 1; batch < 20; batch += 1) await next();
    });
    // The bench holds its delay to 10 ms.
    expect(share).to.be.lessThan(0.5);
  });
});
