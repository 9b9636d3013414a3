// Mocha takes one reporter: this one is the JSON for the report and the list of tests for the log, which names the last
// test before a crash.
import Mocha from "mocha";

const { JSON: Json, Spec } = Mocha.reporters;

export default class extends Spec {
  constructor(runner, options) {
    super(runner, options);
    new Json(runner, options);
  }
}
