import { PythonProcess } from "../python-process.js";
import type { Problem } from "./problem.js";

/** How Python trains: by its defaults, or with what makes it faster. */
export interface PythonForm {
  name: string;
  channelsLast: boolean;
  compile: boolean;
}

export const PYTHON_FORMS: readonly PythonForm[] = [
  { name: "eager", channelsLast: false, compile: false },
  { name: "channels_last", channelsLast: true, compile: false },
  { name: "compiled", channelsLast: true, compile: true },
];

const SCRIPT = "train.py";

export async function findPythonVersion(command: string): Promise<string | undefined> {
  const python = await PythonProcess.start(command, SCRIPT);
  python?.stop();
  return (python?.hello as { torch: string } | undefined)?.torch;
}

/** bench/train.py in a process of its own, with a network that it trains. */
export class PythonSteps {
  readonly #process: PythonProcess;

  private constructor(process: PythonProcess) {
    this.#process = process;
  }

  /** @param shapes of the parameters that the network must have */
  static async start(
    command: string,
    problem: Problem,
    form: PythonForm,
    shapes: readonly number[][],
  ): Promise<PythonSteps> {
    const python = await startPython(command);
    const answer = await python.ask<{ shapes: number[][] }>({ ask: "begin", problem, ...form });
    const [ours, theirs] = [shapes, answer.shapes].map((all) => all.map(String).toSorted().join(" "));
    if (ours !== theirs) throw new Error(`Python's ${problem.network} is another network: ${theirs ?? ""}`);
    return new PythonSteps(python);
  }

  /** One step: its time in ms, and the loss. */
  run(): Promise<{ ms: number; loss: number }> {
    return this.#process.ask({ ask: "step" });
  }

  stop(): void {
    this.#process.stop();
  }
}

/** As {@link findPeak} of peak.ts. */
export async function findPythonPeak(command: string, problem: Problem, form: PythonForm): Promise<number> {
  const python = await startPython(command);
  try {
    return (await python.ask<{ bytes: number }>({ ask: "peak", problem, ...form })).bytes;
  } finally {
    python.stop();
  }
}

async function startPython(command: string): Promise<PythonProcess> {
  const python = await PythonProcess.start(command, SCRIPT);
  if (!python) throw new Error(`no PyTorch in ${command}`);
  return python;
}
