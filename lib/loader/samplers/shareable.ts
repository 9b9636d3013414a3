import { Registry } from "../../definition.js";
import { classBalanced } from "./class-balanced.js";
import { sequential } from "./sequential.js";
import { shuffle } from "./shuffle.js";
import { shuffleBuffer } from "./shuffle-buffer.js";
import { weighted } from "./weighted.js";

/** The samplers whose epochs processes may share: all but the sharing itself. */
export const shareableSamplers = new Registry([sequential, shuffle, shuffleBuffer, weighted, classBalanced]);
