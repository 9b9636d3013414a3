import { expect } from "chai";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { saveModel, smallResNet } from "mutual-channel-loss";
import { normalize } from "mutual-channel-loss/data";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { mclossIn } from "../support/mcloss.js";
import { writeRecordedRun } from "../support/recorded-run.js";

/** What was written, the exit code, and what the answer has to say. */
type Case = [args: string[], code: number, answer: RegExp];

const WRONG_USAGE: Case[] = [
  [["test", "run"], 2, /unknown command 'test'\n\(Did you mean eval\?\)/],
  [["classify"], 2, /Did you mean predict\?/],
  [["data", "verfy"], 2, /Did you mean verify\?/],
  [
    ["train", "photos", "--lr", "0.1"],
    2,
    /unknown option '--lr'\n\(Did you mean --learning-rate\?\)\n\(mcloss train --help/,
  ],
  [["train", "photos", "--output", "x"], 2, /Did you mean --out\?/],
  [["train", "photos", "--weight-decay", "0.1"], 2, /Did you mean --set optimizer\.weightDecay=/],
  [["train", "photos", "--model", "resnet-50"], 2, /\(Did you mean resnet50\?\)/],
  [["train", "photos", "--model", "ResNet_18"], 2, /\(Did you mean resnet18\?\)/],
  [["train", "photos", "--precision", "fp16"], 2, /\(Did you mean float16\?\)/],
  [["train", "photos", "--epochs"], 2, /argument missing/],
  [["train", "photos", "--epochs", ""], 2, /must be a positive integer/],
  [["train", "photos", "--epochs", "1,5"], 2, /must be a positive integer/],
  [["train", "photos", "--learning-rate", "0,01"], 2, /Write the number with a point, such as 0\.5/],
  [["train", "my", "photos"], 2, /A path with spaces needs quotes/],
  [["train", ""], 2, /argument 'dir' is empty/],
  [["train", "photos", "--out", ""], 2, /option '--out <dir>' is empty/],
  [["predict", "run", ""], 2, /argument 'images' is empty/],
  [
    ["eval", "photos.onnx"],
    2,
    /\(model: a run's folder, .* or a checkpoint; dir: a folder with one sub-folder per class/,
  ],
  [["eval", "run", "photos", "--split", "valid"], 2, /Did you mean val\?/],
  [["predict", "run", "photos", "--on-bad-image", "stop"], 2, /Did you mean error\?/],
  [["doctor", "now"], 2, /^(?![^]*quotes)[^]*too many arguments/],
  [["train", "photos", "--set", "epochs"], 2, /--set must be key=value, got "epochs"/],
  [["train", "photos", "--set", "epohcs=3"], 2, /epohcs: is not known here \(did you mean epochs\?\)/],
  [["train", "photos", "--set", "loss.alpa=1"], 2, /loss\.alpa: is not known here \(did you mean alpha\?\)/],
  [
    ["train", "photos", "--set", "optimizer.learningRate=0,1"],
    2,
    /optimizer\.learningRate: must be a number, got "0,1"/,
  ],
  [
    ["train", "photos", "--set", "schedule.type=cosin"],
    2,
    /must be one of constant, cosine, .*\(did you mean cosine\?\)/,
  ],
  [["train", "photos", "--set", "optimizer=3"], 2, /error: optimizer: must be an object, got 3/],
  [["train", "photos", "--ema", "2"], 2, /--ema: must be at most 1, got 2/],
  [["train", "photos", "--clip-norm", "0"], 2, /--clip-norm: must be more than 0, got 0/],
];

const WRONG_FILES: Case[] = [
  [["train", "photos", "--recipe", "folder.json"], 1, /cannot read the recipe folder\.json: it is a folder/],
  [["train", "photos", "--recipe", "list.json"], 1, /list\.json: recipe must be an object/],
  [
    ["train", "photos", "--device", "gpu"],
    1,
    /^mcloss: --device must be "auto", "cpu", "cuda" or "cuda:N", got "gpu"\n$/,
  ],
  [["train", "photos", "--kind", "cub200"], 1, /To train on it .*, give --kind folder\n$/],
  [
    ["train", "photos", "--out", "recorded"],
    1,
    /go on with it \(--resume recorded\), .*, or delete it \(--overwrite\)\n$/,
  ],
  [
    ["train", "photos", "--channel-health", "--out", "x"],
    1,
    /^mcloss: --channel-health needs --validation\n$/m,
  ],
  [
    ["train", "photos", "--batch-size", "1000000000", "--out", "y"],
    1,
    /takes 12416\.0 GB, .* take --batch-size smaller\n$/,
  ],
  [["train", "bad photos", "--out", "z", "--image-size", "32"], 1, /or skip it \(--on-bad-image skip\)\n$/],
  [["eval", "photos", "recorded"], 1, /photos is not the folder of a run\. As the model, which comes first/],
  [
    ["eval", "photos.onnx", "photos"],
    1,
    /photos\.onnx is an export for other programs, which mcloss writes and does not read/,
  ],
  [
    ["eval", "model.safetensors", "photos", "--confusion", "c.jpg"],
    1,
    /--confusion must end in \.csv or \.png, got "c\.jpg"/,
  ],
  [["eval", "model.safetensors", "photos", "--batch-size", "1000000000000"], 1, /take --batch-size smaller/],
  [["predict", "photos/red/0.png", "model.safetensors"], 1, /photos\/red\/0\.png is an image\. As the model/],
  [["predict", "young", "photos"], 1, /young is a run without a checkpoint: its first epoch has not ended/],
  [["visualize", "model.safetensors", "text.png"], 1, /cannot decode .*: export it again or remove it\n$/],
  [
    ["visualize", "model.safetensors", "photos/red/0.png", "--out", "text.png"],
    1,
    /--out must be a folder, and text\.png is a file/,
  ],
  [["report", "recorded", "--images", "nowhere"], 1, /--images has nowhere, which cannot be read/],
  [["report", "young", "--out", "photos"], 1, /cannot write photos: it is not a file/],
  [["compare", "young/run.json"], 1, /young\/run\.json is not the folder of a run/],
  [["compare", "recorded", "recorded"], 1, /^mcloss: the same run is there twice: recorded and recorded/],
  [["data", "prepare", "photos"], 1, /photos is no file: give the archives/],
];

describe("mcloss, used clumsily", () => {
  const folder = temporaryFolder();

  before(async () => {
    const path = (name: string) => join(folder(), name);
    await writeColorFolder(path("photos"), 1);
    await writeColorFolder(path("bad photos"), 1);
    await writeFile(path("bad photos/red/0.png"), "no image");
    await writeFile(path("text.png"), "no image");
    await writeFile(path("list.json"), "[]");
    await writeFile(path("photos.onnx"), "an export");
    await mkdir(path("folder.json"));
    await writeRecordedRun(path("young"), { epochs: 0 });
    await writeRecordedRun(path("recorded"));
    const info = { classNames: ["blue", "green", "red"], normalization: normalize() };
    using model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8, info });
    await saveModel(model, path("model.safetensors"));
    await mkdir(path("recorded/checkpoints"));
    await saveModel(model, path("recorded/checkpoints/last.safetensors"));
  });

  for (const [title, cases] of Object.entries({ "wrong usage": WRONG_USAGE, "wrong files": WRONG_FILES })) {
    describe(title, () => {
      for (const [args, code, answer] of cases) {
        it(`mcloss ${args.map((arg) => (/^$| /.test(arg) ? `'${arg}'` : arg)).join(" ")}`, async () => {
          const { stdout, stderr, code: exitCode } = await mclossIn(folder(), ...args);
          expect(stderr).to.match(answer);
          expect([exitCode, stdout]).to.deep.equal([code, ""]);
          // In the command line's own words, without a stack.
          expect(stderr).to.not.match(/\n +at |^\w*Error:|\[Error|fault of mcloss|\{ \w+: /m);
        });
      }
    });
  }
});
