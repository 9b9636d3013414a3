import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";

/** A folder that is gone after the suite. */
export function temporaryFolder(): () => string {
  let path = "";
  before(async () => {
    path = await mkdtemp(join(tmpdir(), "mcloss-test-"));
  });
  after(() => rm(path, { recursive: true, force: true }));
  return () => path;
}

export const COLORS = { blue: "#22d", green: "#2c2", red: "#d22" } as const;

/** An ImageFolder of coloured discs on white, one class per colour: easy to learn. */
export async function writeColorFolder(dir: string, perClass = 8): Promise<string> {
  for (const [name, color] of Object.entries(COLORS)) {
    await mkdir(join(dir, name), { recursive: true });
    for (let i = 0; i < perClass; i += 1) {
      const disc = `<svg width="40" height="40"><circle cx="${14 + i}" cy="20" r="10" fill="${color}"/></svg>`;
      await sharp(Buffer.from(disc))
        .flatten({ background: "#fff" })
        .png()
        .toFile(join(dir, name, `${i}.png`));
    }
  }
  return dir;
}
