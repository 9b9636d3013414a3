import { fileURLToPath } from "node:url";
import type { Problem } from "./problem.js";
import { findOnnxRuntime, onnx, ours, type Pass, type Passes, type Side } from "./sides.js";
import { answerTurns, TurnProcess } from "./turn-process.js";

export type SideName = "ours" | "onnxruntime";

type Request = { ask: "open"; problem: Problem; exported: string } | { ask: "pass" } | { ask: "logits" };

/** A side in a process of its own, which goes from problem to problem. */
export class SideProcess implements Side {
  readonly #turns: TurnProcess;

  private constructor(turns: TurnProcess) {
    this.#turns = turns;
  }

  static async start(side: SideName): Promise<SideProcess> {
    return new SideProcess(await TurnProcess.start(fileURLToPath(import.meta.url), [side]));
  }

  /** @param exported the network's file, for onnxruntime */
  async open(problem: Problem, exported: string): Promise<void> {
    this.resume();
    await this.#turns.ask({ ask: "open", problem, exported } satisfies Request);
    this.pause();
  }

  resume(): void {
    this.#turns.resume();
  }

  pause(): void {
    this.#turns.pause();
  }

  pass(): Promise<Pass> {
    return this.#turns.ask<Pass>({ ask: "pass" } satisfies Request);
  }

  async logits(): Promise<Float32Array> {
    this.resume();
    const { logits } = await this.#turns.ask<{ logits: Float32Array }>({ ask: "logits" } satisfies Request);
    this.pause();
    return logits;
  }

  stop(): void {
    this.#turns.stop();
  }
}

function main(name: string): void {
  let passes: Passes | undefined;
  answerTurns(async (given) => {
    const request = given as Request;
    if (request.ask === "open") {
      await passes?.end();
      const runtime = name === "onnxruntime" ? findOnnxRuntime() : undefined;
      const { problem, exported } = request;
      passes = runtime ? await onnx(problem, exported, runtime) : await ours(problem, true);
      return {};
    }
    if (!passes) throw new Error("no problem is open");
    return request.ask === "logits" ? { logits: passes.logits } : await passes.run();
  });
}

const [, script, name = ""] = process.argv;
if (script === fileURLToPath(import.meta.url)) main(name);
