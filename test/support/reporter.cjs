"use strict";

const { reporters, Runner } = require("mocha");

/** As mocha's "spec", and tells at the end of each test that failed first and passed when it was tried again, with its error. */
module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const { EVENT_TEST_RETRY, EVENT_RUN_END } = Runner.constants;
    const failed = [];
    runner.on(EVENT_TEST_RETRY, (test, error) => failed.push([test.fullTitle(), error.stack ?? error]));
    runner.once(EVENT_RUN_END, () => {
      for (const [title, error] of failed) console.log(`  failed at first: ${title}\n\n${error}\n`);
    });
  }
};
