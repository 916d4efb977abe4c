import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import type { App, CallContext } from '../app.ts';
import { ToolError } from '../errors.ts';
import type { Answer, Question } from '../people/question.ts';
import { formFor } from '../people/question.ts';
import { redactDeep } from '../secrets/redact.ts';
import type { Tool } from '../tool.ts';
import { instructionsFor, serverInfo } from './about.ts';
import { listingOf } from './listing.ts';
import { cannotAsk, errorResult, resultOf } from './result.ts';

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

// A person may be away from the desk; clients give up sooner if they must.
const ANSWER_WITHIN_MS = 10 * 60_000;
// The world may move while a person reads; asked this often about different things, nobody is deciding any more.
const ROUNDS = 4;

export interface Engine {
  /** Resolves when no call is running; questions to a person are given up, since nobody can answer them any more. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The engine for clients that open with `initialize` (protocol 2025-11-25 and older). Serves until the transport closes.
 * The low-level Server is used because McpServer would write its own draft-07 schemas.
 */
export async function serveHandshake(app: App, transport: Transport): Promise<Engine> {
  const tools = app.catalogue;
  const server = new Server(serverInfo(app), { capabilities: { tools: {} }, instructions: instructionsFor(app) });
  const leaving = new AbortController();
  const running = new Set<Promise<unknown>>();

  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: tools.map(listingOf) }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
    const tool = tools.find(({ name }) => name === params.name);
    if (!tool) throw new McpError(ErrorCode.InvalidParams, 'Unknown tool; tools/list names those there are.');
    const result = converse(tool, params.arguments, extra).catch((error: unknown) => errorResult(error, app.log));
    running.add(result);
    void result.finally(() => running.delete(result));
    return result;
  });

  /** Calls, asks a person when told to, and calls again with what they said. */
  async function converse(tool: Tool, args: unknown, extra: Extra): Promise<CallToolResult> {
    const context: CallContext = { signal: extra.signal, progress: progressTo(extra) };
    for (let round = 0; round < ROUNDS; round += 1) {
      const outcome = await app.call(tool, args, context);
      if (outcome.kind === 'result') return resultOf(outcome.result);
      context.answer = { approval: outcome.approval, ...(await ask(outcome.question, extra)) };
    }
    throw new ToolError(
      'CONFLICT',
      'What the person was asked about kept changing.',
      'Read it again before trying once more.',
    );
  }

  async function ask(question: Question, extra: Extra): Promise<Omit<Answer, 'approval'>> {
    const elicitation = server.getClientCapabilities()?.elicitation;
    // A bare `{}` means forms, as it did before there were other modes.
    if (!elicitation || (elicitation.url && !elicitation.form)) throw cannotAsk();
    const signal = AbortSignal.any([extra.signal, leaving.signal]);
    const options = { signal, timeout: ANSWER_WITHIN_MS, relatedRequestId: extra.requestId };
    // No answer, an answer that does not fit the form, a client that left: none of them is a yes.
    return server.elicitInput(formFor(question), options).catch(() => ({ action: 'cancel' as const }));
  }

  await server.connect(redacted(transport));
  return {
    async drain() {
      leaving.abort();
      while (running.size > 0) await Promise.allSettled(running);
    },
    close: () => server.close(),
  };
}

function progressTo({ _meta, sendNotification }: Extra): CallContext['progress'] {
  const progressToken = _meta?.progressToken;
  let told = 0;
  return (progress, total) => {
    // Progress must increase, and a call that asked a person reads again from the start.
    if (progressToken === undefined || progress <= told) return;
    told = progress;
    const params = { progressToken, progress, ...(total !== undefined && { total }) };
    sendNotification({ method: 'notifications/progress', params }).catch(() => undefined);
  };
}

/** The transport with the second net under everything that leaves: results, errors, questions, notifications. */
function redacted(transport: Transport): Transport {
  const send = transport.send.bind(transport);
  transport.send = (message, options) => send(redactDeep(message), options);
  return transport;
}
