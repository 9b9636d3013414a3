import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { StagingFolder } from "#lib/io/staging-folder.js";
import { copyFile, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { openDataset, type McLossError } from "mutual-channel-loss";
import { prepareDataset, type PrepareOptions } from "mutual-channel-loss/data";
import { create, Header } from "tar";
import { rejected } from "../support/errors.js";
import { storedZip } from "../support/pth.js";
import { fixture } from "../support/datasets.js";
import { makeFolder, plain, removeFolder } from "../support/image-files.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MCLOSS = fileURLToPath(new URL("../../bin/mcloss.js", import.meta.url));

interface TarEntry {
  path: string;
  type?: "File" | "SymbolicLink" | "Link" | "CharacterDevice" | "FIFO" | "Directory";
  linkpath?: string;
  data?: Buffer;
  size?: number;
}

/** A tar of any entries, also such as tar itself would not write. */
function tarOf(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(
    ({ path, type = "File", linkpath, data = Buffer.alloc(0), size = data.length }) => {
      const block = Buffer.alloc(512);
      new Header({
        path,
        type,
        size,
        mode: 0o644,
        mtime: new Date(0),
        ...(linkpath ? { linkpath } : {}),
      }).encode(block);
      return [block, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
    },
  );
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

describe("prepareDataset", () => {
  let folder: string;
  let out: string;
  beforeEach(async () => {
    folder = await makeFolder();
    out = join(folder, "data");
  });
  afterEach(() => removeFolder(folder));

  /** An archive of a fixture's entries. */
  async function archive(name: string, root: string, entries: string[]): Promise<string> {
    const file = join(folder, name);
    await create({ file, cwd: fixture(root), gzip: name.endsWith("gz") }, entries);
    return file;
  }

  async function file(name: string, content: Buffer): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  }

  /** The error that preparing ends in; nothing may be left. */
  async function refusal(path: string, options: PrepareOptions = {}): Promise<McLossError> {
    const error = await rejected(prepareDataset([path], { out, ...options }));
    expect(await readdir(out).catch(() => [])).to.deep.equal([]);
    return error;
  }

  it("unpacks a .tgz into the published folder, with what lies beside it", async () => {
    await copyFile(fixture("CUB_200_2011/classes.txt"), join(folder, "attributes.txt"));
    const path = join(folder, "birds.tgz");
    await create({ file: path, gzip: true, cwd: fixture(".") }, ["CUB_200_2011"]);
    const prepared = await prepareDataset([path], { out });
    const sha256 = createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
    expect(prepared).to.deep.equal({
      kind: "cub200",
      root: join(out, "CUB_200_2011"),
      archives: [{ path, sha256 }],
    });
    expect(await readdir(out)).to.deep.equal(["CUB_200_2011"]);
    expect(await openDataset(prepared.root, { allowPartial: true })).to.have.length(6);
    expect((await stat(prepared.root)).mode).to.equal((await stat(out)).mode);
  });

  it("puts the archives and .mat files of one set together", async () => {
    const cars = await prepareDataset(
      [
        await archive("train.tgz", "stanford_cars", ["cars_train"]),
        await archive("test.tar", "stanford_cars", ["cars_test"]),
        await archive("devkit.tgz", "stanford_cars", ["devkit"]),
        fixture("stanford_cars/cars_test_annos_withlabels.mat"),
      ],
      { out, anyChecksum: true },
    );
    expect(cars).to.include({ kind: "stanford-cars", root: join(out, "stanford_cars") });
    expect(cars.archives[3]?.published).to.equal(false);
    expect(await openDataset(cars.root, { allowPartial: true, split: "test" })).to.have.length(4);
    const flowers = await prepareDataset(
      [
        await archive("flowers.tgz", "flowers-102", ["jpg"]),
        fixture("flowers-102/imagelabels.mat"),
        fixture("flowers-102/setid.mat"),
      ],
      { out, anyChecksum: true },
    );
    expect(flowers).to.include({ kind: "flowers102", root: join(out, "flowers-102") });
    expect((await readdir(out)).sort()).to.deep.equal(["flowers-102", "stanford_cars"]);
  });

  it("unpacks a .zip of a folder of images, without what macOS adds", async () => {
    const image = await plain([1, 2, 3]).png().toBuffer();
    const names = [
      "photos/jay/1.png",
      "photos/wren/1.png",
      "__MACOSX/photos/jay/._1.png",
      "photos/.DS_Store",
    ];
    const path = await file("photos.zip", storedZip(names.map((name) => ({ name, data: image }))));
    const { kind, root } = await prepareDataset([path], { out });
    expect([kind, root]).to.deep.equal(["folder", join(out, "photos")]);
    expect((await openDataset(root)).classes).to.deep.equal(["jay", "wren"]);
    expect((await readdir(root)).sort()).to.deep.equal(["jay", "wren"]);
  });

  it("says what else a set needs, and what is there already", async () => {
    const train = await archive("train.tgz", "stanford_cars", ["cars_train"]);
    const error = await refusal(train, { kind: "stanford-cars" });
    expect(error.message).to.match(
      /not the whole of Stanford Cars: devkit\/cars_meta\.mat and .* give all its archives/,
    );
    const flowers = await archive("flowers.tgz", ".", ["flowers-102"]);
    await prepareDataset([flowers], { out });
    const again = await rejected(prepareDataset([flowers], { out }));
    expect(again.message).to.match(/flowers-102 is there already: use it as it is, remove it/);
    expect(await readdir(out)).to.deep.equal(["flowers-102"]);
  });

  it("compares the checksums of files with a published one's name", async () => {
    const path = await archive("CUB_200_2011.tgz", ".", ["CUB_200_2011"]);
    const error = await refusal(path);
    expect(error).to.include({ code: "ERR_DATASET", path });
    expect(error.message).to.match(
      /its SHA-256 is [0-9a-f]{64}, published is 0c685df5[0-9a-f]{56}. Download it again/,
    );
    const { archives } = await prepareDataset([path], { out, anyChecksum: true });
    expect(archives[0]?.published).to.equal(false);
  });

  const data = Buffer.from("x");
  const hostile: [string, TarEntry[], RegExp][] = [
    ["a path that leads out", [{ path: "../evil", data }], /"\.\.\/evil" leads out of the folder/],
    ["a path that leads out further in", [{ path: "a/../../evil", data }], /leads out of the folder/],
    ["an absolute path", [{ path: "/tmp/mcloss-evil", data }], /leads out of the folder/],
    [
      "a symbolic link",
      [
        { path: "link", type: "SymbolicLink", linkpath: "/etc" },
        { path: "link/evil", data },
      ],
      /link is a link or a device/,
    ],
    ["a hard link", [{ path: "link", type: "Link", linkpath: "../../secret" }], /link or a device/],
    ["a device", [{ path: "null", type: "CharacterDevice" }], /link or a device/],
    ["a pipe", [{ path: "pipe", type: "FIFO" }], /link or a device/],
    ["a name with a line break", [{ path: "a\nb", data }], /has no usable name/],
    ["a file after which it ends", [{ path: "a", data, size: 10_000 }], /is damaged/],
  ];
  for (const [what, entries, message] of hostile) {
    it(`refuses a tar with ${what}, and leaves nothing`, async () => {
      const good: TarEntry = { path: "good/1.txt", data };
      const plainTar = await refusal(await file("evil.tar", tarOf([good, ...entries])));
      expect(plainTar).to.include({ code: "ERR_DATASET", path: join(folder, "evil.tar") });
      expect(plainTar.message).to.match(message);
      expect((await refusal(await file("evil.tgz", gzipSync(tarOf([good, ...entries]))))).message).to.match(
        message,
      );
      expect(await readdir(folder)).to.have.members(["evil.tar", "evil.tgz", "data"]);
    });
  }

  it("refuses the same in a zip", async () => {
    for (const name of ["../evil", "/etc/evil", "a/../../b", "C:/evil"]) {
      const path = await file(
        "evil.zip",
        storedZip([
          { name: "good/1.txt", data },
          { name, data },
        ]),
      );
      expect(await refusal(path)).to.include({ code: "ERR_DATASET", path });
    }
    const zip = storedZip([{ name: "link", data: Buffer.from("/etc/passwd") }]);
    zip.writeUInt32LE(0o120777 * 2 ** 16, zip.indexOf("PK\x01\x02") + 38);
    expect((await refusal(await file("link.zip", zip))).message).to.match(/link is a link or a device/);
  });

  it("refuses a zip that is damaged or forged anywhere", async () => {
    const zip = storedZip([{ name: "a/1.txt", data: Buffer.alloc(300, "y") }]);
    for (let at = 0; at < zip.length; at += 11) {
      for (const bad of [Buffer.from(zip.subarray(0, at)), Buffer.from(zip)]) {
        if (bad.length === zip.length) bad.fill(0xff, at, Math.min(at + 8, bad.length));
        const path = await file("bad.zip", bad);
        const error: unknown = await prepareDataset([path], { out }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error !== undefined) expect(error, String(at)).to.have.property("code", "ERR_DATASET");
        await removeFolder(out);
      }
    }
  });

  it("refuses a zip whose packed data is damaged, where nothing of it has been read yet", async () => {
    const zip = storedZip([{ name: "photos/jay/1.png", data: randomBytes(2000), deflated: true }]);
    for (const at of [46, 60, 1000]) {
      const bad = Buffer.from(zip);
      bad.fill(0xff, at, at + 4);
      const error = await refusal(await file("bad.zip", bad));
      expect(error.code).to.equal("ERR_DATASET");
      expect(error.message).to.match(/bad\.zip is damaged \(.*\): download it again/);
    }
  });

  it("compares the checksums of what is in a zip", async () => {
    const zip = storedZip([{ name: "photos/jay/1.png", data: Buffer.alloc(2000, "i") }]);
    zip[1000]! ^= 1;
    const path = await file("flipped.zip", zip);
    expect((await refusal(path)).message).to.match(/photos\/jay\/1\.png has another checksum/);
    zip[1000]! ^= 1;
    await writeFile(path, zip);
    expect((await prepareDataset([path], { out })).root).to.equal(join(out, "flipped"));
  });

  for (const [command, extension] of [
    ["bzip2", "tar.bz2"],
    ["xz", "tar.xz"],
  ] as const) {
    it(`unpacks what ${command} compressed (skipped without its command)`, async function () {
      const tar = tarOf([
        { path: "photos/jay/1.png", data },
        { path: "photos/wren/1.png", data },
      ]);
      const { stdout, error } = spawnSync(command, ["-c"], { input: tar });
      if (error) this.skip();
      const path = await file(`photos.${extension}`, stdout);
      expect(await prepareDataset([path], { out })).to.include({ kind: "folder", root: join(out, "photos") });
      expect(await readFile(join(out, "photos/jay/1.png"))).to.deep.equal(data);
      await removeFolder(out);
      const flipped = Buffer.from(stdout);
      flipped[stdout.length >> 1]! ^= 0xff;
      expect((await refusal(await file(`flipped.${extension}`, flipped))).message).to.match(/is damaged \(/);
      expect((await refusal(await file(`cut.${extension}`, stdout.subarray(0, 40)))).message).to.match(
        /is damaged \(/,
      );
      const { PATH } = process.env;
      process.env["PATH"] = "/nowhere";
      try {
        expect((await refusal(path)).message).to.match(
          new RegExp(`is compressed by ${command}, whose command cannot be run here: install ${command}`),
        );
      } finally {
        process.env["PATH"] = PATH;
      }
    });
  }

  it("reads what follows a tar's end for its checksum alone, and only so much of it", async () => {
    const tar = tarOf([{ path: "photos/jay/1.png", data }]);
    const padded = Buffer.concat([tar, Buffer.alloc(6e6)]);
    for (const [name, content] of [
      ["padded.tar", padded],
      ["padded.tgz", gzipSync(padded)],
    ] as const) {
      expect((await prepareDataset([await file(name, content)], { out })).kind).to.equal("folder");
      await removeFolder(out);
    }
    const endless = gzipSync(Buffer.concat([tar, Buffer.alloc(70 * 2 ** 20)]));
    expect((await refusal(await file("endless.tgz", endless))).message).to.match(
      /holds far more than its files/,
    );
    const twice = await file("twice.tgz", gzipSync(gzipSync(tar)));
    expect((await refusal(twice)).message).to.match(/is damaged \(it is compressed twice\)/);
  });

  it("removes what a killed process left, and nothing of one that lives", async () => {
    const images = Array.from({ length: 300 }, (_, i) => ({ path: `photos/jay/${i}.png`, data }));
    const path = await file("photos.tar", tarOf(images));
    const script = `import { prepareDataset } from "mutual-channel-loss/data";
      const onProgress = (step) => step === "unpacking" && process.kill(process.pid, "SIGKILL");
      await prepareDataset([${JSON.stringify(path)}], { out: ${JSON.stringify(out)}, onProgress });`;
    const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: ROOT });
    expect(signal).to.equal("SIGKILL");
    const left = await readdir(out);
    expect(left).to.have.length(1);
    const living = await StagingFolder.make(out);
    expect(await readdir(out))
      .to.have.length(1)
      .and.not.include(left[0]);
    await prepareDataset([path], { out });
    expect(await readdir(living.path)).to.deep.equal([]);
    await living.remove();
    expect(await readdir(out)).to.deep.equal(["photos"]);
  });

  it("refuses more entries or bytes than the limits, before they are written", async () => {
    const many = await file(
      "many.tar",
      tarOf(Array.from({ length: 20 }, (_, i) => ({ path: `${i}`, data }))),
    );
    expect((await refusal(many, { limits: { entries: 10 } })).message).to.match(/has more than 10 entries/);
    const large = gzipSync(tarOf([{ path: "zeros", data: Buffer.alloc(2 ** 20) }]));
    const path = await file("large.tgz", large);
    expect((await refusal(path, { limits: { bytes: 2 ** 19 } })).message).to.match(
      /unpacks to more than 524288 bytes/,
    );
    const zip = await file("large.zip", storedZip([{ name: "zeros", data: Buffer.alloc(2 ** 20) }]));
    expect((await refusal(zip, { limits: { bytes: 2 ** 19 } })).message).to.match(/unpacks to more than/);
  });

  it("refuses what is no archive, or is not there", async () => {
    expect((await refusal(await file("a.rar", Buffer.from("Rar!")))).message).to.match(
      /no archive that can be unpacked: give a \.tar/,
    );
    expect((await refusal(await file("empty.tgz", Buffer.alloc(0)))).message).to.match(/no archive/);
    const cut = await file("cut.tgz", gzipSync(Buffer.alloc(5000, "z")).subarray(0, 20));
    expect((await refusal(cut)).message).to.match(/is damaged .*download it again/);
    expect((await refusal(join(folder, "none.tgz"))).message).to.match(
      /cannot read the archive .* check the path/,
    );
  });

  it("leaves nothing when a file cannot be written, as on a full disk", async () => {
    const image = Buffer.alloc(2 ** 18, "i");
    const path = await file("photos.tar", tarOf([{ path: "photos/jay/1.png", data: image }]));
    // Files of more than 64 KiB cannot be written.
    const script = `ulimit -f 64; exec "${process.execPath}" "${MCLOSS}" data prepare "${path}" --out "${out}"`;
    const { status, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
    expect(stderr).to.match(/cannot unpack .*photos\.tar \(EFBIG/);
    expect(status).to.equal(1);
    expect(await readdir(out)).to.deep.equal([]);
  });

  it("stops when aborted, and leaves nothing", async () => {
    const large = Buffer.alloc(2 ** 20, "large");
    for (const path of [
      await file("photos.tar", tarOf([{ path: "photos/jay/1.png", data: large }])),
      await file("photos.zip", storedZip([{ name: "photos/jay/1.png", data: large }])),
    ]) {
      const controller = new AbortController();
      const onProgress = (step: string) => step === "unpacking" && controller.abort();
      const error = await refusal(path, { signal: controller.signal, onProgress });
      expect(error.code).to.equal("ERR_ABORTED");
    }
  });

  it("does not write through a link in the place of the data", async () => {
    const elsewhere = join(folder, "elsewhere");
    await mkdir(elsewhere);
    await mkdir(out);
    await writeFile(join(elsewhere, "mine.txt"), "");
    await symlink(elsewhere, join(out, "flowers-102"));
    const flowers = await archive("flowers.tgz", ".", ["flowers-102"]);
    expect((await rejected(prepareDataset([flowers], { out }))).message).to.match(/is there already/);
    expect(await readdir(elsewhere)).to.deep.equal(["mine.txt"]);
  });
});
