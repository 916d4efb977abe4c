import { z } from 'zod';
import type { PageApprovals, Waiting } from '../approval/local-pages.ts';
import { holdsSecret } from '../secrets/secret.ts';
import { readOnly } from '../telnyx/http.ts';
import { isRecord } from './basics.ts';
import {
  type Agreed,
  type Answer,
  type Consent,
  differences,
  digest,
  type Question,
  type ShownPage,
  saysYes,
} from './consent.ts';
import { badInput, conflict, WorldChanged } from './errors.ts';
import { type ChangeTool, type Deps, type Proposal, project, type Step, type Tool } from './tool.ts';

export type Outcome =
  /** `shown` is a page the client should bring the person to before it passes the result on. */
  { kind: 'result'; result: Record<string, unknown>; shown?: ShownPage } | Asking;

/** A question to a person. Who can wait for the answer resumes with it; who cannot calls again with it and the state. */
export interface Asking {
  kind: 'ask';
  /** The same for the same question about the same thing. */
  key: string;
  state: string;
  question: Question;
  resume(answer: Answer): Promise<Outcome>;
}

/** How a person is asked. */
export interface Ways {
  /** `never` skips the question, an operator's choice for sandboxes and CI; what `propose` refuses stays refused. */
  confirm: 'ask' | 'never';
  /** Put before every question, so that a person can tell a sandbox from the real account. */
  preamble: string;
  consent: Consent;
  /** Where a person is asked whose client cannot. */
  pages(): Promise<PageApprovals>;
}

/**
 * The one path every call takes: parse, propose, ask, run, project. What a person agrees to is the digest of the tool, its
 * arguments and the binding of a proposal; what runs is that proposal, or one with the same digest. `means` gives what a
 * tool may use, anew for each round: a person may have taken their time.
 */
export async function call(
  tool: Tool,
  rawArgs: unknown,
  given: Answer | undefined,
  means: () => Promise<Deps>,
  ways: Ways,
): Promise<Outcome> {
  const { dry_run: dry, approval_id: approvalId, ...args } = parseArguments(tool, rawArgs);
  const deps = await means();
  if (tool.effect === 'read') return resultOf(tool, await tool.run(args, deps));
  if (dry === true) return plan(tool, args, deps, ways);
  // An answer that comes with an approval_id is to what was asked since: the page's is used up by then.
  const answer = given ?? (typeof approvalId === 'string' ? await pageAnswer(approvalId, ways) : undefined);
  if (answer && 'secondsLeft' in answer) return needsApproval(tool, answer);
  const name = digest(tool.name, args);
  const opened = answer && ways.consent.open(answer.state);
  const agreed = opened?.call === name ? opened : undefined;
  // A no needs no reading: it is a no to whatever the question would be by now, also where a yes would come too late.
  if (answer && answer.action !== 'accept') return notDone(tool, answer);
  return begin({ tool, args, name, means, ways }, deps, agreed && answer && { ...agreed, answer });
}

interface Round {
  tool: ChangeTool;
  args: Record<string, unknown>;
  /** The digest of both. */
  name: string;
  means: () => Promise<Deps>;
  ways: Ways;
}

/** `answered` is the question a person has answered, if they have; `again` tells that they were asked in this call before. */
async function begin(
  round: Round,
  deps: Deps,
  answered?: Agreed & { answer: Answer },
  again = false,
): Promise<Outcome> {
  const { tool, args, ways } = round;
  const proposal = await propose(tool, args, deps);
  if ('instead' in proposal) return resultOf(tool, await proposal.instead());
  const bound = digest(tool.name, args, proposal.binding);
  if (!proposal.question || ways.confirm === 'never') return run(round, proposal, deps);
  // An answer to what was another thing then is none.
  if (answered?.bound === bound)
    return saysYes(answered.question, answered.answer) ? run(round, proposal, deps) : notDone(tool, answered.answer);
  return ask(round, proposal, await proposal.question(), bound, again);
}

function ask(round: Round, proposal: Proposal, { text, ...rest }: Question, bound: string, again: boolean): Asking {
  const { tool, name, means, ways } = round;
  const { consent, preamble } = ways;
  const before = consent.last(name, proposal.binding);
  const changed = before ? differences(before, proposal.binding) : [];
  const since = changed.length > 0 ? `Changed since the last question: ${changed.join('; ')}. ` : '';
  const question = { ...rest, text: preamble + since + text };
  if ([question.text, rest.phrase ?? ''].some(holdsSecret)) throw holed();
  const state = consent.seal({ call: name, bound, question });
  return {
    kind: 'ask',
    key: bound,
    state,
    question,
    async resume(answer) {
      if (!consent.open(state) || !saysYes(question, answer)) return notDone(tool, answer);
      const deps = await means();
      try {
        // What was read before the person thought about it is read again by whoever acts on it.
        return await run(round, { ...proposal, seen: undefined }, deps);
      } catch (error) {
        // Once more about what it is now; what changes again and again is left alone.
        if (again || !(error instanceof WorldChanged)) throw error;
        return begin(round, deps, undefined, true);
      }
    },
  };
}

/** A person would not see what they agree to; and whoever can make a secret of a word would choose what they do not see. */
const holed = () =>
  conflict(
    'The question to the person would show what is a secret here, so it is not asked. Nothing was changed.',
    'Tell the person: a name of what this is about holds a password, key or token, or is the same as one. Have them change one of the two in the Telnyx portal, then call again.',
  );

const propose = (tool: ChangeTool, args: Record<string, unknown>, deps: Deps) =>
  tool.propose(args, { ...deps, http: readOnly(deps.http) });

async function run({ tool, name, ways }: Round, proposal: Proposal, deps: Deps): Promise<Outcome> {
  const result = resultOf(tool, await tool.run(proposal, deps));
  ways.consent.done(name);
  return result;
}

const resultOf = (tool: Tool, result: Record<string, unknown>): Outcome & { kind: 'result' } => ({
  kind: 'result',
  result: project(tool.output, result),
});

async function pageAnswer(approvalId: string, { pages }: Ways): Promise<Answer | Waiting> {
  const found = await (await pages()).answerTo(approvalId);
  if (found) return found;
  throw badInput(
    'This approval_id is unknown, used or too old.',
    'Call again without approval_id; the person is asked anew.',
  );
}

/** The result of a call that waits for a person at a page. */
export function needsApproval(
  tool: Tool,
  { id: approval_id, code, secondsLeft }: Waiting,
): Outcome & { kind: 'result' } {
  const message = `A page with the code ${code} is open in the person's browser and waits for their decision, for ${secondsLeft} more seconds. Tell them, then call again with approval_id and the same arguments.`;
  return resultOf(tool, { status: 'needs_approval', approval_id, message });
}

/** What the call would do, who would be asked, and where secrets would go; nothing but reads is sent. */
async function plan(tool: ChangeTool, args: Record<string, unknown>, deps: Deps, ways: Ways): Promise<Outcome> {
  const proposal = await propose(tool, args, deps);
  if ('instead' in proposal) return resultOf(tool, { status: 'planned', plan: { steps: proposal.steps } });
  const { secret_to } = proposal;
  const { text, phrase } = (ways.confirm === 'ask' && (await proposal.question?.())) || {};
  const asks = text && [ways.preamble + text, phrase && `(to type: ${phrase})`].filter(Boolean).join(' ');
  const planned = { steps: proposal.steps.map(inWords), ...(asks && { asks }), ...(secret_to && { secret_to }) };
  return resultOf(tool, { status: 'planned', plan: planned });
}

function inWords(step: Step): string {
  if (typeof step === 'string') return step;
  const { method, path, body } = step;
  return [method, `/${path}`, body && JSON.stringify(body)].filter(Boolean).join(' ');
}

const DECLINED = 'The person said no. Nothing was changed; do not ask again unless they want it.';
const UNANSWERED =
  'The person gave no clear yes: they left it, or typed another text than was asked for. Nothing was changed; find out what they want.';

const notDone = (tool: Tool, { action }: Answer): Outcome =>
  resultOf(
    tool,
    action === 'decline' ? { status: 'declined', message: DECLINED } : { status: 'unanswered', message: UNANSWERED },
  );

/**
 * The arguments of a call as its tool takes them, with defaults: one call has one form, however a model spelt it. Throws
 * `BAD_INPUT`. Models fill in blanks, and strict modes make them: null and "" of what may be left out count as left out.
 */
export function parseArguments(tool: Tool, given: unknown): Record<string, unknown> {
  const parsed = tool.input.safeParse(isRecord(given) ? asMeant(tool, given) : (given ?? {}));
  if (parsed.success) return parsed.data;
  throw badInput(z.prettifyError(parsed.error).slice(0, 800));
}

function asMeant({ input, selects = [] }: Tool, given: Record<string, unknown>): Record<string, unknown> {
  const meant: [name: string, value: unknown][] = [];
  for (const [name, value] of Object.entries(given)) {
    const field = Object.hasOwn(input.shape, name) ? input.shape[name] : undefined;
    if (!field) meant.push([name, value]);
    else if (value !== null && value !== '') meant.push([name, isWhole(field) ? numberIn(value) : value]);
    else if (selects.includes(name)) throw emptySelector(name);
    else if (!mayBeLeftOut(field)) throw emptyRequired(name);
  }
  return Object.fromEntries(meant);
}

const mayBeLeftOut = (field: z.core.$ZodType): field is z.ZodOptional | z.ZodDefault =>
  field instanceof z.ZodOptional || field instanceof z.ZodDefault;

function isWhole(field: z.core.$ZodType): boolean {
  return mayBeLeftOut(field) ? isWhole(field.unwrap()) : field instanceof z.ZodNumber && field.isInt;
}

/** A whole number that came as text; all else as it came, for the schema to refuse. */
const numberIn = (value: unknown): unknown =>
  typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;

/** Fewer filters mean more credentials: a blank must not be taken for one that was left out on purpose. */
const emptySelector = (name: string) =>
  badInput(
    `${name} was given without a value. It says which ones this is about: without it there may be more.`,
    `Give ${name} a value, or leave it out if it should narrow nothing. Nothing was changed.`,
  );

const emptyRequired = (name: string) =>
  badInput(`${name} is required, and was given without a value.`, `Give ${name} a value. Nothing was changed.`);
