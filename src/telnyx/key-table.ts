import { bitsOf } from './key-bits.ts';

const KEY_WORDS = 4;
const FIRST_ENTRIES = 1024;

/**
 * A set of texts with a few numbers to each, for as many as an account has: it keeps 128 bits of a text (a UUID's own, a
 * hash of any other) outside of the heap, where as many strings would be most of what a scan takes.
 */
export class KeyTable {
  size = 0;
  readonly #width: number;
  /** Entry by entry: the key, then its numbers. */
  #words: Uint32Array;
  /** Where an entry is, by its key; 0 is nowhere, so counted from 1. */
  #slots: Uint32Array;
  readonly #key = new Uint32Array(KEY_WORDS);

  /** `numbers` is how many unsigned 32-bit numbers go with each text; they begin as 0. */
  constructor(numbers: number) {
    this.#width = KEY_WORDS + numbers;
    this.#words = new Uint32Array(FIRST_ENTRIES * this.#width);
    this.#slots = new Uint32Array(FIRST_ENTRIES * 2);
  }

  /** The place of a text, which it keeps; one that was not there gets the place `size`. */
  place(text: string): number {
    bitsOf(text, this.#key);
    let slot = this.#slotOf(this.#key, 0);
    const known = this.#slots[slot] ?? 0;
    if (known > 0) return known - 1;
    if ((this.size + 1) * this.#width > this.#words.length) {
      this.#grow();
      slot = this.#slotOf(this.#key, 0);
    }
    for (let word = 0; word < KEY_WORDS; word += 1) {
      this.#words[this.size * this.#width + word] = this.#key[word] ?? 0;
    }
    this.size += 1;
    this.#slots[slot] = this.size;
    return this.size - 1;
  }

  /** A number of the text at a place. */
  get(place: number, number: number): number {
    return this.#words[place * this.#width + KEY_WORDS + number] ?? 0;
  }

  set(place: number, number: number, value: number): void {
    this.#words[place * this.#width + KEY_WORDS + number] = value;
  }

  /** Where the key that begins there in an array is, or would be. */
  #slotOf(keys: Uint32Array, from: number): number {
    const [a, b, c, d] = [keys[from] ?? 0, keys[from + 1], keys[from + 2], keys[from + 3] ?? 0];
    const mask = this.#slots.length - 1;
    for (let slot = (a ^ d) & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      if (entry < 0) return slot;
      const at = entry * this.#width;
      const words = this.#words;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
    }
  }

  #grow(): void {
    const words = new Uint32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let entry = 0; entry < this.size; entry += 1) {
      this.#slots[this.#slotOf(words, entry * this.#width)] = entry + 1;
    }
  }
}
