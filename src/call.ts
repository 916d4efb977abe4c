import { z } from 'zod';
import { badInput } from './errors.ts';
import type { Approvals } from './people/approvals.ts';
import { type Answer, digestCall, digestQuestion, type Question, saysYes } from './people/question.ts';
import type { Deps, Tool } from './tool.ts';

export type Outcome =
  | { kind: 'result'; result: Record<string, unknown> }
  | { kind: 'ask'; state: string; question: Question };

export interface Asking {
  /** `never` skips the question, an operator's choice for sandboxes and CI; refusals in `confirm` still hold. */
  confirm: 'ask' | 'never';
  /** Put before every question, so that a person can tell a sandbox from the real account. */
  preamble: string;
  approvals: Approvals;
}

/**
 * The one path every call takes: parse, question, run, project. It keeps nothing between rounds: without an answer to
 * the question as it reads now, the outcome is that question, and the engine calls again with what a person said.
 */
export async function call(
  tool: Tool,
  rawArgs: unknown,
  answer: Answer | undefined,
  deps: Deps,
  asking: Asking,
): Promise<Outcome> {
  const args = parseArgs(tool, rawArgs);
  const callDigest = digestCall(tool.name, args);
  const answered = answer && asking.approvals.redeem(answer.state, callDigest);
  // A no needs no fresh read: it is a no to whatever the question would be by now.
  if (answered && answer.action !== 'accept') return notDone(tool, answer);
  const question = withPreamble(await tool.confirm?.(args, deps), asking.preamble);
  if (question && asking.confirm === 'ask') {
    // A question that reads differently by now was never answered.
    const now = digestQuestion(question);
    if (!answer || answered !== now) return { kind: 'ask', state: asking.approvals.seal(callDigest, now), question };
    if (!saysYes(question, answer)) return notDone(tool, answer);
  }
  return { kind: 'result', result: tool.output.parse(await tool.run(args, deps)) };
}

function parseArgs(tool: Tool, rawArgs: unknown): Record<string, unknown> {
  const parsed = tool.input.safeParse(rawArgs ?? {});
  if (parsed.success) return parsed.data;
  throw badInput(z.prettifyError(parsed.error).slice(0, 800));
}

function withPreamble(question: Question | undefined, preamble: string): Question | undefined {
  return question && { ...question, text: preamble + question.text };
}

function notDone(tool: Tool, { action }: Answer): Outcome {
  const said =
    action === 'decline'
      ? {
          status: 'declined',
          message: 'The person said no. Nothing was changed; do not ask again unless they want it.',
        }
      : {
          status: 'unanswered',
          message: 'The person gave no clear yes. Nothing was changed; find out what they want.',
        };
  return { kind: 'result', result: tool.output.parse(said) };
}
