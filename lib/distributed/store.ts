/** Texts by key, through which processes find and tell one another something; c10d's, once it is connected. */
export interface Store {
  set(key: string, value: string): Promise<void>;
  /** Of a key that is there. */
  get(key: string): Promise<string>;
  has(key: string): Promise<boolean>;
  /** Adds to a number, which is 0 at first. @returns the sum */
  add(key: string, amount: number): Promise<number>;
}
