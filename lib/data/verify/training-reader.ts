import { McLossError } from "../../errors.js";
import { reasonOf } from "../../system-error.js";
import { ListDataset, type Sample } from "../dataset.js";
import { readHeader } from "../../image/decode.js";
import type { Size } from "../../image/geometry.js";
import { buildPipeline } from "../../image/pipeline.js";
import { randomAt } from "../../image/random.js";
import { SampleReader } from "../../loader/sample-reader.js";
import { normalize, resize } from "../../image/transforms.js";

const SMALL = { height: 8, width: 8 };

/** Reads images as training does, with its limits. */
export class TrainingReader {
  readonly #pipeline = buildPipeline([resize(SMALL), normalize()]);
  readonly #reader = new SampleReader(new ListDataset<Sample>([""], []), this.#pipeline, { cacheBytes: 0 });

  /** What is wrong with an image: it is decoded to its last pixel. Undefined where nothing is. */
  async problemOf(path: string): Promise<string | undefined> {
    try {
      const target = new Uint8Array(this.#pipeline.sampleBytes);
      await this.#reader.read({ path, label: 0 }, 0, randomAt(0), target);
      return undefined;
    } catch (error) {
      const cause = error instanceof McLossError ? (error.cause ?? error) : error;
      return reasonOf(cause);
    }
  }

  /**
   * The size of the pixels as they are stored; nothing is decoded.
   * @throws McLossError ERR_IMAGE, also where an image is larger than may be
   */
  async storedSize(path: string): Promise<Size> {
    const { height, width, orientation } = await readHeader(path, this.#pipeline.limits);
    return orientation < 5 ? { height, width } : { height: width, width: height };
  }
}
