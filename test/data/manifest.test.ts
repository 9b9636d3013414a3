import { expect } from "chai";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { manifest } from "mutual-channel-loss/data";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { fixture } from "../support/datasets.js";

const folder = temporaryFolder();

async function written(name: string, text: string): Promise<string> {
  const path = join(folder(), name);
  await writeFile(path, text);
  return path;
}

describe("manifest", () => {
  for (const name of ["birds.csv", "birds.jsonl"]) {
    it(`reads path, label, split and box: ${name}`, async () => {
      const set = await manifest(fixture(`manifest/${name}`), { split: "test" });
      expect(set.classes).to.deep.equal(["jay, blue", "wren"]);
      const box = { x: 1, y: 2, width: 9.5, height: 8 };
      expect(set.samples).to.deep.equal([
        { path: fixture("manifest/photos/2.jpg"), label: 1, split: "test", box },
        { path: fixture("manifest/photos/3.jpg"), label: 0, split: "test", box },
      ]);
      expect(await manifest(fixture(`manifest/${name}`))).to.have.length(2);
    });
  }

  it("needs no more than path and label, in any order, and keeps absolute paths", async () => {
    const file = await written(
      "plain.csv",
      "label,note,path\nwren,,/birds/a b.jpg\n\njay,seen twice,c.jpg\n",
    );
    const set = await manifest(file);
    expect(set.samples).to.deep.equal([
      { path: "/birds/a b.jpg", label: 1 },
      { path: join(folder(), "c.jpg"), label: 0 },
    ]);
  });

  it("sorts classes that are numbers as numbers, and takes a model's classes as they are", async () => {
    const file = await written("numbers.jsonl", '{"path":"a","label":10}\n{"path":"b","label":9}\n');
    expect((await manifest(file)).classes).to.deep.equal(["9", "10"]);
    const set = await manifest(file, { classes: ["10", "x", "9"] });
    expect(set.samples.map(({ label }) => label)).to.deep.equal([0, 2]);
  });

  it("names the file and line of what is wrong, and what to do", async () => {
    const cases: [string, string, RegExp][] = [
      ["a.csv", "file,label\na,b\n", /:1: has no column path: begin the file with path,label/],
      ["a.csv", "path,label\na\n", /:2: has 1 columns, but the header has 2/],
      ["a.csv", "path,label\na,\n", /:2: has no label/],
      ["a.csv", "path,label\n,b\n", /:2: has no path/],
      ["a.csv", "path,label\na,b\nc,d\n./a,b\n", /:4: has .* again, which line 2 has/],
      ["a.csv", 'path,label\n"a,b\n', /:\d: is not CSV: Quote/],
      [
        "a.csv",
        "path,label,split\na,b,dev\n",
        /:2: has no split: it must be train, val or test in every row/,
      ],
      ["a.csv", "path,label,split\na,b,\nc,b,test\n", /:2: has no split/],
      ["a.csv", "path,label,x,y,width,height\na,b,1,2,3,\n", /:2: has no box/],
      ["a.csv", "path,label,x,y,width,height\na,b,1,2,-3,4\n", /:2: has no box/],
      ["a.jsonl", '{"path":"a","label":"b"}\n[1]\n', /:2: is not a JSON object/],
      ["a.jsonl", '{"path":"a","label":"b"}\n{"path":\n', /:2: is not a JSON object/],
      ["a.jsonl", '{"path":["a"],"label":"b"}\n', /:1: has no path/],
      ["a.jsonl", '{"path":"a","label":"b","box":[1,2,3,4]}\n', /:1: has no box/],
      ["a.txt", "a b\n", / is not a manifest: its name must end in \.csv or \.jsonl/],
      ["a.csv", "", / has no images in trainval/],
    ];
    for (const [name, text, message] of cases) {
      const file = await written(name, text);
      const error = await rejected(manifest(file));
      expect(error, text).to.include({ code: "ERR_DATASET", path: file });
      expect(error.message).to.match(message).and.contain(file);
    }
    const file = await written("a.csv", "path,label\na,b\n");
    const unknown = await rejected(manifest(file, { classes: ["c"] }));
    expect(unknown.message).to.match(/:2: has the class "b", which the model does not know/);
    expect((await rejected(manifest(join(folder(), "none.csv")))).message).to.match(
      /cannot read the annotation file/,
    );
  });
});
