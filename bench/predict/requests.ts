import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { Classifier, Model } from "mutual-channel-loss";
import { normalize } from "mutual-channel-loss/data";
import { exportOnnx } from "mutual-channel-loss/models";
import { formatTable } from "#lib/table.js";
import { readPeakMemory } from "../../test/support/peak-memory.js";
import { median } from "../median.js";
import { makeJpegs } from "./jpegs.js";
import { specFor } from "./problem.js";
import { findOnnxRuntime } from "./sides.js";
import { answerTurns, TurnProcess } from "./turn-process.js";

const CONCURRENCY = [1, 8, 50];
const NETWORK = "resnet18";
const SIDES = ["Classifier", "sharp + onnxruntime"] as const;

/** What requests of one side took, so many at once. */
export interface RequestRow {
  side: string;
  concurrency: number;
  imagesPerSecond: number;
  p50: number;
  p99: number;
  /** The most bytes that the process had so far. */
  peak: number;
}

type Measured = Omit<RequestRow, "side" | "concurrency">;

/** Says what is on an image. */
type Answer = (bytes: Buffer) => Promise<unknown>;

function makeModel(): Model {
  return new Model(specFor({ network: NETWORK, size: 224 }), {
    seed: 1,
    info: { normalization: normalize() },
  }).eval();
}

/** A server as one writes it with sharp and onnxruntime-node: each request by itself. */
async function openOnnx(path: string): Promise<Answer> {
  const runtime = findOnnxRuntime();
  if (!runtime) throw new Error("no onnxruntime-node on NODE_PATH");
  const session = await runtime.InferenceSession.create(path, { graphOptimizationLevel: "all" });
  const side = 224;
  const scales = [0.229, 0.224, 0.225].map((deviation) => 1 / (255 * deviation));
  const means = [0.485, 0.456, 0.406].map((mean) => 255 * mean);
  return async (bytes) => {
    const pixels = await sharp(bytes)
      .resize(256, 256, { fit: "outside" })
      .resize(side, side, { fit: "cover" })
      .removeAlpha()
      .raw()
      .toBuffer();
    const input = new Float32Array(3 * side * side);
    for (let channel = 0; channel < 3; channel += 1) {
      const [scale = 0, mean = 0] = [scales[channel], means[channel]];
      for (let i = 0; i < side * side; i += 1) {
        input[channel * side * side + i] = ((pixels[3 * i + channel] ?? 0) - mean) * scale;
      }
    }
    return session.run({ images: new runtime.Tensor("float32", input, [1, 3, side, side]) });
  };
}

async function measure(
  answer: Answer,
  images: readonly Buffer[],
  concurrency: number,
  count: number,
): Promise<Measured> {
  const latencies: number[] = [];
  let next = 0;
  const client = async () => {
    while (next < count) {
      const bytes = images[next++ % images.length] ?? Buffer.alloc(0);
      const started = performance.now();
      await answer(bytes);
      latencies.push(performance.now() - started);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: concurrency }, client));
  const seconds = (performance.now() - started) / 1000;
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    imagesPerSecond: count / seconds,
    p50: median(sorted),
    p99: sorted[Math.ceil(0.99 * sorted.length) - 1] ?? NaN,
    peak: readPeakMemory(),
  };
}

/** Each side in a process of its own, in turn, the other stopped meanwhile. */
export async function measureRequests(
  count: number,
  repetitions: number,
  runtime: unknown,
  say: (line: string) => void,
): Promise<RequestRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "mcloss-bench-"));
  const path = join(folder, "model.onnx");
  const children = new Map<string, TurnProcess>();
  try {
    if (runtime) {
      using model = makeModel();
      await exportOnnx(model, path);
    }
    for (const side of SIDES.slice(0, runtime ? 2 : 1)) {
      children.set(side, await TurnProcess.start(fileURLToPath(import.meta.url), [side, path]));
    }
    const rows: RequestRow[] = [];
    for (const concurrency of CONCURRENCY) {
      const measured = new Map<string, RequestRow[]>();
      for (let i = 0; i < repetitions; i += 1) {
        for (const [side, child] of children) {
          child.resume();
          const answer = await child.ask<Measured>({ concurrency, count });
          child.pause();
          measured.set(side, [...(measured.get(side) ?? []), { side, concurrency, ...answer }]);
        }
      }
      for (const all of measured.values()) {
        const sorted = all.toSorted((a, b) => a.imagesPerSecond - b.imagesPerSecond);
        rows.push(sorted[Math.floor(sorted.length / 2)] as RequestRow);
      }
    }
    say(`${NETWORK}, JPEGs of 500 × 375, ${count} requests`);
    say(formatTable([["at once", "", "images/s", "p50 ms", "p99 ms", "peak, MB"], ...rows.map(cells)]));
    return rows;
  } finally {
    for (const child of children.values()) child.stop();
    await rm(folder, { recursive: true });
  }
}

function cells({ side, concurrency, imagesPerSecond, p50, p99, peak }: RequestRow): string[] {
  const numbers = [imagesPerSecond, p50, p99].map((number) => number.toFixed(1));
  return [String(concurrency), side, ...numbers, (peak / 2 ** 20).toFixed(0)];
}

async function main(side: string, path: string): Promise<void> {
  const images = await makeJpegs(32);
  let answer: Answer;
  if (side === SIDES[0]) {
    const classifier = new Classifier(makeModel());
    answer = (bytes) => classifier.predict(bytes);
  } else answer = await openOnnx(path);
  await measure(answer, images, 8, 32);
  answerTurns((request) => {
    const { concurrency, count } = request as { concurrency: number; count: number };
    return measure(answer, images, concurrency, count);
  });
}

const [, script, side = "", path = ""] = process.argv;
if (script === fileURLToPath(import.meta.url)) await main(side, path);
