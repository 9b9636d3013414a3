import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { McLossError } from "../../errors.js";
import { openFile } from "../../io/open-file.js";

/** How an archive is compressed. */
export type Compression = "none" | "gzip" | "bzip2" | "xz";

const SIGNATURES: Readonly<Record<Exclude<Compression, "none">, Buffer>> = {
  gzip: Buffer.from("1f8b", "hex"),
  bzip2: Buffer.from("BZh"),
  xz: Buffer.from("fd377a585a00", "hex"),
};

/** By a file's first bytes. */
export function compressionOf(start: Buffer): Compression {
  const found = Object.entries(SIGNATURES).find(([, sign]) => start.subarray(0, sign.length).equals(sign));
  return (found?.[0] as Compression | undefined) ?? "none";
}

/** The bytes that were compressed. @param onBytes is told how many of the file were read */
export function decompress(
  path: string,
  compression: Compression,
  onBytes: (count: number) => void,
): AsyncIterable<Buffer> {
  const source = counted(path, onBytes);
  if (compression === "none") return source;
  return compression === "gzip" ? gunzip(source) : runCommand(path, compression, source);
}

async function* counted(path: string, onBytes: (count: number) => void): AsyncGenerator<Buffer, void, void> {
  const file = await openFile(path);
  for await (const chunk of file.createReadStream()) {
    onBytes((chunk as Buffer).length);
    yield chunk as Buffer;
  }
}

async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const stream = createGunzip();
  // The stream ends in an error of its own, which is the one to tell.
  pipeline(source, stream).catch(() => undefined);
  yield* stream as AsyncIterable<Buffer>;
}

/** Node.js has neither bzip2 nor xz; nearly every system has their commands. */
async function* runCommand(
  path: string,
  command: "bzip2" | "xz",
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, void> {
  // A few bytes can ask xz for 4 GiB; its strongest preset takes 65 MiB.
  const env = { ...process.env, XZ_DEFAULTS: "--memlimit-decompress=1GiB" };
  const child = spawn(command, ["-dc"], { env, stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  ended.catch(() => undefined); // awaited below
  const complaints = text(child.stderr).catch(() => "");
  const fed = pipeline(source, child.stdin).catch((error: unknown) => error);
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const status = await ended.catch((cause: unknown) => {
      throw missingCommand(path, command, cause);
    });
    if (status === 0) return;
    const [problem = ""] = (await complaints).trim().split("\n");
    throw new Error(problem === "" ? `${command} ended with ${String(status ?? (await fed))}` : problem);
  } finally {
    child.kill();
  }
}

function missingCommand(path: string, command: string, cause: unknown): McLossError {
  const text = `${path} is compressed by ${command}, whose command cannot be run here: install ${command}, or unpack it yourself`;
  return new McLossError("ERR_DATASET", text, { path, cause });
}
