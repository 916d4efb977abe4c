import { once } from '../../core/basics.ts';
import { ToolError, whereOf } from '../../core/errors.ts';
import { count, visible } from '../../core/text.ts';
import { reach } from '../../doctor/api.ts';
import type { Around, Check, Found } from '../../doctor/check.ts';
import { CHECKS } from '../../doctor/checks.ts';
import { findApiKey } from '../../host/api-key.ts';
import type { Config } from '../../host/config.ts';
import { FAILED } from '../../host/exit-status.ts';
import { version } from '../../host/version.ts';
import { reason } from '../../secrets/files.ts';
import { type Keychain, systemKeychain } from '../../secrets/keychain.ts';
import { redactDeep } from '../../secrets/secret.ts';
import { print, type Terminal } from './terminal.ts';

// With the time the key has, it is over in ten seconds.
const REACH_WITHIN_MS = 4000;

type Named = Found & { name: string };

/** Looks at everything and prints what it found, with `--json` for programs; gives 1 when any of it is an error. */
export async function doctor(
  _args: readonly string[],
  config: Config,
  { stdout }: Terminal,
  open: () => Promise<Keychain> = systemKeychain,
  checks: readonly (readonly [name: string, check: Check])[] = CHECKS,
): Promise<number> {
  const around: Around = {
    config,
    keychain: once(open),
    key: once(() => findApiKey(config, around.keychain)),
    reached: once(async () => (config.sandbox === undefined ? reach(config.baseUrl, REACH_WITHIN_MS) : undefined)),
  };
  const found: Named[] = [];
  for (const [name, check] of checks) {
    found.push(
      ...(await made(check, around)).map(({ status, says, next }) => ({ name, status, says, ...(next && { next }) })),
    );
  }
  const about = { version, node: process.versions.node, platform: `${process.platform}-${process.arch}` };
  print(
    stdout,
    config.json ? JSON.stringify(redactDeep({ ...about, checks: found }), null, 2) : readable(about, found),
  );
  return found.some(({ status }) => status === 'error') ? FAILED : 0;
}

/** One check that fails must not keep the others from being made. */
async function made(check: Check, around: Around): Promise<Found[]> {
  try {
    return await check(around);
  } catch (error) {
    if (error instanceof ToolError) return [{ status: 'error', says: error.message, next: error.next }];
    return [
      { status: 'error', says: `this check failed (${reason(error)}) at ${whereOf(error)}`, next: 'report this line' },
    ];
  }
}

function readable(about: Record<string, string>, found: readonly Named[]): string {
  const of = (wanted: Found['status']): number => found.filter(({ status }) => status === wanted).length;
  return [
    `telnyx-credentials-mcp ${about.version}, Node ${about.node}, ${about.platform}`,
    ...found.map(({ name, status, says, next }) =>
      visible(`${status.padEnd(7)}  ${name}: ${says}${next ? `  — ${next}` : ''}`),
    ),
    `${count(of('error'), ['error', 'errors'])}, ${count(of('warning'), ['warning', 'warnings'])}`,
  ].join('\n');
}
