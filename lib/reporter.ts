/** Where what takes long says what it does; the command line draws it. */
export interface Reporter {
  /** Something begins; `total` is known where its progress can be shown. */
  start(label: string, total?: number): void;
  /** So much of the total is done. */
  update(done: number): void;
  /** What began is over. */
  stop(): void;
  /** A line of information. */
  line(text: string): void;
}

export const silentReporter: Reporter = {
  start: () => undefined,
  update: () => undefined,
  stop: () => undefined,
  line: () => undefined,
};
