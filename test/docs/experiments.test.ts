import { expect } from "chai";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { blocks, commandsOf, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

const SMALL = ["--image-size", "32", "--batch-size", "8"];

describe("docs/experiments.md's code", () => {
  const project = projectFolder();

  before(async () => {
    await writeColorFolder(project.path("photos"), 6);
  });

  it("runs: the commands", async () => {
    await project.commands(commandsOf("docs/experiments.md"), (command) => {
      if (command.includes("suspects")) return [];
      return command.includes("find-rate") ? [...SMALL, "--steps", "20"] : [...SMALL, "--epochs", "1"];
    });
  });

  it("runs: the program with TensorBoard", async () => {
    const [program] = blocks("docs/experiments.md", "ts");
    expect(await project.program(program!)).to.match(/^2 \d/m);
  });

  it("runs: the trackers of Weights & Biases and MLflow", async () => {
    const [wandb, mlflow] = blocks("docs/experiments.md", "js");
    await mkdir(project.path("node_modules", "@wandb", "sdk"), { recursive: true });
    const stub =
      "export default { init: async (o) => console.log('init', o.project), log: (o) => console.log('log', JSON.stringify(o)) };";
    await writeFile(project.path("node_modules", "@wandb", "sdk", "index.mjs"), stub);
    await writeFile(
      project.path("node_modules", "@wandb", "sdk", "package.json"),
      JSON.stringify({ name: "@wandb/sdk", exports: "./index.mjs" }),
    );
    await writeFile(project.path("wandb.mjs"), wandb!);
    await writeFile(project.path("mlflow.mjs"), mlflow!);
    const asked: [string, unknown][] = [];
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        asked.push([request.url ?? "", JSON.parse(body)]);
        response.end(JSON.stringify({ run: { info: { run_id: "r1" } } }));
      });
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const event = { type: "epoch", epoch: 3, train: { accuracy: 0.5 }, validation: { accuracy: 0.25 } };
    await writeFile(
      project.path("tell.mjs"),
      'import { wandbTracker } from "./wandb.mjs";\nimport { mlflowTracker } from "./mlflow.mjs";\n' +
        `const trackers = [await wandbTracker("birds", {}), await mlflowTracker("http://127.0.0.1:${port}", "0")];\n` +
        `for (const tracker of trackers) await tracker(${JSON.stringify(event)});\n` +
        'for (const tracker of trackers) await tracker({ type: "step" });\n',
    );
    const printed = await project.node("tell.mjs").finally(() => server.close());
    expect(printed).to.equal('init birds\nlog {"epoch":3,"accuracy":0.25,"train":{"accuracy":0.5}}\n');
    expect(asked.map(([url]) => url)).to.deep.equal([
      "/api/2.0/mlflow/runs/create",
      "/api/2.0/mlflow/runs/log-batch",
    ]);
    expect(asked[1]![1]).to.deep.include({ run_id: "r1" });
    expect((asked[1]![1] as { metrics: object[] }).metrics[0]).to.include({
      key: "accuracy",
      value: 0.25,
      step: 3,
    });
  });
});
