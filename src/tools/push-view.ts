import { z } from 'zod';
import { plainly, quoted } from '../core/text.ts';
import type { Deps } from '../core/tool.ts';
import type { Connection } from '../telnyx/connections.ts';
import type { PushCredential } from '../telnyx/push-credentials.ts';

export const certificate = z.object({
  subject: z.string().nullable(),
  bundle_id: z.string().nullable(),
  voip: z.boolean(),
  not_before: z.string(),
  not_after: z.string(),
  days_left: z.number(),
  fingerprint: z.string(),
});

export const serviceAccount = z.object({
  project_id: z.string().nullable(),
  client_email: z.string().nullable(),
  private_key_id: z.string().nullable(),
});

/** A push credential as an agent sees it. */
export const pushCredential = z.object({
  id: z.string(),
  alias: z.string().nullable(),
  type: z.string().nullable(),
  created_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  shared_by_telnyx: z.boolean(),
  certificate: certificate.optional(),
  service_account: serviceAccount.optional(),
  private_key_fingerprint: z.string().nullable(),
});

/** A push credential as a person would recognise it, by as much of it as is known; an article belongs before it. */
export function describePush({ id, alias, type }: Pick<PushCredential, 'id' | 'alias' | 'type'>): string {
  return `${type === null ? '' : `${plainly(type)} `}push credential ${alias === null ? `with the id ${id}` : quoted(alias)}`;
}

/** A push credential in a phrase to type: by its alias where that is one plain word. */
export const handleOf = ({ id, alias }: { id: string; alias: string | null }): string =>
  alias !== null && plainly(alias) === alias ? alias : id;

/** Connections by name, for a question. */
export const connectionsNamed = (connections: readonly Pick<Connection, 'id' | 'name' | 'kind'>[]): string =>
  connections.map(({ id, name, kind }) => `${name === null ? id : quoted(name)} (${kind})`).join(', ');

/** How many connections, in words. */
export const countOf = ({ length }: readonly unknown[]): string => `${length} connection${length === 1 ? '' : 's'}`;

export async function viewPush(
  { certificate, service_account, private_key, ...shown }: PushCredential,
  { fingerprint, now }: Deps,
) {
  // Loaded when there is something to parse: the ASN.1 reader would slow every start.
  const { describeCertificate } = await import('../material/certificate.ts');
  const facts = certificate && describeCertificate(certificate, now());
  return {
    ...shown,
    ...(facts && { certificate: facts }),
    ...(service_account && { service_account }),
    private_key_fingerprint: fingerprint(private_key),
  };
}
