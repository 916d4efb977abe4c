import fc from 'fast-check';

/** What a call's process does that the outside can see; faults are planned by counting these. */
export type Moment = 'read' | 'write' | 'append' | 'keep' | 'reserve';

const REQUEST = [
  'crash-before',
  'crash-after',
  'crash-late', // the request of a dead process arrives some seconds later
  'lost-before', // never arrives, and the client gives up
  'lost-after', // is carried out, but no answer comes
  'lost-late',
  'retried', // an answer is lost, and the client's second try goes well
  '503', // is not carried out
  '504', // is carried out all the same
  '429',
  'slow',
] as const;
const LOCAL = ['crash-before', 'crash-after', 'fail'] as const;

type Kind = (typeof REQUEST)[number] | (typeof LOCAL)[number] | 'refused';

/** The `nth` read, write, … of a call goes wrong. */
export interface Fault {
  on: Moment;
  nth: number;
  kind: Kind;
}

const plan = (on: Moment, most: number, kinds: readonly Kind[]) =>
  fc.record({ on: fc.constant(on), nth: fc.nat({ max: most }), kind: fc.constantFrom(...kinds) });

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 2, arbitrary: plan('read', 6, REQUEST) },
  { weight: 5, arbitrary: plan('write', 4, [...REQUEST, 'refused']) },
  { weight: 5, arbitrary: plan('append', 10, LOCAL) },
  { weight: 1, arbitrary: plan('keep', 0, LOCAL) },
  { weight: 1, arbitrary: plan('reserve', 0, ['fail', 'crash-before']) },
);

/** None for most calls, so that rotations get anywhere. */
export const faults: fc.Arbitrary<Fault[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Fault[]>([]) },
  { weight: 4, arbitrary: fc.array(fault, { minLength: 1, maxLength: 1 }) },
  { weight: 2, arbitrary: fc.array(fault, { minLength: 2, maxLength: 4 }) },
);

export const shown = (planned: readonly Fault[]): string =>
  planned.map(({ on, nth, kind }) => ` !${on}${nth}:${kind}`).join('');
