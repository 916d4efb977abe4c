/** Takes what was typed and what there is; gives the one whose text takes the fewest single changes to get there. */
export function nearest<T>(typed: string, all: readonly T[], textOf: (one: T) => string): T | undefined {
  const ranked = all.map((one) => ({ one, changes: changesBetween(typed, textOf(one)) }));
  return ranked.sort((a, b) => a.changes - b.changes)[0]?.one;
}

/** How many letters must be added, dropped or replaced to make one text of the other. */
function changesBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const letter of a) {
    let before = row[0] ?? 0;
    const next = [before + 1];
    for (let at = 1; at <= b.length; at += 1) {
      const same = letter === b[at - 1];
      next.push(Math.min((row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1, before + Number(!same)));
      before = row[at] ?? 0;
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
