import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";

/**
 * A process of this benchmark that is stopped but for its turns: threads that spin for a while after their work, as
 * onnxruntime's do, would take the processor that another side's second thread wants.
 */
export class TurnProcess {
  readonly #child: ChildProcess;
  readonly #kill = () => this.#child.kill("SIGKILL");

  private constructor(child: ChildProcess) {
    this.#child = child;
    // What is stopped does not see that its parent has ended.
    process.once("exit", this.#kill);
  }

  /** Ready for its first turn, when the script has sent its first message. */
  static async start(script: string, args: readonly string[]): Promise<TurnProcess> {
    const started = new TurnProcess(fork(script, args, { serialization: "advanced" }));
    await started.#answer();
    started.pause();
    return started;
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  /** Throws what the script answers as `error`. To be asked in its turn. */
  async ask<Answer>(request: object): Promise<Answer> {
    this.#child.send(request);
    return (await this.#answer()) as Answer;
  }

  stop(): void {
    process.removeListener("exit", this.#kill);
    this.resume();
    if (this.#child.connected) this.#child.disconnect();
  }

  async #answer(): Promise<unknown> {
    const ended = new AbortController();
    const { signal } = ended;
    const events = ["message", "exit"].map((event) => once(this.#child, event, { signal }));
    const [answer] = (await Promise.race(events)) as [unknown];
    for (const event of events) event.catch(() => undefined);
    ended.abort();
    if (typeof answer !== "object" || answer === null) throw new Error("a process of the benchmark ended");
    if ("error" in answer) throw new Error(String(answer.error));
    return answer;
  }
}

/** Answers each request of {@link TurnProcess.ask} in the process that it started. */
export function answerTurns(answer: (request: unknown) => Promise<object>): void {
  process.on("message", (request: unknown) => {
    const failed = (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) });
    void answer(request)
      .catch(failed)
      .then((answered) => process.send?.(answered));
  });
  process.send?.({});
}
