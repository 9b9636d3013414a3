/** @ts-ignore -- Node requires ES modules from 20.19, which node16 of TypeScript does not know. */
import api = require("./visualize.js");
export = api;
