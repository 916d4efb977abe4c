import { expect, test } from 'vitest';
import { Secret } from '../src/secrets/secret.ts';
import type { Started } from './app.ts';
import { startStateless } from './by-hand.ts';

const TICK = { question: { action: 'accept', content: { confirm: true } } };

const DELETE = 'delete_telephony_credential';
const ids = (t: Started): string[] => [...t.sandbox.world.telephony.keys()];
const deletions = (t: Started): number => t.sandbox.requests.filter(({ method }) => method === 'DELETE').length;

test('a question comes back as a result, and the answer with its state acts, once', async () => {
  await using s = await startStateless();
  const [id] = ids(s.t);
  const record = s.t.sandbox.world.telephony.get(id ?? '');
  const call = { name: DELETE, arguments: { id } };
  const { result: asked } = await s.request('tools/call', call);
  expect(asked).toMatchObject({
    resultType: 'input_required',
    inputRequests: {
      question: { method: 'elicitation/create', params: { message: expect.stringContaining(record?.name ?? '-') } },
    },
  });
  const answered = { ...call, inputResponses: TICK, requestState: asked?.requestState };
  expect((await s.request('tools/call', answered)).result?.structuredContent).toEqual({ status: 'done', id });
  // The same credential is back, as it was.
  if (record) s.t.sandbox.world.telephony.set(record.id, record);
  expect((await s.request('tools/call', answered)).result).toMatchObject({ resultType: 'input_required' });
  expect(deletions(s.t)).toBe(1);
});

type Stateless = Awaited<ReturnType<typeof startStateless>>;
type Forge = (s: Stateless, state: string) => Promise<object>;
const forgeries: [title: string, forge: Forge][] = [
  ['no state at all', async () => ({ inputResponses: TICK })],
  [
    'a state of other arguments',
    async (s) => ({ inputResponses: TICK, requestState: await stateOf(s, DELETE, { id: ids(s.t)[1] }) }),
  ],
  [
    'a state of another tool',
    async (s) => {
      const expires_at = new Date(Date.now() + 60_000).toISOString();
      const living = ids(s.t).find((id) => !s.t.sandbox.world.isExpired(s.t.sandbox.world.telephony.get(id) as never));
      return {
        inputResponses: TICK,
        requestState: await stateOf(s, 'update_telephony_credential', { id: living, expires_at }),
      };
    },
  ],
  ['an answer of another form', async (_, state) => ({ inputResponses: { question: true }, requestState: state })],
  [
    'an answer to another question',
    async (_, state) => ({ inputResponses: { other: TICK.question }, requestState: state }),
  ],
  [
    'a wrapped answer',
    async (_, state) => ({
      inputResponses: { question: { method: 'elicitation/create', result: TICK.question } },
      requestState: state,
    }),
  ],
];

async function stateOf(s: Stateless, name: string, args: object): Promise<string> {
  const { result } = await s.request('tools/call', { name, arguments: args });
  if (!result?.requestState) throw new Error(`no question came back: ${JSON.stringify(result)}`);
  return result.requestState;
}

const forged: [title: string, forge: Forge][] = [
  ['an empty state', async () => ({ inputResponses: TICK, requestState: '' })],
  ['a state made up', async () => ({ inputResponses: TICK, requestState: 'YWJj.9999999999999.ZGVm.Z2hp' })],
  ['a state with more behind it', async (_, state) => ({ inputResponses: TICK, requestState: `${state}.x` })],
  ['a state with another beginning', async (_, state) => ({ inputResponses: TICK, requestState: `x${state}` })],
  [
    'a state without its seal',
    async (_, state) => ({ inputResponses: TICK, requestState: state.replace(/[^.]+$/, '') }),
  ],
];

test.each(forged)('an accept with %s is refused by the protocol', async (_, forge) => {
  await using s = await startStateless();
  const call = { name: DELETE, arguments: { id: ids(s.t)[0] } };
  const state = await stateOf(s, DELETE, call.arguments);
  const answer = await s.request('tools/call', { ...call, ...(await forge(s, state)) });
  expect(answer.error).toMatchObject({ code: -32602 });
  expect(deletions(s.t)).toBe(0);
});

test.each(forgeries)('an accept with %s counts as nothing', async (_, forge) => {
  await using s = await startStateless();
  const call = { name: DELETE, arguments: { id: ids(s.t)[0] } };
  const state = await stateOf(s, DELETE, call.arguments);
  const { result } = await s.request('tools/call', { ...call, ...(await forge(s, state)) });
  expect(result).toMatchObject({ resultType: 'input_required' });
  expect(deletions(s.t)).toBe(0);
});

test('a state older than ten minutes counts as nothing', async () => {
  let now = 0;
  await using s = await startStateless({ clock: () => now });
  const call = { name: DELETE, arguments: { id: ids(s.t)[0] } };
  const requestState = await stateOf(s, DELETE, call.arguments);
  now += 10 * 60_000;
  expect((await s.request('tools/call', { ...call, inputResponses: TICK, requestState })).result).toMatchObject({
    resultType: 'input_required',
  });
  expect(deletions(s.t)).toBe(0);
});

test('a state of another process is refused by the protocol', async () => {
  await using s = await startStateless();
  const { baseUrl, apiKey } = s.t.sandbox;
  await using other = await startStateless({ config: { baseUrl, apiKey: new Secret(apiKey) } });
  const call = { name: DELETE, arguments: { id: ids(s.t)[0] } };
  const requestState = await stateOf(s, DELETE, call.arguments);
  const answer = await other.request('tools/call', { ...call, inputResponses: TICK, requestState });
  expect(answer.error).toMatchObject({ code: -32602 });
  expect(deletions(s.t)).toBe(0);
});

test.each([{}, { elicitation: { url: {} } }, { elicitation: 'yes' }])(
  'what a client can is read from each request: %j cannot be asked',
  async (capabilities) => {
    await using s = await startStateless();
    const call = { name: DELETE, arguments: { id: ids(s.t)[0] } };
    expect((await s.request('tools/call', call)).result).toMatchObject({ resultType: 'input_required' });
    const { result } = await s.request('tools/call', call, capabilities);
    if (capabilities.elicitation !== 'yes')
      expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('CANNOT_ASK') }] });
    expect(result?.resultType).not.toBe('input_required');
    expect(deletions(s.t)).toBe(0);
  },
);

test('results say how long they may be kept', async () => {
  await using s = await startStateless();
  expect((await s.request('tools/list')).result).toMatchObject({
    resultType: 'complete',
    ttlMs: expect.any(Number),
    cacheScope: expect.any(String),
  });
});
