import { parseArguments } from './arguments.ts';
import { badInput } from './errors.ts';
import type { Approvals } from './people/approvals.ts';
import type { PageApprovals, Waiting } from './people/page-approvals.ts';
import { type Answer, digestCall, digestQuestion, type Question, type ShownPage, saysYes } from './people/question.ts';
import { readOnly } from './telnyx/http.ts';
import type { Deps, Tool } from './tool.ts';

export type Outcome =
  /** `shown` is a page the client should bring the person to before it passes the result on. */
  | { kind: 'result'; result: Record<string, unknown>; shown?: ShownPage }
  | { kind: 'ask'; key: string; state: string; question: Question };

export interface Asking {
  /** `never` skips the question, an operator's choice for sandboxes and CI; refusals in `confirm` still hold. */
  confirm: 'ask' | 'never';
  /** Put before every question, so that a person can tell a sandbox from the real account. */
  preamble: string;
  approvals: Approvals;
  /** Where a person is asked whose client cannot. */
  pages(): Promise<PageApprovals>;
}

/**
 * The one path every call takes: parse, question, run, project. It keeps nothing between rounds: without an answer to
 * the question as it reads now, the outcome is that question, and the engine calls again with what a person said.
 */
export async function call(
  tool: Tool,
  rawArgs: unknown,
  given: Answer | undefined,
  deps: Deps,
  asking: Asking,
): Promise<Outcome> {
  const { dry_run: dry, approval_id: approvalId, ...args } = parseArguments(tool, rawArgs);
  if (dry === true) return plan(tool, args, { ...deps, http: readOnly(deps.http) }, asking);
  const answer = typeof approvalId === 'string' ? await pageAnswer(approvalId, asking) : given;
  if (answer && 'approval_id' in answer) return needsApproval(tool, answer);
  const callDigest = digestCall(tool.name, args);
  const answered = answer && asking.approvals.redeem(answer.state, callDigest);
  // A no needs no fresh read: it is a no to whatever the question would be by now.
  if (answered && answer.action !== 'accept') return notDone(tool, answer);
  const raised = await tool.confirm?.(args, deps);
  const question = asQuestion(raised, asking);
  if (question) {
    // A question that reads differently by now was never answered.
    const now = digestQuestion(question);
    const key = `${callDigest}.${now}`;
    if (!answer || answered !== now)
      return { kind: 'ask', key, state: asking.approvals.seal(callDigest, now), question };
    if (!saysYes(question, answer)) return notDone(tool, answer);
  }
  return { kind: 'result', result: tool.output.parse(await tool.run(args, deps, raised)) };
}

async function pageAnswer(approvalId: string, { pages }: Asking): Promise<Answer | Waiting> {
  const found = await (await pages()).answerTo(approvalId);
  if (found) return found;
  throw badInput(
    'This approval_id is unknown, used or too old.',
    'Call again without approval_id; the person is asked anew.',
  );
}

/** The result of a call that waits for a person at a page. */
export function needsApproval(tool: Tool, { approval_id, code, secondsLeft }: Waiting): Outcome & { kind: 'result' } {
  const message = `A page with the code ${code} is open in the person's browser and waits for their decision, for ${secondsLeft} more seconds. Tell them, then call again with approval_id and the same arguments.`;
  return { kind: 'result', result: tool.output.parse({ status: 'needs_approval', approval_id, message }) };
}

/** What the call would do, who would be asked, and where secrets would go; nothing but reads is sent. */
async function plan(tool: Tool, args: Record<string, unknown>, deps: Deps, asking: Asking): Promise<Outcome> {
  const question = asQuestion(await tool.confirm?.(args, deps), asking);
  const asks =
    question && [question.text, question.phrase && `(to type: ${question.phrase})`].filter(Boolean).join(' ');
  const { requests = [], ...rest } = (await tool.plan?.(args, deps)) ?? {};
  const lines = requests.map((request) =>
    typeof request === 'string'
      ? request
      : [request.method, request.path, request.body && JSON.stringify(request.body)].filter(Boolean).join(' '),
  );
  const planned = { ...rest, requests: lines, ...(asks && { asks }) };
  return { kind: 'result', result: tool.output.parse({ status: 'planned', plan: planned }) };
}

/** A question as a person is asked it; undefined when nobody is. */
function asQuestion(raised: Question | undefined, { confirm, preamble }: Asking): Question | undefined {
  return raised && confirm === 'ask' ? { ...raised, text: preamble + raised.text } : undefined;
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
