import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as textOfStream } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import { runCommand } from '../src/front/cli/run.ts';
import { loadConfig } from '../src/host/config.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { MAIN, NOBODY } from './process.ts';

const DAY = 86_400_000;
const root = mkdtempSync(join(tmpdir(), 'telnyx-mcp-report-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const machineFor = (sandbox: Sandbox) => ({
  TELNYX_API_KEY: sandbox.apiKey,
  TELNYX_BASE_URL: sandbox.baseUrl,
  TELNYX_MCP_STATE_DIR: mkdtempSync(join(root, 'state-')),
});

/** Runs the command in this process. */
async function report(sandbox: Sandbox, flags: string[] = []) {
  const stream = () => new PassThrough().setEncoding('utf8');
  const [stdin, stdout, stderr] = [stream(), stream(), stream()];
  const { command, config } = loadConfig(['report', ...flags], machineFor(sandbox));
  const status = await runCommand(command as readonly string[], config, { stdin, stdout, stderr });
  return { status, stdout: `${stdout.read() ?? ''}`, stderr: `${stderr.read() ?? ''}` };
}

/** Runs the built program to its end. */
async function run(args: string[], env: Record<string, string> = {}) {
  const { PATH = '', HOME = '' } = process.env;
  const state = { TELNYX_MCP_STATE_DIR: mkdtempSync(join(root, 'state-')) };
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH, HOME, TELNYX_BASE_URL: NOBODY, ...state, ...env },
  });
  const [stdout, stderr, [status]] = await Promise.all([
    textOfStream(child.stdout),
    textOfStream(child.stderr),
    once(child, 'exit'),
  ]);
  return { status, stdout, stderr };
}

/** An account in which nothing is wrong. */
async function startHealthy(): Promise<Sandbox> {
  const sandbox = await startSandbox();
  const { world } = sandbox;
  await world.ready;
  for (const row of [...world.telephony.values()]) {
    if (Date.parse(`${row.expires_at}Z`) < Date.now() + 40 * DAY) world.telephony.delete(row.id);
  }
  const fresh = [...world.push.values()].find(({ alias }) => alias === 'acme-dialer-ios-renewed');
  for (const row of world.connections.values()) {
    if (row.ios_push_credential_id && fresh) row.ios_push_credential_id = fresh.id;
  }
  for (const { id, alias } of [...world.push.values()]) if (alias === 'acme-dialer-ios') world.push.delete(id);
  return sandbox;
}

test('the status is that of the worst there is: 0, 1 or 2', async () => {
  await using sandbox = await startHealthy();
  const well = await report(sandbox);
  expect(well).toMatchObject({ status: 0, stderr: '' });
  expect(well.stdout).toMatch(
    /^[\d-]{10} [\d:]{5} UTC: 0 errors, 0 warnings \(telephony \d+, push 5, .+\)\n(info .+\n)+$/,
  );

  const [first] = sandbox.world.telephony.values();
  Object.assign(first ?? {}, { expired: true, name: 'front\u001b[2Jdesk\u202e' });
  const expired = await report(sandbox);
  expect(expired.status).toBe(1);
  const [, worst, example] = expired.stdout.split('\n');
  expect(worst).toMatch(/^warning {2,}1 {2}telephony credentials that have expired/);
  expect(example).toMatch(new RegExp(`^ +${first?.id} {2}front \\[2Jdesk {2}`));
  expect(expired.stdout).not.toMatch(/[^\P{C}\n]/u);

  const [connection] = sandbox.world.connections.values();
  Object.assign(connection ?? {}, { android_push_credential_id: '00000000-0000-4000-8000-000000000000' });
  const broken = await report(sandbox);
  expect(broken.status).toBe(2);
  expect(broken.stdout.split('\n')[1]).toMatch(
    /^ERROR {3,}1 {2}connections that point to a push credential that is gone/,
  );
});

test('--json prints the report for programs', async () => {
  await using sandbox = await startSandbox({ credentials: 100 });
  const { status, stdout } = await report(sandbox, ['--json']);
  expect(status).toBe(1);
  const { complete, findings } = JSON.parse(stdout) as {
    complete: boolean;
    findings: { finding: string; count: number }[];
  };
  expect(complete).toBe(true);
  expect(findings).toContainEqual(expect.objectContaining({ finding: 'telephony_totals', count: 100 }));
  for (const { sip_password } of sandbox.world.telephony.values()) expect(stdout).not.toContain(sip_password);
});

test('a report of not everything is no verdict', async () => {
  await using sandbox = await startHealthy();
  sandbox.fault({ path: '/uac_connections', respond: { status: 403 }, times: Infinity });
  const { status, stdout } = await report(sandbox);
  expect(status).toBe(3);
  expect(stdout).toMatch(/\nincomplete, \d+ of \?: connections: .+\n/);
  sandbox.fault({ path: /./, respond: { status: 401 }, times: Infinity });
  expect(await report(sandbox)).toMatchObject({ status: 3, stdout: '', stderr: expect.stringMatching(/^.+\n.+\n$/) });
});

test.concurrent.each([
  ['a misspelt flag', ['report', '--jso'], /--jso is no flag/],
  ['a word too many', ['report', 'now'], /the nearest is: report;/],
  ['no key', ['report'], /No Telnyx API key is set/],
  ['what the toolsets leave out', ['report', '--toolsets', 'push'], /switched off by/],
] as [string, string[], RegExp][])('with %s there is no report, which is neither 1 nor 2', async (_, args, says) => {
  const { status, stdout, stderr } = await run(args);
  expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
  expect(stderr).toMatch(says);
});

test.concurrent('the program ends with the status, and soon', async () => {
  const { status, stdout, stderr } = await run(['--sandbox', 'report', '--json']);
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ complete: true });
});

test.concurrent('--json is refused where it means nothing', async () => {
  for (const args of [
    ['rotations', '--json'],
    ['--json', '--help'],
  ]) {
    const { status, stderr } = await run(args);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining('--json belongs to report, doctor, tools'),
    });
  }
});
