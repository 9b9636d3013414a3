import { expect } from "chai";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { findWeightsFile } from "#lib/models/fetch-weights.js";
import { allWeightsFiles, officialWeights, type OfficialWeights } from "#lib/models/official-weights.js";
import { completeRecipe, weightsInputNote, withWeightsInput } from "#lib/recipes/complete-recipe.js";
import { networkSpec } from "#lib/recipes/network.js";
import { silentReporter } from "#lib/reporter.js";
import { densenet121, fetchWeights, loadWeights, mobilenet_v2, vit_b_16 } from "mutual-channel-loss/models";
import { saveStateDict, type Tensor } from "mutual-channel-loss/tensor";
import { changeRecipe, recipes } from "mutual-channel-loss/train";
import { rejected } from "../support/errors.js";
import { stateOf } from "../support/fixtures.js";
import { temporaryFolder } from "../support/images.js";
import { growsTo, localServers, withPatience } from "../support/local-server.js";

const folder = temporaryFolder();
const path = (...names: string[]) => join(folder(), ...names);
const spec = mobilenet_v2.spec({ classes: 5 });
const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 37) % 251));
const sha256 = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
const FILE = `tested-${sha256}.pth`;

describe("fetchWeights", () => {
  const listen = localServers();
  let lines: string[];

  beforeEach(async () => {
    lines = [];
    await rm(path("cache"), { recursive: true, force: true });
  });

  async function serve(listener: RequestListener): Promise<string> {
    return `${(await listen(listener)).url}/models`;
  }

  function bring(
    url: string,
    options: { env?: NodeJS.ProcessEnv; fromFile?: string; signal?: AbortSignal; stallMs?: number } = {},
  ) {
    const { env, stallMs = 60_000, ...others } = options;
    return fetchWeights(spec, {
      official: { ...officialWeights(spec)!, file: FILE, sha256 } satisfies OfficialWeights,
      reporter: { ...silentReporter, line: (text) => lines.push(text) },
      env: { HOME: path("home"), MCLOSS_CACHE: path("cache"), MCLOSS_WEIGHTS_URL: url, ...env },
      patience: { stallMs, pauseMs: 1 },
      ...others,
    });
  }

  /** What a download writes until it is whole. */
  const part = () => path("cache", "weights", `${FILE}.part`);

  const startOf = (range: string | undefined) => Number(/bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);

  const whole: RequestListener = (request, response) => {
    const start = startOf(request.headers.range);
    response.writeHead(start > 0 ? 206 : 200, { "content-length": bytes.length - start });
    response.end(bytes.subarray(start));
  };

  it("downloads them once, into the cache", async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url);
      whole(request, response);
    });
    const [first, second] = await Promise.all([bring(url), bring(url)]);
    expect(first)
      .to.equal(path("cache", "weights", FILE))
      .and.equal(second);
    expect(await readFile(first)).to.deep.equal(bytes);
    expect(asked).to.deep.equal([`/models/${FILE}`]);
    expect(await readdir(path("cache", "weights"))).to.deep.equal([FILE]);
    expect(await bring("http://127.0.0.1:9/nothing")).to.equal(first);
  });

  it("goes on where the connection broke, and with what an interrupted download left", async () => {
    const ranges: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      ranges.push(request.headers.range);
      const start = startOf(request.headers.range);
      response.writeHead(start > 0 ? 206 : 200, { "content-length": bytes.length - start });
      if (start >= 600) return void response.end(bytes.subarray(start));
      response.write(bytes.subarray(start, start + 300));
      void growsTo(part(), start + 300).then(() => response.destroy());
    });
    await mkdir(path("cache", "weights"), { recursive: true });
    await writeFile(part(), bytes.subarray(0, 100));
    expect(await readFile(await bring(url))).to.deep.equal(bytes);
    expect(ranges).to.deep.equal(["bytes=100-", "bytes=400-", "bytes=700-"]);
    expect(lines[0]).to.match(/the connection was lost/);
  });

  it("asks a server again that says nothing for long", async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests += 1;
      if (requests > 1) return whole(request, response);
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, 10));
    });
    const file = await withPatience((stallMs) => {
      requests = 0;
      return bring(url, { stallMs });
    });
    expect(await readFile(file)).to.deep.equal(bytes);
    expect(requests).to.be.at.least(2);
  });

  it("refuses another file than the name's digits say, and leaves nothing", async () => {
    const url = await serve((_, response) => response.end(Buffer.alloc(1000)));
    const error = await rejected(bring(url));
    expect(error).to.include({ code: "ERR_CHECKPOINT", path: `${url}/${FILE}` });
    expect(error.message).to.match(new RegExp(`its SHA-256 is [0-9a-f]{64}, expected ${sha256}…`));
    expect(await readdir(path("cache", "weights"))).to.deep.equal([]);
  });

  it("says what helps where the server has no such file, or there is none", async () => {
    const url = await serve((_, response) => response.writeHead(404).end());
    const absent = await rejected(bring(url));
    expect(absent.message).to.match(/the server answered 404/);
    const nowhere = await rejected(bring("http://127.0.0.1:9/models"));
    expect(nowhere).to.include({ code: "ERR_CHECKPOINT" });
    expect(nowhere.message)
      .to.match(/could not be downloaded/)
      .and.match(/HTTPS_PROXY=/)
      .and.match(/MCLOSS_WEIGHTS_URL=/)
      .and.match(/npx mcloss weights mobilenet_v2 --from-file tested-/);
  });

  it("goes through a proxy", async () => {
    const asked: (string | undefined)[] = [];
    const { url: proxy, server } = await listen((request, response) => {
      asked.push(request.url);
      whole(request, response);
    });
    const env = { HTTP_PROXY: proxy };
    const url = "http://weights.invalid/models";
    // undici asks HTTP proxies for a tunnel, which this one opens to itself.
    server.on("connect", (request, socket) => {
      asked.push(request.url);
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      server.emit("connection", socket);
    });
    expect(await readFile(await bring(url, { env }))).to.deep.equal(bytes);
    expect(asked[0]).to.match(/weights\.invalid/);
  });

  it("stops with a signal, and goes on later", async () => {
    const controller = new AbortController();
    const url = await serve((request, response) => {
      if (request.headers.range !== undefined) return whole(request, response);
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, 500));
      void growsTo(part(), 500).then(() => controller.abort());
    });
    const stopped = await rejected(bring(url, { signal: controller.signal }));
    expect(stopped.code).to.equal("ERR_ABORTED");
    expect(await readFile(await bring(url))).to.deep.equal(bytes);
  });

  it("takes a file that was brought by hand, and no other", async () => {
    await writeFile(path("brought.pth"), bytes);
    const there = await bring("http://127.0.0.1:9", { fromFile: path("brought.pth") });
    expect(there).to.equal(path("cache", "weights", FILE));
    expect(await readFile(there)).to.deep.equal(bytes);
    await writeFile(path("other.pth"), "other");
    const error = await rejected(bring("http://127.0.0.1:9", { fromFile: path("other.pth") }));
    expect(error).to.include({ code: "ERR_CHECKPOINT", path: path("other.pth") });
    expect(error.message).to.match(/is not tested-\w+\.pth: its SHA-256 is/);
    const missing = await rejected(bring("http://127.0.0.1:9", { fromFile: path("nowhere.pth") }));
    expect(missing).to.include({ code: "ERR_CHECKPOINT", path: path("nowhere.pth") });
  });

  it("finds those that torch.hub has downloaded", async () => {
    const checkpoints = path("home", ".cache", "torch", "hub", "checkpoints");
    await mkdir(checkpoints, { recursive: true });
    await writeFile(join(checkpoints, FILE), bytes);
    expect(await bring("http://127.0.0.1:9")).to.equal(join(checkpoints, FILE));
    await rm(join(checkpoints, FILE));
    expect(findWeightsFile({ file: FILE }, { HOME: path("home") })).to.equal(undefined);
  });

  it("names the weights that a network has", async () => {
    const error = await rejected(fetchWeights(densenet121.spec({ classes: 3 }), { name: "imagenet-v2" }));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "weights" });
    expect(error.message).to.match(/\(imagenet-v2\) are not there for densenet121: it has imagenet/);
  });
});

describe("weights by name", () => {
  const recipe = changeRecipe(recipes.get("default")!, {
    network: { name: "efficientnet_b1" },
    weights: "imagenet",
    loss: "ce",
  });

  it("bring their images' size, resize and normalisation into a recipe", () => {
    const sized = withWeightsInput(recipe);
    expect(sized.network).to.include({ inputSize: 240 });
    const { transforms } = completeRecipe(sized, networkSpec(sized, 5), undefined);
    expect(transforms.test.map(({ type }) => type)).to.deep.equal(["resize", "centerCrop", "normalize"]);
    expect(transforms.test[0]).to.deep.include({ size: 256, interpolation: "bicubic" });
    expect(transforms.test.at(-1)).to.deep.include({ mean: [0.485, 0.456, 0.406] });
    const train = transforms.train.map(({ type }) => type);
    expect(train).to.deep.equal(["resize", "randomCrop", "randomHorizontalFlip", "normalize"]);
  });

  it("leave a recipe's own input size, to which their resize is scaled", () => {
    const own = withWeightsInput(changeRecipe(recipe, { network: { inputSize: 120 } }));
    expect(own.network).to.include({ inputSize: 120 });
    const { transforms } = completeRecipe(own, networkSpec(own, 5), undefined);
    expect(transforms.test[0]).to.deep.include({ size: 128 });
  });

  it("leave a recipe that writes its transforms out as it is", () => {
    const paper = changeRecipe(recipes.get("cub200-resnet50")!, { weights: "imagenet" });
    expect(withWeightsInput(paper)).to.equal(paper);
    const spec = networkSpec(paper, 200);
    expect(completeRecipe(paper, spec, undefined).transforms.test).to.deep.equal(paper.transforms.test);
    expect(weightsInputNote(paper, spec)).to.equal(undefined);
    const sized = withWeightsInput(recipe);
    expect(weightsInputNote(sized, networkSpec(sized, 5))).to.match(/resized to 256, cropped to 240/);
  });

  it("each have a file, whose images are larger than the network's", () => {
    for (const { file, crop, resize } of allWeightsFiles()) {
      expect(file).to.match(/^\w+-[0-9a-f]{8}\.pth$/);
      expect(resize, file).to.be.at.least(crop);
    }
  });
});

describe("files of older names", () => {
  it("load into DenseNet and ViT", async () => {
    for (const [build, older] of [
      [() => densenet121({ classes: 4, inputSize: 32 }), [/(denselayer\d+\.(?:norm|conv))(\d)\./, "$1.$2."]],
      [
        () => vit_b_16({ classes: 4, inputSize: 32 }),
        [/\.mlp\.(0|3)\./, (_: string, at: string) => `.mlp.linear_${at === "0" ? 1 : 2}.`],
      ],
    ] as const) {
      using source = build();
      const renamed = Object.entries(stateOf(source)).map(([name, value]) => [
        name.replace(older[0], older[1] as string),
        value,
      ]);
      const file = path("older.safetensors");
      await saveStateDict(file, Object.fromEntries(renamed) as Record<string, Tensor>);
      using model = build();
      const { initialized, unused } = await loadWeights(model, file);
      expect({ initialized, unused }).to.deep.equal({ initialized: [], unused: [] });
    }
  });
});
