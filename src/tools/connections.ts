import { z } from 'zod';
import { defineRead } from '../core/tool.ts';
import { CONNECTION_KINDS, listConnections } from '../telnyx/connections.ts';
import { cursor, limit, page, readPage } from './fields.ts';

export const listConnectionsTool = defineRead({
  name: 'list_connections',
  title: 'List connections',
  description:
    'Connections of one kind, with the push credentials they use. Telephony credentials hang on credential connections.',
  toolset: 'connections',
  input: z.object({
    kind: z.enum(CONNECTION_KINDS).default('credential'),
    name: z.string().min(3).optional().describe('Part of the name, any case'),
    limit,
    cursor,
  }),
  output: z.object({
    connections: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(CONNECTION_KINDS),
        name: z.string().nullable(),
        active: z.boolean().nullable(),
        ios_push_credential_id: z.string().nullable(),
        android_push_credential_id: z.string().nullable(),
      }),
    ),
    ...page,
  }),
  run: async (args, deps) => {
    const { rows, beside } = await readPage('connections', args, deps, ({ kind, name }, window) =>
      listConnections(deps.http, kind, name, window),
    );
    return { connections: rows, ...beside };
  },
});
