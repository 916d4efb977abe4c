import { afterAll, beforeAll, expect, test } from 'vitest';
import { ToolError } from '../src/core/errors.ts';
import { catalogue } from '../src/tools/index.ts';
import { type Started, startApp, textOf } from './app.ts';

let t: Started;

beforeAll(async () => {
  t = await startApp();
});
afterAll(() => t[Symbol.asyncDispose]());

const firstOf = (rows: ReadonlyMap<string, unknown>): string => [...rows.keys()][0] ?? '';

/** What a model gets of a failed call; throws when a client could take the whole for structured content. */
async function failed(name: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
  const result = await t.call(name, args);
  expect(result.isError).toBe(true);
  expect(result).not.toHaveProperty('structuredContent');
  const text = textOf(result);
  expect(() => JSON.parse(text)).toThrow(SyntaxError);
  const [, json = ''] = /^error: (.*)$/s.exec(text) ?? [];
  return JSON.parse(json) as Record<string, unknown>;
}

test.each(catalogue.map(({ name }) => name))(
  'the text of a wrong call of %s is no JSON, and holds some',
  async (name) => {
    expect(await failed(name, { undeclared: true })).toEqual({
      code: 'BAD_INPUT',
      message: expect.stringContaining('undeclared'),
      next: expect.stringMatching(/\w/),
    });
  },
);

const FROM_TELNYX = { code: 'NOT_FOUND', http_status: 404, telnyx: { code: expect.any(String) } };

test.each([
  ['an id that is not there', 'get_telephony_credential', () => ({ id: 'nobody' }), FROM_TELNYX],
  ['a plan about such an id', 'rotate_telephony_credential', () => ({ id: 'nobody', dry_run: true }), FROM_TELNYX],
  ['a rotation that is not there', 'get_rotation', () => ({ id: 'nobody' }), { code: 'NOT_FOUND' }],
  [
    'nobody to ask',
    'delete_telephony_credential',
    () => ({ id: firstOf(t.sandbox.world.telephony) }),
    { code: 'CANNOT_ASK' },
  ],
] as [string, string, () => Record<string, unknown>, object][])(
  'the text of a call that fails over %s is no JSON, and holds some',
  async (_, name, args, says) => {
    const error = await failed(name, args());
    expect(error).toMatchObject({ message: expect.any(String), next: expect.any(String), ...says });
    expect(error).not.toHaveProperty('error');
  },
);

test('what Telnyx said of a failure stands beside our words, and what it did not say is left out', () => {
  const said = { httpStatus: 429, telnyx: { code: '10011' }, requestId: 'r-1', retryAfterSeconds: 3 };
  expect(JSON.parse(JSON.stringify(new ToolError('RATE_LIMITED', 'Too many.', 'Wait.', said)))).toEqual({
    code: 'RATE_LIMITED',
    message: 'Too many.',
    next: 'Wait.',
    http_status: 429,
    telnyx: { code: '10011' },
    request_id: 'r-1',
    retry_after_seconds: 3,
  });
  expect(Object.keys(new ToolError('TIMEOUT', 'Late.', 'Again.').toJSON())).toEqual(['code', 'message', 'next']);
});
