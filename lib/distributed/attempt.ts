import { nameRanks } from "./conversation.js";
import type { LaunchOptions } from "./launch.js";
import { RankChild, type EndedRank } from "./rank-child.js";

interface AttemptOptions extends Omit<LaunchOptions, "maxRestarts"> {
  /** The path of the file through which they find one another. */
  store: string;
  /** How many attempts were before this one. */
  restarts: number;
  env: Readonly<NodeJS.ProcessEnv>;
}

const INTERRUPTED = 130;
/** How long the others have to see by themselves that one failed, and to say so. */
const NOTICE_MS = 1000;

/** All processes of a run, from their start to the end of the last. */
export class Attempt {
  readonly #options: AttemptOptions;
  readonly #children: readonly RankChild[];
  readonly #alive: Set<RankChild>;
  #failed: EndedRank | undefined;
  #ending: NodeJS.Timeout | undefined;

  constructor(options: AttemptOptions) {
    const { processes, onLine } = options;
    this.#options = options;
    this.#children = Array.from(
      { length: processes },
      (_, rank) =>
        new RankChild({
          rank,
          command: options.command,
          env: this.#environment(rank),
          onLine: (line) => {
            onLine(rank, line);
          },
        }),
    );
    this.#alive = new Set(this.#children);
  }

  /** Waits for all of them. @returns the first that failed */
  async ended(): Promise<EndedRank | undefined> {
    const all = await Promise.all(this.#children.map((child) => this.#end(child)));
    clearTimeout(this.#ending);
    this.#tellFailures(all);
    return this.#failed ?? all.find(({ code }) => code === INTERRUPTED);
  }

  /** Sends a signal to all that are there. */
  signal(signal: NodeJS.Signals): void {
    for (const child of this.#alive) {
      child.kill(signal);
      // One that was stopped does not see another.
      child.kill("SIGCONT");
    }
  }

  kill(): void {
    for (const child of this.#alive) child.kill("SIGKILL");
  }

  async #end(child: RankChild): Promise<EndedRank> {
    const ended = await child.ended;
    this.#alive.delete(child);
    if (ended.code !== 0 && ended.code !== INTERRUPTED && !this.#failed) {
      this.#failed = ended;
      this.#endOthers();
    }
    return ended;
  }

  #endOthers(): void {
    const { graceSeconds = 10 } = this.#options;
    this.#ending = setTimeout(() => {
      this.signal("SIGTERM");
      this.#ending = setTimeout(() => {
        this.kill();
      }, 1000 * graceSeconds);
    }, NOTICE_MS);
  }

  /** Each text once, with the ranks that said it. */
  #tellFailures(all: readonly EndedRank[]): void {
    const ranks = new Map<string, number[]>();
    for (const { rank, message } of all) {
      if (message !== undefined) ranks.set(message, [...(ranks.get(message) ?? []), rank]);
    }
    for (const [message, said] of ranks) {
      this.#options.tell(said.length === all.length ? message : `${nameRanks(said)}: ${message}`);
    }
  }

  #environment(rank: number): NodeJS.ProcessEnv {
    const { processes, store, restarts, env } = this.#options;
    return {
      ...env,
      RANK: `${rank}`,
      LOCAL_RANK: `${rank}`,
      WORLD_SIZE: `${processes}`,
      LOCAL_WORLD_SIZE: `${processes}`,
      MCLOSS_STORE: store,
      MCLOSS_RESTARTS: `${restarts}`,
    };
  }
}
