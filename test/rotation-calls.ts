import fc from 'fast-check';
import { type Asking, call, type Outcome } from '../src/call.ts';
import { ToolError } from '../src/errors.ts';
import type { Answer, Question } from '../src/people/question.ts';
import type { Tool } from '../src/tool.ts';
import { type Fault, faults, shown } from './rotation-faults.ts';
import { Crash, Process, type Universe } from './rotation-model.ts';

/** Something that happens to a universe; `toString` is how a counterexample tells of it. */
export interface Command {
  run(universe: Universe): Promise<void>;
  toString(): string;
}

/** What happens on the outside, without us. */
export type Outside = Command & { happen(universe: Universe): void };

/** How a call goes: what the person does, how long they think, what happens meanwhile, and what goes wrong. */
export interface Manner {
  faults: readonly Fault[];
  yes: boolean;
  thinks: number;
  meanwhile: Outside | undefined;
  /** What happens right after so many of the call's steps. */
  amid: readonly [after: number, change: Outside] | undefined;
}

const SMOOTH: Manner = { faults: [], yes: true, thinks: 0, meanwhile: undefined, amid: undefined };

/** How a call ended; `crashed` when its process died over it. */
export type Ending = { result?: Record<string, unknown>; error?: ToolError; crashed?: true };

const MINUTE = 60_000;
const MOST_QUESTIONS = 6;

/** `changes` is the part of `outside` that every step can see by looking before it acts. */
export const manner = (outside: fc.Arbitrary<Outside>, changes: fc.Arbitrary<Outside>): fc.Arbitrary<Manner> =>
  fc.record({
    faults,
    yes: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    // An answer counts for ten minutes.
    thinks: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(2, 11) }),
    meanwhile: fc.option(outside, { nil: undefined, freq: 10 }),
    amid: fc.option(fc.tuple(fc.nat({ max: 3 }), changes), { nil: undefined, freq: 10 }),
  });

export function describeManner({ faults: planned, yes, thinks, meanwhile, amid }: Manner): string {
  const parts = [
    thinks > 0 && `thinks ${thinks}m`,
    meanwhile && `meanwhile [${meanwhile}]`,
    amid && `after step ${amid[0]} [${amid[1]}]`,
  ];
  const rest = parts.filter(Boolean).join(' ');
  return `${yes ? '' : ' NO'}${rest && ` ${rest}`}${shown(planned)}`;
}

/** A call of a tool through the one path every call takes, with a person who answers what they are asked. */
export async function drive(
  universe: Universe,
  tool: Tool,
  args: object,
  how: Manner = SMOOTH,
  server: 0 | 1 = 0,
): Promise<Ending> {
  if (universe.processes[server].dead) universe.processes[server] = new Process(universe);
  const process = universe.processes[server];
  process.begin(how.faults);
  const { amid } = how;
  if (amid) process.amid = { after: amid[0], happen: () => amid[1].happen(universe) };
  const asking: Asking = {
    confirm: 'ask',
    preamble: '',
    approvals: process.approvals,
    pages: () => Promise.reject(new Error('no pages here')),
  };
  const agreed = new Set<string>();
  // What `run` is given is what a person must have agreed to, and all that this call may do.
  const watched: Tool = {
    ...tool,
    run: (given, deps, question) => {
      if (question) universe.demand(agreed.has(question.text), `done without a yes: ${question.text}`);
      process.agreed = question?.text;
      return tool.run(given, deps, question);
    },
  };
  try {
    const result = await conversation(process, watched, args, how, asking, agreed);
    // The process is gone, whoever swallowed its end.
    if (process.dead) return { crashed: true };
    if (['declined', 'unanswered'].includes(String(result?.status)))
      universe.demand(process.writes === 0, 'something was sent although the person said no');
    noSecret(universe, JSON.stringify(result));
    return { ...(result && { result }) };
  } catch (error) {
    if (process.dead || error instanceof Crash) return { crashed: true };
    if (!(error instanceof ToolError)) throw error;
    noSecret(universe, JSON.stringify(error));
    return { error };
  }
}

async function conversation(
  process: Process,
  tool: Tool,
  args: object,
  { yes, thinks, meanwhile }: Manner,
  asking: Asking,
  agreed: Set<string>,
): Promise<Record<string, unknown> | undefined> {
  const { universe } = process;
  let answer: Answer | undefined;
  for (let round = 0; round < MOST_QUESTIONS; round += 1) {
    const outcome: Outcome = await call(tool, args, answer, process.deps(), asking);
    if (outcome.kind === 'result') return outcome.result;
    if (round === 0) {
      universe.pass(thinks * MINUTE);
      meanwhile?.happen(universe);
    }
    if (yes) {
      agreed.add(outcome.question.text);
      universe.agreed.push(outcome.question.text);
    }
    answer = { state: outcome.state, ...said(outcome.question, yes) };
  }
  throw new Error('asked and asked again');
}

function said({ phrase }: Question, yes: boolean): Omit<Answer, 'state'> {
  if (!yes) return { action: 'decline' };
  return { action: 'accept', content: phrase === undefined ? { confirm: true } : { phrase } };
}

function noSecret(universe: Universe, text = ''): void {
  for (const { sip_password: password } of universe.kept.values())
    universe.demand(!password || !text.includes(password), 'a result holds a password');
}
