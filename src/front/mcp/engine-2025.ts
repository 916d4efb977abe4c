import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import * as mcp from '@modelcontextprotocol/sdk/types.js';
import { linkedSignal } from '../../core/basics.ts';
import type { Asking } from '../../core/call.ts';
import { type Answer, formFor } from '../../core/consent.ts';
import type { CallContext, Session } from '../../host/session.ts';
import { createDesk, resultOf } from './desk.ts';
import {
  type About,
  answersAreCheckedByUs,
  CAPABILITIES,
  type Engine,
  instructionsFor,
  progressTo,
  redacted,
  serverInfo,
} from './engine.ts';

type Extra = RequestHandlerExtra<mcp.ServerRequest, mcp.ServerNotification>;
type Result = {
  content: { type: 'text'; text: string }[];
  isError?: boolean;
  structuredContent?: Record<string, unknown>;
};

// A person may be away from the desk; clients give up sooner if they must.
const ANSWER_WITHIN_MS = 10 * 60_000;
// Clients give up on a call that says nothing, some after 10 s.
const STILL_HERE_MS = 5000;
const RESOURCE_NOT_FOUND = -32002;

/**
 * The engine for clients that open with `initialize` (protocol 2025-11-25 and older). Serves until the transport closes.
 * The low-level Server is used because McpServer would write its own draft-07 schemas.
 */
export async function serveHandshake(
  about: About,
  load: () => Promise<Session>,
  transport: Transport,
): Promise<Engine> {
  const desk = createDesk(load);
  const server = new Server(serverInfo(about), {
    capabilities: CAPABILITIES,
    instructions: instructionsFor(about),
    jsonSchemaValidator: answersAreCheckedByUs,
  });
  const leaving = new AbortController();

  server.setRequestHandler(mcp.ListToolsRequestSchema, desk.listTools);
  server.setRequestHandler(mcp.CallToolRequestSchema, ({ params }, extra) =>
    converse(params.name, params.arguments, extra, contextOf(extra)),
  );
  server.setRequestHandler(mcp.ListResourcesRequestSchema, desk.listResources);
  server.setRequestHandler(mcp.ListResourceTemplatesRequestSchema, desk.listTemplates);
  server.setRequestHandler(mcp.ReadResourceRequestSchema, ({ params }, extra) =>
    desk.read(params.uri, contextOf(extra), RESOURCE_NOT_FOUND),
  );
  server.setRequestHandler(mcp.ListPromptsRequestSchema, desk.listPrompts);
  server.setRequestHandler(mcp.GetPromptRequestSchema, ({ params }) => desk.getPrompt(params.name, params.arguments));
  server.setRequestHandler(mcp.CompleteRequestSchema, ({ params }, extra) =>
    desk.complete(params.ref, params.argument, contextOf(extra)),
  );

  /** Calls; when that needs a person's answer, asks inside the call. */
  function converse(name: string, args: unknown, extra: Extra, context: CallContext): Promise<Result> {
    return desk.call<Result>(name, args, context, {
      asked: async (asking, go) => {
        const answer = canBeAsked() ? await ask(asking, extra, context) : undefined;
        return answer && go(answer);
      },
      shown: async (page, result) => {
        // Whatever the person does with the page, the call is done.
        await elicit({ mode: 'url', elicitationId: randomUUID(), ...page }, extra, context).catch(() => undefined);
        return resultOf(result);
      },
    });
  }

  function canBeAsked(): boolean {
    const elicitation = server.getClientCapabilities()?.elicitation;
    // A bare `{}` means forms, as it did before there were other modes.
    return elicitation !== undefined && (elicitation.url === undefined || elicitation.form !== undefined);
  }

  /** What a person said, undefined when the client has nobody to ask. No answer, or none that fits the form, is no yes. */
  async function ask({ question, state }: Asking, extra: Extra, context: CallContext): Promise<Answer | undefined> {
    try {
      const answer = { state, ...(await elicit(formFor(question), extra, context)) };
      return (await load()).isClientsOwn(answer) ? undefined : answer;
    } catch (error) {
      const answer = { state, action: 'cancel' as const };
      if (extra.signal.aborted || leaving.signal.aborted) return answer;
      const cannot = error instanceof mcp.McpError && error.code === mcp.ErrorCode.MethodNotFound;
      return cannot || (await load()).isClientsOwn(answer) ? undefined : answer;
    }
  }

  async function elicit(
    params: Parameters<Server['elicitInput']>[0],
    extra: Extra,
    { progress }: CallContext,
  ): Promise<mcp.ElicitResult> {
    using stop = linkedSignal([extra.signal, leaving.signal]);
    const options = { signal: stop.signal, timeout: ANSWER_WITHIN_MS, relatedRequestId: extra.requestId };
    const stillHere = setInterval(progress, STILL_HERE_MS);
    try {
      return await server.elicitInput(params, options);
    } finally {
      clearInterval(stillHere);
    }
  }

  const contextOf = ({ signal, _meta, sendNotification }: Extra): CallContext => ({
    signal,
    progress: progressTo(_meta?.progressToken, sendNotification),
    showsPages: server.getClientCapabilities()?.elicitation?.url !== undefined,
  });

  await server.connect(redacted(transport));
  return {
    takes: mcp.isJSONRPCRequest,
    fits: (message) => mcp.ClientRequestSchema.safeParse(message).success,
    drain: () => {
      leaving.abort();
      return desk.idle();
    },
    close: () => server.close(),
  };
}
