// Times data loading: this package's DataLoader, and decoding alone, beside torchvision's DataLoader with Pillow; the
// same files, the same cores, in turn. Then the share of training that waits for data.
// Last, how images/s grow with cores, simulated: each image holds a thread for a while.
//   npm run bench -- data [--images DIR] [--rounds 5] [--workers N] [--batch 32] [--python python3] [--no-train] [--quick] [--json]
// --quick measures two rounds of the small images alone.
// Without --images, it makes its own of Debian's packages, once, in bench/data/images.
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DataLoader, ImageFolder, resnet18, Trainer } from "mutual-channel-loss";
import { normalize, randomCrop, randomHorizontalFlip, resize } from "mutual-channel-loss/data";
import { formatTable } from "#lib/table.js";
import { defaultWorkers } from "#lib/loader/workers.js";
import { native } from "#lib/native/binding.js";
import { convertSet, prepareImages } from "./data/prepare.js";
import { openDecoding, openEpochs, simulateCores, type Epoch, type Task } from "./data/task.js";
import { Torchvision } from "./data/torchvision.js";
import { maximum } from "#lib/extremes.js";

const { values } = parseArgs({
  options: {
    images: { type: "string" },
    rounds: { type: "string", default: "5" },
    workers: { type: "string" },
    batch: { type: "string", default: "32" },
    python: { type: "string", default: "python3" },
    "no-train": { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const rounds = values.quick ? 2 : Number(values.rounds);
const batchSize = Number(values.batch);
const workers = values.workers === undefined ? undefined : Number(values.workers);
const IMAGES = fileURLToPath(new URL("data/images", import.meta.url));
const PYTHON_WORKERS = [0, 1, 2];
const OURS = "mcloss";
/** About what decoding a photograph takes, and for how many of them a core is held. */
const HELD_MS = 2;
const HELD_IMAGES = 400;
/** With --json, stdout has the document alone. */
const say = values.json ? console.error : console.log;

interface Row {
  task: string;
  loader: string;
  imagesPerSecond: number;
  cpuMillisecondsPerImage: number;
  /** Ours against the fastest of theirs; only in our row. */
  ratio?: number;
  delay?: number;
}

async function listTasks(): Promise<Task[]> {
  const { small, full } = values.images
    ? { small: values.images, full: undefined }
    : await prepareImages(IMAGES, say);
  const sizes = [
    { resize: 256, crop: 224 },
    { resize: 448, crop: 448 },
  ];
  const sets = [
    {
      name: values.images ? "given" : "500×375",
      folder: small,
      passes: values.images ? 1 : values.quick ? 1 : 5,
    },
    ...(full && !values.quick ? [{ name: "full size", folder: full, passes: 1 }] : []),
  ];
  const tasks = sets.flatMap(({ name, ...set }) =>
    sizes.map((size) => ({ name: `${name} → ${size.crop}`, batchSize, ...set, ...size })),
  );
  if (values.images) return tasks;
  const others = await Promise.all((["png", "webp"] as const).map((format) => convertSet(small, format)));
  return [
    ...tasks,
    ...others.map((folder, i) => ({
      name: `500×375 ${["PNG", "WebP"][i]} → 224`,
      folder,
      passes: values.quick ? 2 : 10,
      batchSize,
      ...{ resize: 256, crop: 224 },
    })),
  ];
}

/** All loaders in turn, `rounds` times; the first round warms up. */
async function measure(task: Task, python: Torchvision | undefined): Promise<Row[]> {
  const contenders = new Map<string, () => Promise<Epoch>>([
    [OURS, await openEpochs(task, { workers, cacheBytes: 0 })],
    [`${OURS}, --cache ram`, await openEpochs(task, { workers, cache: "ram" })],
    ["decoding alone", await openDecoding(task, workers ?? defaultWorkers())],
  ]);
  if (python) {
    for (const count of PYTHON_WORKERS) {
      contenders.set(`torchvision, ${count} workers`, () => python.run(task, count));
    }
  }
  const epochs = new Map<string, Epoch[]>();
  for (let round = 0; round <= rounds; round += 1) {
    for (const [loader, run] of contenders) {
      const epoch = await run();
      if (round > 0) epochs.set(loader, [...(epochs.get(loader) ?? []), epoch]);
    }
  }
  const rows = [...epochs].map(([loader, measured]): Row => {
    const delays = measured.flatMap(({ delay }) => (delay === undefined ? [] : [delay]));
    return {
      task: task.name,
      loader,
      imagesPerSecond: median(measured.map(({ images, seconds }) => images / seconds)),
      cpuMillisecondsPerImage: median(measured.map(({ images, cpuSeconds }) => (1000 * cpuSeconds) / images)),
      ...(delays.length > 0 ? { delay: median(delays) } : {}),
    };
  });
  const others = rows.filter(({ loader }) => loader.startsWith("torch"));
  const theirs = maximum(others.map((row) => row.imagesPerSecond));
  for (const row of rows) if (row.loader === OURS && theirs > 0) row.ratio = row.imagesPerSecond / theirs;
  return rows;
}

/** A short training, for the share of it that waits. */
async function measureWaiting(task: Task): Promise<{ imagesPerSecond: number; dataShare: number }> {
  const folder = await ImageFolder.open(task.folder);
  const few = {
    length: Math.min(folder.length, 128),
    classes: ["one", "other"],
    sample: (i: number) => ({ ...folder.sample(i), label: i % 2 }),
  };
  const model = resnet18({ classes: 2, channelsPerClass: 3, inputSize: task.crop });
  const transforms = [resize(task.resize), randomCrop(task.crop), randomHorizontalFlip(), normalize()];
  const loader = new DataLoader(few, { batchSize: 16, transforms, shuffle: true, cacheBytes: 0 });
  const result = { imagesPerSecond: 0, dataShare: 0 };
  for await (const event of new Trainer(model, { epochs: 2 }).fit(loader)) {
    if (event.type === "epoch")
      Object.assign(result, { imagesPerSecond: event.imagesPerSecond, dataShare: event.dataShare });
  }
  return result;
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

function formatRows(rows: readonly Row[]): string {
  const head = ["task", "loader", "images/s", "CPU ms/image", "ratio", "p99 delay ms"];
  const body = rows.map(({ task, loader, imagesPerSecond, cpuMillisecondsPerImage, ratio, delay }) => [
    task,
    loader,
    imagesPerSecond.toFixed(0),
    cpuMillisecondsPerImage.toFixed(2),
    ratio?.toFixed(2) ?? "",
    delay?.toFixed(1) ?? "",
  ]);
  return formatTable([head, ...body]);
}

const tasks = await listTasks();
const python = await Torchvision.start(values.python);
if (!python) say(`no torchvision in ${values.python}: measuring without it`);
const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  node: process.version,
  jpeg: native().hasImageDecoder("jpeg") ? "libjpeg" : "sharp",
  ...python?.versions,
};
say(
  Object.entries(machine)
    .map(([name, value]) => `${name} ${value}`)
    .join(", "),
);
const rows: Row[] = [];
for (const task of tasks) {
  const measured = await measure(task, python);
  for (const row of measured) rows.push(row);
  say(formatRows(measured));
}
python?.stop();
const simulated: { cores: number; imagesPerSecond: number }[] = [];
for (const cores of [1, 2, 4, 8, 16]) {
  const imagesPerSecond = await simulateCores(cores, HELD_MS, HELD_IMAGES * cores);
  simulated.push({ cores, imagesPerSecond });
}
const perCore = simulated.map(({ cores, imagesPerSecond: rate }) => `${cores}: ${rate.toFixed(0)}`);
say(`images/s by cores, each image holding one for ${HELD_MS} ms: ${perCore.join(", ")}`);
const training = values["no-train"] || values.quick || !tasks[0] ? undefined : await measureWaiting(tasks[0]);
if (training) {
  const share = (100 * training.dataShare).toFixed(2);
  say(
    `training ResNet-18 at ${tasks[0]?.crop}: ${training.imagesPerSecond.toFixed(1)} images/s, ${share} % of it waiting for data`,
  );
}
if (values.json) console.log(JSON.stringify({ machine, rounds, rows, simulated, training }, null, 2));
