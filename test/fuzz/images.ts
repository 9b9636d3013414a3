import { setImmediate as nextTask } from "node:timers/promises";
import { randomAt } from "#lib/image/random.js";
import { DataLoader, type Dataset } from "mutual-channel-loss";
import { normalize, randomCrop, resize } from "mutual-channel-loss/data";
import sharp from "sharp";
import { mutate } from "./mutate.js";

export interface FuzzOptions {
  rounds: number;
  seed: number;
  onRound?: (round: number, result: FuzzResult) => void;
}

export interface FuzzResult {
  decoded: number;
  refused: number;
  /** Resident memory after each round, in bytes. */
  resident: number[];
}

const PER_ROUND = 64;
// No image here takes a tenth of it.
const HANGS_MS = 30_000;

/**
 * Loads damaged JPEG, PNG and WebP files. Each has to become pixels or a bad image that is skipped; anything else, as
 * a decoder that does not return, is an error here, and a crash ends the process.
 */
export async function fuzzImages({ rounds, seed, onRound }: FuzzOptions): Promise<FuzzResult> {
  const originals = await makeOriginals();
  const result: FuzzResult = { decoded: 0, refused: 0, resident: [] };
  for (let round = 0; round < rounds; round += 1) {
    const loader = new DataLoader(damaged(originals, seed, round), {
      batchSize: 8,
      transforms: [resize(40), randomCrop(32), normalize()],
      onBadImage: "skip",
      cacheBytes: 0,
      limitInputPixels: 1e7,
    });
    const signal = AbortSignal.timeout(HANGS_MS);
    let decoded = 0;
    for await (const batch of loader.batches({ signal })) {
      decoded += batch.size;
      batch.dispose();
    }
    if (decoded + loader.skipped.length !== loader.length * 8) throw new Error(`round ${round} lost images`);
    result.decoded += decoded;
    result.refused += loader.skipped.length;
    globalThis.gc?.();
    await nextTask();
    result.resident.push(process.memoryUsage.rss());
    onRound?.(round, result);
  }
  return result;
}

/** The first is intact, as a data set without any readable image is an error of its own. */
function damaged(originals: readonly Uint8Array[], seed: number, round: number): Dataset {
  const file = (index: number) => {
    const original = originals[index % originals.length] ?? new Uint8Array();
    return index === 0 ? original : mutate(original, randomAt(seed, round, index));
  };
  return {
    length: PER_ROUND,
    classes: ["any"],
    sample: (index) => ({ path: `round ${round}, image ${index}`, label: 0, source: file(index) }),
  };
}

async function makeOriginals(): Promise<Uint8Array[]> {
  const picture = () =>
    sharp({
      create: {
        width: 90,
        height: 60,
        channels: 3,
        background: "#888",
        noise: { type: "gaussian", mean: 128, sigma: 40 },
      },
    });
  return Promise.all([
    picture().jpeg().toBuffer(),
    picture().jpeg({ progressive: true, chromaSubsampling: "4:4:4" }).toBuffer(),
    picture().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    picture().withIccProfile("p3").jpeg().toBuffer(),
    picture().toColourspace("b-w").jpeg().toBuffer(),
    picture().toColourspace("cmyk").jpeg().toBuffer(),
    picture().png().toBuffer(),
    picture().png({ progressive: true, palette: true }).toBuffer(),
    picture().webp().toBuffer(),
    picture().webp({ lossless: true }).toBuffer(),
  ]);
}
