import { readWhole } from "../../io/open-file.js";
import type { Size } from "../../image/geometry.js";
import { sniffFormat } from "../../image/formats.js";
import { readJpegHeader } from "../../image/jpeg-header.js";
import type { FileEnds } from "./read-ends.js";

const JPEG_END = Buffer.of(0xff, 0xd9);
const PNG_HEADER = Buffer.from("IHDR", "latin1");
/** With its checksum. */
const PNG_END = Buffer.from("49454e44ae426082", "hex");

/** What a file's ends tell of the image in it: its size, as its pixels are stored, where it is whole. */
export type Inspection = { kind: "whole"; size: Size } | { kind: "doubtful" } | { kind: "other format" };

const DOUBTFUL: Inspection = { kind: "doubtful" };

/** Of a JPEG or PNG; its pixels are not looked at. */
export async function inspectEnds(path: string, ends: FileEnds): Promise<Inspection> {
  const format = sniffFormat(ends.head);
  if (format === "jpeg") return inspectJpeg(path, ends);
  return format === "png" ? inspectPng(ends) : { kind: "other format" };
}

function inspectPng({ head, tail }: FileEnds): Inspection {
  const begins = head.length >= 24 && head.subarray(12, 16).equals(PNG_HEADER);
  if (!begins || !tail.subarray(-PNG_END.length).equals(PNG_END)) return DOUBTFUL;
  return { kind: "whole", size: { width: head.readUInt32BE(16), height: head.readUInt32BE(20) } };
}

async function inspectJpeg(path: string, { bytes, head, tail }: FileEnds): Promise<Inspection> {
  const begun = readJpegHeader(head);
  const ended = tail.subarray(-JPEG_END.length).equals(JPEG_END);
  if (begun && ended) return { kind: "whole", size: begun };
  if (bytes === head.length) return DOUBTFUL;
  const whole = await readWhole(path);
  const header = readJpegHeader(whole);
  // Something else may follow the end. The end of a preview is before the first scan.
  const reached = ended || whole.lastIndexOf(JPEG_END) > firstScan(whole);
  return header && reached ? { kind: "whole", size: header } : DOUBTFUL;
}

const START_OF_SCAN = 0xda;

/** Where a JPEG's pixels begin; beyond the end where they do not. */
function firstScan(bytes: Buffer): number {
  for (let at = 2; at + 4 <= bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    if (bytes[at + 1] === START_OF_SCAN) return at;
  }
  return bytes.length;
}
