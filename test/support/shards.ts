import type { RequestListener } from "node:http";
import { Header } from "tar";

/** A tar of files. */
export function tarOf(files: Readonly<Record<string, Uint8Array | string>>): Buffer {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const data = Buffer.from(content);
    const block = Buffer.alloc(512);
    new Header({ path, size: data.length, mode: 0o644, type: "File" }).encode(block, 0);
    return [block, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** Serves files by the names that end their addresses, with ranges; `asked` gets each request's name and range. */
export function serveRanges(
  files: ReadonlyMap<string, Uint8Array>,
  asked: [name: string, range: string][] = [],
): RequestListener {
  return (request, response) => {
    const name = decodeURIComponent((request.url ?? "").slice(1));
    const file = files.get(name);
    asked.push([name, request.headers.range ?? ""]);
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    if (first === undefined) {
      response.end(file);
      return;
    }
    const [start, end] = [Number(first), Math.min(Number(last), file.length - 1)];
    const range = `bytes ${start}-${end}/${file.length}`;
    response.writeHead(206, { "content-range": range, "content-length": end - start + 1, etag: '"one"' });
    response.end(file.subarray(start, end + 1));
  };
}
