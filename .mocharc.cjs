// CONTRIBUTING.md has what a second try is for.
const retries = Number(process.env.MCLOSS_TEST_RETRIES ?? 0);

module.exports = {
  // A function that V8 compiles on another thread is kept meanwhile, with the tensors that it closes over; tests count them.
  "node-option": ["import=tsx/esm", "expose-gc", "no-concurrent-recompilation"],
  // It finds what hangs, not what a busy machine is slow at.
  timeout: 240_000,
  retries,
  reporter: "test/support/reporter.cjs",
};
