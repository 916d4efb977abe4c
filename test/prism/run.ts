// Holds the product's requests, and the sandbox's answers, against the specification by Stoplight's Prism: first on answers
// that Prism makes up, then between product and sandbox. Needs Node 24, and the command `prism` on the path.
import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox } from '../../src/sandbox/server.ts';
import { documentForPrism } from './document.ts';
import { isDoctors, SENT } from './known.ts';
import { writeMaterial } from './material.ts';
import { type Open, playMocked } from './mocked.ts';
import { check, checksOf, counts } from './play.ts';
import { startPrism } from './prism.ts';
import { playPush } from './push.ts';
import { type Recorder, startRecorder } from './recorder.ts';
import { startSession } from './session.ts';
import { beginAndStop, playTelephony } from './telephony.ts';

const KINDS = ['credential', 'fqdn', 'ip', 'uac'];
const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-prism-'));
const document = join(folder, 'openapi.json');
writeFileSync(document, JSON.stringify(documentForPrism()));
const files = await writeMaterial(folder);

/** A folder for a server of its own. */
function place(name: string): string {
  const own = join(folder, name);
  mkdirSync(own);
  return own;
}

/** Leaves two rotations with steps left in a folder, since what Prism makes up lets none begin; gives a key, too. */
async function beginRotations(recorder: Recorder, at: string): Promise<{ open: Open; apiKey: string }> {
  await using sandbox = await startSandbox();
  recorder.to = sandbox.baseUrl;
  await using session = await startSession({ baseUrl: recorder.url, apiKey: sandbox.apiKey, folder: at });
  const [one, two] = sandbox.world.telephony.keys();
  const [goesOn, turnsBack] = [await beginAndStop(session, sandbox, one), await beginAndStop(session, sandbox, two)];
  return { open: { goesOn, turnsBack }, apiKey: sandbox.apiKey };
}

async function mocked(mode: string, ...options: string[]): Promise<void> {
  const own = place(mode);
  await using prism = await startPrism(['mock', document, ...options]);
  await using recorder = await startRecorder(prism.url);
  const { open, apiKey } = await beginRotations(recorder, own);
  recorder.to = prism.url;
  await using session = await startSession({ baseUrl: recorder.url, apiKey, folder: own });
  await playMocked(mode, session, recorder, files, open);
}

async function proxied(): Promise<void> {
  await using sandbox = await startSandbox();
  await sandbox.world.ready;
  await using prism = await startPrism(['proxy', document, sandbox.baseUrl]);
  await using recorder = await startRecorder(prism.url);
  const account = { baseUrl: recorder.url, apiKey: sandbox.apiKey, folder: place('proxy') };
  await using session = await startSession(account);
  const checked = checksOf('proxy', recorder, isDoctors);
  await checked('list_connections of each kind, all and by name', async () => {
    for (const kind of KINDS) {
      const [wanted] = [...sandbox.world.connections.values()].filter((row) => row.kind === kind);
      for (const filter of [{}, { name: wanted?.connection_name }]) {
        const args = { kind, ...filter };
        const { connections } = await session.must<{ connections: { id: string }[] }>('list_connections', args);
        equal(connections[0] !== undefined, true, JSON.stringify(args));
      }
    }
  });
  await checked('report_credential_health', async () => {
    equal((await session.must<{ complete: boolean }>('report_credential_health')).complete, true);
  });
  await checked('doctor', async () => match(await session.doctor(), /accepts the key/));
  await playTelephony(checked, session, sandbox);
  for (const platform of ['ios', 'android'] as const) await playPush(checked, session, sandbox, files, platform);
  await check('proxy: every operation the product can send was seen, and no other', async () => {
    const sent = recorder.exchanges.filter(({ authorized }) => authorized);
    const seen = new Set(sent.map(({ operation = 'none that is declared' }) => operation));
    for (const operation of [...seen].sort()) console.log(`        seen: ${operation}`);
    const missing = SENT.filter((operation) => !seen.has(operation));
    const others = [...seen].filter((operation) => !SENT.includes(operation));
    deepEqual({ missing, others }, { missing: [], others: [] });
  });
}

try {
  // Each comes to its end as a check of its own: what cannot even start must be told and counted.
  await check('mock static: came to its end', () => mocked('static'));
  await check('mock dynamic: came to its end', () => mocked('dynamic', '--dynamic'));
  await check('proxy: came to its end', proxied);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
