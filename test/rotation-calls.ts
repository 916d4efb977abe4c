import fc from 'fast-check';
import { call, type Outcome, type Ways } from '../src/core/call.ts';
import type { Answer, Question } from '../src/core/consent.ts';
import { ToolError } from '../src/core/errors.ts';
import type { ChangeTool, Tool } from '../src/core/tool.ts';
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
  /** Whether the question is put inside the call, or the call comes again with the answer. */
  inside: boolean;
  thinks: number;
  meanwhile: Outside | undefined;
  /** What happens right after so many of the call's steps. */
  amid: readonly [after: number, change: Outside] | undefined;
}

const SMOOTH: Manner = { faults: [], yes: true, inside: true, thinks: 0, meanwhile: undefined, amid: undefined };

/** How a call ended; `crashed` when its process died over it. */
export type Ending = { result?: Record<string, unknown>; error?: ToolError; crashed?: true };

const MINUTE = 60_000;
const MOST_QUESTIONS = 6;

/** `changes` is the part of `outside` that every step can see by looking before it acts. */
export const manner = (outside: fc.Arbitrary<Outside>, changes: fc.Arbitrary<Outside>): fc.Arbitrary<Manner> =>
  fc.record({
    faults,
    yes: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    inside: fc.boolean(),
    // An answer counts for ten minutes.
    thinks: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(2, 11) }),
    meanwhile: fc.option(outside, { nil: undefined, freq: 10 }),
    amid: fc.option(fc.tuple(fc.nat({ max: 3 }), changes), { nil: undefined, freq: 10 }),
  });

export function describeManner({ faults: planned, yes, inside, thinks, meanwhile, amid }: Manner): string {
  const parts = [
    inside && 'inside',
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
  const ways: Ways = {
    confirm: 'ask',
    preamble: '',
    consent: process.consent,
    pages: () => Promise.reject(new Error('no pages here')),
  };
  const asked = new Asked();
  try {
    const result = await conversation(process, asked.watch(process, tool), args, how, ways, asked);
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

/** What a person was asked, and which bindings they said yes to. */
class Asked {
  readonly #texts = new Map<string, string>();
  readonly #agreed = new Set<string>();
  #last = '';

  /** The tool, whose runs are held against what a person agreed to: that is all that the call may do. */
  watch(process: Process, tool: Tool): Tool {
    if (tool.effect === 'read') return tool;
    const propose: ChangeTool['propose'] = async (args, deps) => {
      const proposal = await tool.propose(args, deps);
      if ('instead' in proposal || !proposal.question) return proposal;
      const { question } = proposal;
      const told = async () => {
        const asked = await question();
        this.#last = JSON.stringify(proposal.binding);
        this.#texts.set(this.#last, asked.text);
        return asked;
      };
      return { ...proposal, question: told };
    };
    const run: ChangeTool['run'] = async (proposal, deps) => {
      const binding = JSON.stringify(proposal.binding);
      const text = this.#texts.get(binding);
      if (proposal.question) process.universe.demand(this.#agreed.has(binding), `done without a yes: ${text}`);
      process.agreed = proposal.question && text;
      return tool.run(proposal, deps);
    };
    return { ...tool, propose, run };
  }

  yes(universe: Universe): void {
    this.#agreed.add(this.#last);
    universe.agreed.push(this.#texts.get(this.#last) ?? '');
  }
}

async function conversation(
  process: Process,
  tool: Tool,
  args: object,
  { yes, thinks, meanwhile, inside }: Manner,
  ways: Ways,
  asked: Asked,
): Promise<Record<string, unknown> | undefined> {
  const { universe } = process;
  const means = async () => process.deps();
  let outcome: Outcome = await call(tool, args, undefined, means, ways);
  for (let round = 0; round < MOST_QUESTIONS; round += 1) {
    if (outcome.kind === 'result') return outcome.result;
    if (round === 0) {
      universe.pass(thinks * MINUTE);
      meanwhile?.happen(universe);
    }
    if (yes) asked.yes(universe);
    const answer: Answer = { state: outcome.state, ...said(outcome.question, yes) };
    outcome = inside ? await outcome.resume(answer) : await call(tool, args, answer, means, ways);
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
