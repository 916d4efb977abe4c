import { z } from 'zod';
import { badInput } from '../errors.ts';
import { Secret } from '../secrets/secret.ts';
import { kindOf } from './kind.ts';

const serviceAccount = z.looseObject({
  type: z.literal('service_account'),
  project_id: z.string(),
  client_email: z.string(),
  private_key: z.string(),
});

/**
 * A Firebase service account key: its private key, wrapped, and the rest of the JSON object. Throws `BAD_INPUT` naming
 * what the file is instead.
 */
export function readServiceAccount(file: Buffer): { account: Record<string, unknown>; privateKey: Secret } {
  const account = serviceAccount.safeParse(parse(file.toString('utf8')));
  if (!account.success) {
    const found = kindOf(file);
    throw badInput(
      `service_account_file must be a Firebase service account key; it is ${found}${found === 'a service account key' ? ' with fields missing' : ''}.`,
      'Have the person make one in the Firebase console: Project settings, Service accounts, Generate new private key.',
    );
  }
  const { private_key, ...rest } = account.data;
  return { account: rest, privateKey: new Secret(private_key) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
