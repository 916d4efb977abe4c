import type { ChangeTool, Tool } from '../src/core/tool.ts';
import { everything } from '../src/host/offers.ts';
import { type Options, type Started, startApp, yes } from './app.ts';
import { startStateless } from './by-hand.ts';

/** Whether the question is put inside the call (2025-11-25), or the call comes again with the answer (2026-07-28). */
export const ENGINES = ['inside', 'again'] as const;
export type Engine = (typeof ENGINES)[number];

/** When the world changes: after what was read for the question, or after what was read last of all. */
const MOMENTS = ['while the person reads', 'right before it is done'] as const;
type Moment = (typeof MOMENTS)[number];

export const EVERY = ENGINES.flatMap((engine) => MOMENTS.map((moment) => [engine, moment] as const));

/** What the attacks are about; other fields may be missing (TELNYX_SHAPE). */
const READS = ['name', 'connection_name', 'connection_id', 'sip_username', 'created_at', 'expires_at'];

type Change = () => unknown;
type Question = Parameters<typeof yes>[0];

export interface Played {
  /** What the person was asked: they say yes to the first, and no to any other. */
  questions: string[];
  result: Record<string, unknown> | undefined;
  /** The text of an error. */
  error: string | undefined;
}

export interface AttackStage extends AsyncDisposable {
  t: Started;
  /** Calls a tool; `change` happens at the moment, once. */
  play(tool: string, args: Record<string, unknown>, moment: Moment, change: Change): Promise<Played>;
}

export async function attackStage(engine: Engine, options: Options = {}): Promise<AttackStage> {
  let questions: string[] = [];
  let read = 0;
  const due = new Map<Moment, Change>();
  const come = async (moment: Moment): Promise<void> => {
    const change = due.get(moment);
    due.delete(moment);
    await change?.();
  };
  const answer = async (question: Question) => {
    questions.push(question.message);
    // Sooner than this it would be the client's own answer.
    read += 2000;
    if (questions.length > 1) return { action: 'decline' as const };
    await come('while the person reads');
    return yes(question);
  };
  /** Between what a tool has read and what it does with it. */
  const watched = (tool: Tool): Tool => {
    if (tool.effect === 'read') return tool;
    const { propose, run } = tool;
    const change: ChangeTool = {
      ...tool,
      propose: async (args, deps) => {
        const proposal = await propose(args, deps);
        if ('instead' in proposal) await come('right before it is done');
        return proposal;
      },
      run: async (proposal, deps) => {
        await come('right before it is done');
        return run(proposal, deps);
      },
    };
    return change;
  };

  const { clock: given = () => performance.now() } = options;
  const clock = () => given() + read;
  const all = {
    offers: { ...everything, tools: everything.tools.map(watched) },
    person: answer,
    takes: 0,
    reads: READS,
    ...options,
    clock,
  };
  const stateless = engine === 'again' ? await startStateless(all) : undefined;
  const t = stateless?.t ?? (await startApp(all));

  async function call(name: string, args: Record<string, unknown>): Promise<Omit<Played, 'questions'>> {
    if (!stateless) return playedOf(await t.call(name, args));
    const params = { name, arguments: args };
    let { result } = await stateless.request('tools/call', params);
    while (result?.resultType === 'input_required') {
      const question = await answer(result.inputRequests?.question?.params as Question);
      const { requestState } = result;
      ({ result } = await stateless.request('tools/call', { ...params, inputResponses: { question }, requestState }));
    }
    return playedOf(result ?? {});
  }

  return {
    t,
    async play(tool, args, moment, change) {
      questions = [];
      due.set(moment, change);
      const played = await call(tool, args);
      return { questions, ...played };
    },
    [Symbol.asyncDispose]: async () => (stateless ?? t)[Symbol.asyncDispose](),
  };
}

function playedOf(result: {
  isError?: boolean | undefined;
  structuredContent?: Record<string, unknown> | undefined;
  content?: unknown;
}) {
  return {
    result: result.structuredContent,
    error: result.isError ? JSON.stringify(result.content) : undefined,
  };
}
