import type * as Xterm from "@xterm/headless";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { MCLOSS } from "./mcloss.js";

// Its names are seen by require() alone.
const { Terminal } = createRequire(import.meta.url)("@xterm/headless") as typeof Xterm;
const ROWS = 40;

/** What a person saw of one command. */
export interface Session {
  code: number | null;
  /** What is left on the screen, without trailing blank lines. */
  screen: string;
  /** Everything that was sent to the terminal, escape sequences included. */
  sent: string;
}

interface SessionOptions {
  cwd: string;
  env?: NodeJS.ProcessEnv;
  /** The terminal's width. Default 120. */
  columns?: number;
  /** Called with all that was sent so far; what it returns is typed. */
  type?: (sent: string) => string | undefined;
  /** Called with the rows on the screen, and with what was sent last. */
  onScreen?: (rows: readonly string[], chunk: string) => void;
}

/** Runs `mcloss` on a pseudo-terminal, which util-linux's script(1) opens, and draws what it sends. */
export async function runOnTerminal(args: readonly string[], options: SessionOptions): Promise<Session> {
  const { cwd, env = {}, columns = 120, type, onScreen } = options;
  const command = [process.execPath, MCLOSS, ...args].map(quote).join(" ");
  const sized = `stty cols ${columns} rows ${ROWS}; ${command}`;
  const child = spawn("script", ["--quiet", "--return", "--command", sized, "/dev/null"], {
    cwd,
    env: { ...withoutColorHints(process.env), TERM: "xterm-256color", ...env },
  });
  const terminal = new Terminal({ cols: columns, rows: ROWS, allowProposedApi: true });
  let sent = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    sent += chunk;
    terminal.write(chunk, () => onScreen?.(readRows(terminal), chunk));
    const typed = type?.(sent);
    if (typed !== undefined) child.stdin.write(typed);
  });
  await once(child, "close");
  await new Promise<void>((drawn) => {
    terminal.write("", drawn);
  });
  return { code: child.exitCode, screen: readScreen(terminal), sent };
}

/** Node sees fewer colours, or more, where one of these is set; CI servers set some. */
function withoutColorHints(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const hints = ["CI", "COLORTERM", "FORCE_COLOR", "NODE_DISABLE_COLORS", "NO_COLOR", "TMUX"];
  return { ...env, ...Object.fromEntries(hints.map((name) => [name, undefined])) };
}

function readScreen(terminal: Xterm.Terminal): string {
  return readRows(terminal).join("\n").trimEnd();
}

function readRows(terminal: Xterm.Terminal): string[] {
  const { active } = terminal.buffer;
  return Array.from(
    { length: active.length },
    (_, row) => active.getLine(row)?.translateToString(true).trimEnd() ?? "",
  );
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
