import {
  CLIENT_CAPABILITIES_META_KEY,
  type InputRequiredResult,
  inputRequired,
  isJSONRPCRequest,
  isSpecType,
  Server,
  type ServerContext,
  type Transport,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';
import { type Answer, formFor } from '../../core/consent.ts';
import type { CallContext, Session } from '../../host/session.ts';
import { createDesk, resultOf } from './desk.ts';
import {
  answersAreCheckedByUs,
  CAPABILITIES,
  type Engine,
  instructionsFor,
  progressTo,
  redacted,
  serverInfo,
} from './engine.ts';
import { INVALID_PARAMS } from './message.ts';

type Desk = ReturnType<typeof createDesk>;

/** The one question a call can have under way; the name is ours and comes back with the answer. */
const QUESTION = 'question';
const PAGE = 'page';

/** What a request says of its client, as far as asking a person goes. */
const elicitation = z.object({
  [CLIENT_CAPABILITIES_META_KEY]: z.object({
    elicitation: z.object({ form: z.unknown().optional(), url: z.unknown().optional() }),
  }),
});

const answer = z.object({
  action: z.enum(['accept', 'decline', 'cancel']),
  content: z.record(z.string(), z.unknown()).optional(),
});

/**
 * The engine for clients that open at protocol 2026-07-28. Whatever a client needs to know travels with each request, and
 * a question to a person is a result: the client calls again with the answer and the sealed state that came with it.
 */
export function serveStateless(session: Session, transport: Transport): Engine {
  const desk = createDesk(async () => session);
  const handle = serveStdio(() => createStatelessServer(session, desk), {
    legacy: 'reject',
    transport: redacted(transport),
    onerror: () => session.log('debug', 'a message was refused'),
  });
  return {
    takes: isJSONRPCRequest,
    fits: isSpecType.ClientRequest,
    drain: () => desk.idle(),
    close: () => handle.close(),
  };
}

/** A server of this engine, not yet connected; its desk may outlive it. */
export function createStatelessServer(session: Session, desk: Desk = createDesk(async () => session)): Server {
  const server = new Server(serverInfo(session), {
    capabilities: CAPABILITIES,
    instructions: instructionsFor(session),
    jsonSchemaValidator: answersAreCheckedByUs,
    requestState: {
      verify: (state) => {
        if (!session.genuine(state)) throw new Error('not sealed by this process');
      },
    },
  });

  server.setRequestHandler('tools/list', desk.listTools);
  server.setRequestHandler('tools/call', ({ params }, context) => {
    const state = context.mcpReq.requestState();
    const done = typeof state === 'string' ? session.release(state) : undefined;
    if (done) return resultOf(done);
    const { answer, ...around } = contextOf(context);
    const unasked = answer !== undefined && session.isClientsOwn(answer);
    // The person is asked at a page instead, under a seal of its own: that of the client must not bring a yes as well.
    if (unasked) session.forget(answer.state);
    return desk.call<InputRequiredResult | ReturnType<typeof resultOf>>(
      params.name,
      params.arguments,
      unasked ? around : { ...around, answer },
      {
        asked: ({ question, state }) => {
          if (unasked || !elicits(context).forms) return undefined;
          return inputRequired({
            inputRequests: { [QUESTION]: inputRequired.elicit(formFor(question)) },
            requestState: state,
          });
        },
        shown: (page, result) =>
          inputRequired({
            inputRequests: { [PAGE]: inputRequired.elicitUrl(page) },
            requestState: session.hold(result),
          }),
      },
    );
  });
  server.setRequestHandler('resources/list', desk.listResources);
  server.setRequestHandler('resources/templates/list', desk.listTemplates);
  server.setRequestHandler('resources/read', ({ params }, context) =>
    desk.read(params.uri, contextOf(context), INVALID_PARAMS),
  );
  server.setRequestHandler('prompts/list', desk.listPrompts);
  server.setRequestHandler('prompts/get', ({ params }) => desk.getPrompt(params.name, params.arguments));
  server.setRequestHandler('completion/complete', ({ params }, context) =>
    desk.complete(params.ref, params.argument, contextOf(context)),
  );
  return server;
}

/** What the client of a request says it can put to a person. */
function elicits({ mcpReq }: ServerContext): { forms: boolean; pages: boolean } {
  const asking = elicitation.safeParse(mcpReq.envelope);
  if (!asking.success) return { forms: false, pages: false };
  const { form, url } = asking.data[CLIENT_CAPABILITIES_META_KEY].elicitation;
  // A bare `{}` means forms, as it did before there were other modes.
  return { forms: url === undefined || form !== undefined, pages: url !== undefined };
}

function contextOf(context: ServerContext): CallContext {
  const { mcpReq } = context;
  return {
    showsPages: elicits(context).pages,
    signal: mcpReq.signal,
    progress: progressTo(mcpReq._meta?.progressToken, (notification) => mcpReq.notify(notification)),
    answer: answerOf(mcpReq),
  };
}

/** An answer counts only with the state its question was sealed in; what else a client sends is as if it were not there. */
function answerOf({ inputResponses, requestState }: ServerContext['mcpReq']): Answer | undefined {
  const state = requestState();
  const given = answer.safeParse(inputResponses?.[QUESTION]);
  return typeof state === 'string' && given.success ? { state, ...given.data } : undefined;
}
