/** As much of jstat as is used; it has no types of its own. */
declare module "jstat" {
  export interface JStat {
    mean(values: readonly number[]): number;
    /** With `sample` divided by n − 1. */
    stdev(values: readonly number[], sample: boolean): number;
    /** The p value that `values` come from a distribution with mean `value`. */
    ttest(value: number, values: readonly number[], sides: 1 | 2): number;
  }
}
