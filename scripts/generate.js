// Writes everything that is made from something else; with --check only compares.
import "./generate-exports.js";
import "./generate-operators.js";
import "./generate-options.js";
