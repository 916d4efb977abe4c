import { allRotations } from '../rotation/begin.ts';
import type { Ledger } from '../rotation/ledger.ts';
import type { Rotation } from '../rotation/rotation.ts';
import { CONNECTION_KINDS, visitConnections } from '../telnyx/connections.ts';
import type { Http } from '../telnyx/http.ts';
import { type LeanTelephony, visitPush, visitTelephony } from '../telnyx/lean-rows.ts';
import { type KnownConnection, knownConnection } from './connections.ts';
import { type KnownPush, knownPush } from './push.ts';
import type { ListReading } from './reading.ts';

/** Shows each telephony credential once, of one connection or of all. */
export function readTelephony(
  http: Http,
  connectionId: string | undefined,
  list: ListReading,
  see: (row: LeanTelephony) => void,
): Promise<void> {
  const visit = (row: LeanTelephony, again: boolean): void => {
    if (again) return;
    list.seen();
    if (connectionId === undefined || row.connection_id === connectionId) see(row);
  };
  return list.end([visitTelephony(http, { connection_id: connectionId }, visit, list.watch())]);
}

/** Fills a map with the connections of all kinds; of one that was seen again, as it was then. */
export function readConnections(http: Http, list: ListReading, into: Map<string, KnownConnection>): Promise<void> {
  const scans = CONNECTION_KINDS.map((kind) =>
    visitConnections(
      http,
      kind,
      (row, again) => {
        if (!again) list.seen();
        into.set(row.id, knownConnection(row));
      },
      list.watch(),
    ),
  );
  return list.end(scans);
}

/** Fills a map with the push credentials. */
export function readPush(http: Http, list: ListReading, into: Map<string, KnownPush>): Promise<void> {
  const scan = visitPush(
    http,
    (row, again) => {
      if (again) return;
      list.seen();
      into.set(row.id, knownPush(row));
    },
    list.watch(),
  );
  return list.end([scan]);
}

/** Gives the rotations of the ledger, the latest first; none when it cannot be read. */
export async function readRotations(ledger: Ledger, list: ListReading): Promise<Rotation[]> {
  let found: Rotation[] = [];
  const reading = allRotations(ledger).then((rotations) => {
    found = rotations;
    list.rows = rotations.length;
    return { whole: true, steady: true, stopped: false, unreadable: { count: 0, paths: [] } };
  });
  await list.end([reading]);
  return found;
}
