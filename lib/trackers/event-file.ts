import { open, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { crc32c } from "../io/crc32c.js";
import { makeFolder } from "../make-folder.js";
import { messageEncoder } from "../io/protobuf.js";
import { named } from "../io/replace-file.js";

/**
 * What of TensorBoard's messages is written here, with the field numbers of its event.proto, summary.proto, tensor.proto and
 * hparams' plugin_data.proto and api.proto (https://github.com/tensorflow/tensorboard).
 */
const encode = messageEncoder(
  {
    Event: {
      wallTime: ["one", "double", 1],
      step: ["one", "int64", 2],
      fileVersion: ["one", "string", 3],
      summary: ["one", "Summary", 5],
      sessionLog: ["one", "SessionLog", 7],
    },
    SessionLog: { status: ["one", "int32", 1] },
    Summary: { value: ["many", "Value", 1] },
    Value: {
      tag: ["one", "string", 1],
      simpleValue: ["one", "float", 2],
      image: ["one", "Image", 4],
      tensor: ["one", "TensorProto", 8],
      metadata: ["one", "SummaryMetadata", 9],
    },
    Image: {
      height: ["one", "int32", 1],
      width: ["one", "int32", 2],
      colorspace: ["one", "int32", 3],
      encodedImageString: ["one", "bytes", 4],
    },
    SummaryMetadata: { pluginData: ["one", "PluginData", 1], dataClass: ["one", "int32", 4] },
    PluginData: { pluginName: ["one", "string", 1], content: ["one", "bytes", 2] },
    TensorProto: {
      dtype: ["one", "int32", 1],
      tensorShape: ["one", "TensorShapeProto", 2],
      stringVal: ["many", "bytes", 8],
    },
    TensorShapeProto: { dim: ["many", "Dim", 2] },
    Dim: { size: ["one", "int64", 1] },
    HParamsPluginData: {
      version: ["one", "int32", 1],
      experiment: ["one", "Experiment", 2],
      sessionStartInfo: ["one", "SessionStartInfo", 3],
      sessionEndInfo: ["one", "SessionEndInfo", 4],
    },
    Experiment: { hparamInfos: ["many", "HParamInfo", 4], metricInfos: ["many", "MetricInfo", 5] },
    HParamInfo: { name: ["one", "string", 1], type: ["one", "int32", 4] },
    MetricInfo: { name: ["one", "MetricName", 1] },
    MetricName: { tag: ["one", "string", 2] },
    SessionStartInfo: { hparams: ["map", "Setting", 1], startTimeSecs: ["one", "double", 5] },
    SessionEndInfo: { status: ["one", "int32", 1], endTimeSecs: ["one", "double", 2] },
    // google.protobuf.Value
    Setting: {
      numberValue: ["one", "double", 2],
      stringValue: ["one", "string", 3],
      boolValue: ["one", "bool", 4],
    },
  },
  { zeros: true },
);

/** SessionLog.SessionStatus: what is of this step or later, from an earlier run, does not count. */
const START = 1;
/** DataClass.DATA_CLASS_TENSOR */
const DATA_CLASS_TENSOR = 2;
/** DataType.DT_STRING */
const DT_STRING = 7;
/** SummaryMetadata of hparams: DataType and Status of api.proto. */
const SETTING_TYPE = { string: 1, boolean: 2, number: 3 } as const;
const SUCCESS = 1;
const RGB = 3;
/** How checksums are kept, so that one over data with checksums in it is none of a kind. */
const MASK = 0xa282ead8;

/** A setting of a run, for TensorBoard's table of hyperparameters. */
export type Setting = string | number | boolean;

/** An event file of TensorBoard's, which is written as it goes on. */
export class EventFile {
  readonly path: string;
  readonly #file: FileHandle;
  /** Writes one after another. */
  #written: Promise<unknown> = Promise.resolve();

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** @throws McLossError ERR_IO where the folder cannot be made or written */
  static async create(folder: string): Promise<EventFile> {
    const seconds = Math.floor(Date.now() / 1000);
    const name = `events.out.tfevents.${String(seconds).padStart(10, "0")}.${hostname()}.${process.pid}`;
    const file = await named(
      folder,
      makeFolder(folder).then(() => openNew(folder, name)),
    );
    const made = new EventFile(file.path, file.handle);
    await made.#write({ fileVersion: "brain.Event:2" });
    return made;
  }

  /** Says that what an earlier file has of this step and later does not count. */
  start(step: number): Promise<void> {
    return this.#write({ step, sessionLog: { status: START } });
  }

  scalars(values: Readonly<Record<string, number | undefined>>, step: number): Promise<void> {
    const value = Object.entries(values).flatMap(([tag, simpleValue]) =>
      simpleValue === undefined ? [] : [{ tag, simpleValue }],
    );
    return value.length > 0 ? this.#write({ step, summary: { value } }) : Promise.resolve();
  }

  /** @param png its bytes, with its size */
  image(
    tag: string,
    png: Uint8Array,
    { width, height }: { width: number; height: number },
    step: number,
  ): Promise<void> {
    const image = { width, height, colorspace: RGB, encodedImageString: png };
    return this.#write({ step, summary: { value: [{ tag, image }] } });
  }

  /** @param markdown as TensorBoard shows it */
  text(tag: string, markdown: string, step: number): Promise<void> {
    const tensor = {
      dtype: DT_STRING,
      tensorShape: { dim: [{ size: 1 }] },
      stringVal: [Buffer.from(markdown)],
    };
    const metadata = { pluginData: { pluginName: "text" }, dataClass: DATA_CLASS_TENSOR };
    return this.#write({ step, summary: { value: [{ tag: `${tag}/text_summary`, tensor, metadata }] } });
  }

  /** A run's row in the table of hyperparameters. @param metrics tags of scalars that the table has */
  async settings(settings: Readonly<Record<string, Setting>>, metrics: readonly string[]): Promise<void> {
    const hparamInfos = Object.entries(settings).map(([name, value]) => {
      return { name, type: SETTING_TYPE[typeof value as keyof typeof SETTING_TYPE] };
    });
    const hparams = Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [name, settingOf(value)]),
    );
    await this.#plugin("_hparams_/experiment", {
      experiment: { hparamInfos, metricInfos: metrics.map((tag) => ({ name: { tag } })) },
    });
    await this.#plugin("_hparams_/session_start_info", {
      sessionStartInfo: { hparams, startTimeSecs: Date.now() / 1000 },
    });
  }

  /** Says that the run of {@link EventFile.settings} came to its end. */
  ended(): Promise<void> {
    return this.#plugin("_hparams_/session_end_info", {
      sessionEndInfo: { status: SUCCESS, endTimeSecs: Date.now() / 1000 },
    });
  }

  #plugin(tag: string, data: object): Promise<void> {
    const content = encode("HParamsPluginData", { version: 0, ...data });
    const metadata = { pluginData: { pluginName: "hparams", content } };
    return this.#write({ step: 0, summary: { value: [{ tag, metadata }] } });
  }

  #write(event: object): Promise<void> {
    const record = recordOf(encode("Event", { wallTime: Date.now() / 1000, ...event }));
    const written = this.#written.then(() => named(this.path, this.#file.writeFile(record)));
    this.#written = written.catch(() => undefined);
    return written;
  }

  async close(): Promise<void> {
    await this.#written;
    await this.#file.close();
  }
}

/** Of several in a second each has a name of its own. */
async function openNew(folder: string, name: string): Promise<{ path: string; handle: FileHandle }> {
  for (let number = 0; ; number += 1) {
    const path = join(folder, `${name}.${number}`);
    try {
      return { path, handle: await open(path, "ax") };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

function settingOf(value: Setting): object {
  if (typeof value === "number") return { numberValue: value };
  return typeof value === "boolean" ? { boolValue: value } : { stringValue: value };
}

/** A record of a TFRecord file: its length and its data, each with a checksum. */
function recordOf(data: Uint8Array): Buffer {
  const record = Buffer.alloc(8 + 4 + data.length + 4);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(masked(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(masked(data), 12 + data.length);
  return record;
}

function masked(bytes: Uint8Array): number {
  const checksum = crc32c(bytes);
  return (((checksum >>> 15) | (checksum << 17)) + MASK) >>> 0;
}
