import { CONNECTION_KINDS } from '../telnyx/connections.ts';

/** Kinds of words a person may want to type again. */
const KINDS = ['telephony_name', 'sip_username', 'telephony_id', 'ios', 'android', 'connection_id', 'tag'] as const;
type Kind = (typeof KINDS)[number];

const MOST = 500;

/** What recent results were about, for completion: ids, names and tags, which are no secrets. */
export interface Recent {
  /** Takes what a call was given and what it gave. */
  see(args: unknown, result: unknown): void;
  /** The words of these kinds that begin like what was typed, kind by kind, the latest first. */
  like(typed: string, ...kinds: Kind[]): string[];
}

type Row = Record<string, unknown>;

/** An empty memory, which this process keeps to itself and sends no request for. */
export function createRecent(): Recent {
  const words = new Map<Kind, Set<string>>(KINDS.map((kind) => [kind, new Set()]));

  function remember(kind: Kind, word: unknown): void {
    const known = words.get(kind);
    if (typeof word !== 'string' || word === '' || !known) return;
    known.delete(word);
    known.add(word);
    const [oldest] = known.size > MOST ? known : [];
    if (oldest !== undefined) known.delete(oldest);
  }

  function walk(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value)) note(value as Row);
    // Backwards, so that the first of a list counts as the latest.
    for (const inner of Object.values(value).reverse()) walk(inner);
  }

  function note(row: Row): void {
    remember('connection_id', row.connection_id);
    if (CONNECTION_KINDS.some((kind) => kind === row.kind)) remember('connection_id', row.id);
    if (row.type === 'ios' || row.type === 'android') remember(row.type, row.alias);
    if (!isTelephony(row)) return;
    remember('telephony_id', row.id);
    remember('telephony_name', row.name);
    remember('sip_username', row.sip_username);
  }

  return {
    see(args, result) {
      if (typeof args === 'object' && args !== null && 'tag' in args) remember('tag', args.tag);
      walk(result);
    },
    like(typed, ...kinds) {
      const begun = typed.toLowerCase();
      const all = kinds.flatMap((kind) => [...(words.get(kind) ?? [])].reverse());
      return all.filter((word) => word.toLowerCase().startsWith(begun));
    },
  };
}

/** A telephony credential, as lists, rotations and reports show it. */
function isTelephony(row: Row): boolean {
  return 'sip_username' in row || ('name' in row && ['expires_at', 'expired_at', 'created_at'].some((at) => at in row));
}
