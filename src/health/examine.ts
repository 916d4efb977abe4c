import type { Deps } from '../core/tool.ts';
import { type Job, rotationsOf } from '../jobs/job.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { CONNECTION_KINDS, connectionList } from '../telnyx/connections.ts';
import { leanPushList, leanTelephonyList } from '../telnyx/lean-rows.ts';
import { activityFindings, type Candidate } from './activity.ts';
import {
  findInConnections,
  findInPush,
  type KnownConnection,
  type KnownPush,
  knownConnection,
  knownPush,
  usersOfPush,
} from './connections.ts';
import { inUseFindings } from './in-use.ts';
import type { Add } from './kinds.ts';
import { type ListReading, type Read, startReading } from './reading.ts';
import { findInRotations, rotationsByCredential } from './rotations.ts';
import type { Moments, Section } from './settings.ts';
import { telephonyFindings } from './telephony.ts';

// Of the call's time: enough to put the answer together and to bring it over.
const TO_ANSWER_MS = 3000;

interface Order {
  sections: readonly Section[];
  connectionId: string | undefined;
  /** How many credentials the activity is looked at of. */
  limit: number;
  moments: Moments;
}

/**
 * Reads what the sections need, each list once and all at the same time, asks about what is in use, and adds what is to be
 * said of it. Gives how far it came; stops in time for the answer. Throws ToolError when nothing could be read.
 */
export async function examine(
  { sections, connectionId, limit, moments }: Order,
  add: Add,
  deps: Deps,
): Promise<Read[]> {
  const { http, jobs, now, progress, timeLeft } = deps;
  const wants = (...any: Section[]): boolean => any.some((section) => sections.includes(section));
  const reading = startReading(progress);
  const need = (list: Section, ...any: Section[]) => (wants(...any) ? reading.list(list) : undefined);
  const lists = {
    telephony: need('telephony', 'telephony', 'activity'),
    push: need('push', 'push', 'connections'),
    connections: need('connections', 'push', 'connections'),
    rotations: need('rotations', 'rotations', 'telephony'),
    activity: need('activity', 'activity'),
  };
  const connections = new Map<string, KnownConnection>();
  const push = new Map<string, KnownPush>();
  const open = lists.rotations ? await readJobs(jobs, lists.rotations) : [];
  const rotations = open.flatMap(rotationsOf).sort((a, b) => b.beganAt.localeCompare(a.beganAt));
  const telephony = wants('telephony') && telephonyFindings(moments, add, rotationsByCredential(rotations));
  const activity = activityFindings(moments, limit, add);
  const inUse = inUseFindings(rotations, connectionId, { now: now(), add });

  // Connections before the credentials they point to: one made in between would seem missing. Of one that is seen again, as
  // it is then.
  const small = async (): Promise<void> => {
    const kinds = CONNECTION_KINDS.map(connectionList);
    await lists.connections?.scan(http, kinds, (row) => connections.set(row.id, knownConnection(row)));
    await lists.push?.scan(http, [leanPushList], (row) => push.set(row.id, knownPush(row)));
  };
  const large = async (): Promise<readonly Candidate[]> => {
    await lists.telephony?.scan(http, [leanTelephonyList({ connection_id: connectionId })], (row, again) => {
      if (again || (connectionId !== undefined && row.connection_id !== connectionId)) return;
      if (telephony) telephony.see(row);
      if (lists.activity) activity.see(row);
    });
    return activity.oldest();
  };
  const rows = large();
  const living = lists.activity && reading.each(rows, (one) => activity.look(one, deps), activity.found);
  const ending = wants('rotations') && reading.each(inUse.looks, (one) => inUse.look(one, deps), inUse.found);
  await reading.within(timeLeft() - TO_ANSWER_MS, Promise.all([small(), rows, living, ending]));

  if (telephony) telephony.finish((id) => connections.get(id)?.name);
  if (lists.activity) activity.finish(lists.activity, lists.telephony?.complete ?? false);
  const judged = [...connections.values()].filter(({ id }) => connectionId === undefined || id === connectionId);
  const users = lists.connections?.complete ? usersOfPush(connections.values()) : undefined;
  if (wants('push')) {
    const used = connectionId === undefined ? undefined : usersOfPush(judged);
    findInPush(
      [...push.values()].filter(({ id }) => !used || used.has(id)),
      users,
      moments,
      add,
    );
  }
  if (wants('connections')) findInConnections(judged, push, lists.push?.complete ?? false, moments, add);
  if (wants('rotations')) {
    findInRotations(rotations, connectionId, now(), add);
    if (lists.rotations) inUse.finish(lists.rotations);
    for (const { id, wrong } of open) if (wrong) add('rotation_damaged', 0, id, () => ({ id, why: wrong.says }));
  }
  return reading.read();
}

/** Gives the jobs that something may be left of; none when the journal cannot be read. */
async function readJobs(jobs: Jobs, list: ListReading): Promise<Job[]> {
  let found: Job[] = [];
  const reading = jobs.open().then((open) => {
    found = open;
    list.rows = open.flatMap(rotationsOf).length;
    return { whole: true, steady: true, stopped: false, unreadable: { count: 0, paths: [] } };
  });
  await list.end([reading]);
  return found;
}
