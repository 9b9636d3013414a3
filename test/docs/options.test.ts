import { expect } from "chai";
import { z } from "zod";
import { Registry } from "#lib/definition.js";
import { instanceOf, rate, share } from "#lib/schema.js";
import { optionTables } from "../../scripts/options/tables.js";

const kinds = new Registry(
  [
    {
      name: "one",
      summary: "The first",
      options: {
        count: z.int().min(1),
        part: share.default(0.5),
        mode: z.enum(["max", "min"]).optional(),
        pair: z.tuple([rate, rate]).default([1, 2]),
        pattern: z.union([z.string(), instanceOf(RegExp, "a regular expression")]).optional(),
        inner: z.strictObject({ drop: z.number().lt(1), name: z.string().optional() }).optional(),
      },
    },
  ],
  { common: { seed: z.boolean().default(false) } },
);
const texts = {
  "": { seed: "S." },
  one: { count: "C.", part: "P.", mode: "M.", pair: "A | B.", pattern: "R.", inner: "I." },
};

describe("the tables of options", () => {
  it("tell what each option takes, its default and what it is", () => {
    expect(optionTables(kinds, texts, "here").split("\n")).to.deep.equal([
      '**`type: "one"`** The first.',
      "",
      "| Option | Takes | Default | What it is |",
      "| - | - | - | - |",
      "| `count` | integer of at least 1 | must be given | C. |",
      "| `part` | number from 0 to 1 | `0.5` | P. |",
      '| `mode` | `"max"`, `"min"` |  | M. |',
      "| `pair` | list of 2: number of at least 0 | `[1,2]` | A \\| B. |",
      "| `pattern` | string or a regular expression |  | R. |",
      "| `inner` | { drop: number less than 1, name?: string } |  | I. |",
      "",
      "Each of them also takes",
      "",
      "| Option | Takes | Default | What it is |",
      "| - | - | - | - |",
      "| `seed` | boolean | `false` | S. |",
    ]);
  });

  it("are not made where an option has no text", () => {
    const without = { ...texts, one: { ...texts.one, part: "" } };
    expect(() => optionTables(kinds, without, "here")).to.throw("here: one: the option part has no comment");
  });
});
