/** A Map that also knows its order, so that a page of a list costs its own size and not the account's. */
export class NewestFirst<Row> extends Map<string, Row> {
  readonly #oldestFirst: Row[] = [];

  /** Takes rows that have no id to be found by, the oldest first. */
  static of<Row>(rows: readonly Row[]): NewestFirst<Row> {
    const all = new NewestFirst<Row>();
    for (const [index, row] of rows.entries()) all.set(`${index}`, row);
    return all;
  }

  override set(id: string, row: Row): this {
    const previous = this.get(id);
    if (previous === undefined) this.#oldestFirst.push(row);
    else this.#oldestFirst[this.#oldestFirst.lastIndexOf(previous)] = row;
    return super.set(id, row);
  }

  override delete(id: string): boolean {
    const row = this.get(id);
    if (row !== undefined) this.#oldestFirst.splice(this.#oldestFirst.lastIndexOf(row), 1);
    return super.delete(id);
  }

  override clear(): void {
    this.#oldestFirst.length = 0;
    super.clear();
  }

  /** Gives at most `count` rows after the newest `skip`, and how many rows there are. */
  page(skip: number, count: number): { rows: Row[]; total: number } {
    const end = Math.max(0, this.#oldestFirst.length - skip);
    return { rows: this.#oldestFirst.slice(Math.max(0, end - count), end).reverse(), total: this.size };
  }

  /** As `page`, among the rows that pass; only the page is kept in memory. */
  pageWhere(passes: (row: Row) => boolean, skip: number, count: number): { rows: Row[]; total: number } {
    const rows: Row[] = [];
    let total = 0;
    for (let index = this.#oldestFirst.length - 1; index >= 0; index--) {
      const row = this.#oldestFirst[index];
      if (row === undefined || !passes(row)) continue;
      if (total >= skip && rows.length < count) rows.push(row);
      total++;
    }
    return { rows, total };
  }
}
