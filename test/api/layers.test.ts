import { expect } from "chai";
import { cruise, type ICruiseResult, type IConfiguration } from "dependency-cruiser";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const LIB = fileURLToPath(new URL("../../lib", import.meta.url));
const PLANTED = fileURLToPath(new URL("../fixtures/layers", import.meta.url));

const CONFIGURATION = new URL("../../.dependency-cruiser.js", import.meta.url).href;

describe("the layers of lib/", () => {
  let config: IConfiguration;
  let layers: string[];

  before(async () => {
    const read = (await import(CONFIGURATION)) as { default: IConfiguration; LAYERS: string[] };
    [config, layers] = [read.default, read.LAYERS];
  });

  it("are its folders", () => {
    const folders = readdirSync(LIB, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(layers).to.include.members(folders.map(({ name }) => name));
  });

  it("are held: an import upwards, of a type too, and a circle are told", async () => {
    const { forbidden = [] } = config;
    const { output } = await cruise(["lib"], {
      ...config.options,
      ruleSet: { forbidden },
      validate: true,
      baseDir: PLANTED,
      tsConfig: {},
    });
    const { summary } = output as ICruiseResult;
    const told = summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`);
    expect(told.sort()).to.deep.equal([
      "no-circle: lib/report/one.ts",
      "tensor-imports-down: lib/tensor/upward-type.ts",
      "tensor-imports-down: lib/tensor/upward.ts",
    ]);
  });
});
