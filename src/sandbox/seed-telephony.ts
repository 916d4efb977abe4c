import { DAY, SECOND, zoneless } from './dates.ts';
import { hex, secretBytes, sipUsername, stableBytes, uuid } from './random.ts';
import type { TelephonyRecord, World } from './world.ts';

const DESKS = `
  front-desk-lobby alice.moreau-laptop support-queue-1 conference-room-oslo ben.okafor-laptop support-queue-2
  warehouse-kiosk chloe.nguyen-laptop billing-desk reception-paris david.klein-laptop night-shift-desk
  training-room-3 emma.rossi-laptop loadtest-agent
`;
const POCKETS = `
  alice.moreau-iphone courier-van-07 ben.okafor-pixel field-tech-north chloe.nguyen-iphone courier-van-11
  david.klein-galaxy field-tech-south emma.rossi-iphone oncall-primary farid.haddad-pixel oncall-backup
  grace.lindqvist-iphone courier-van-12 hiro.tanaka-iphone
`;
// One per credential connection. The names of both are equally many, so taking turns uses each once.
const SIDES = [
  { tag: 'office', devices: DESKS.trim().split(/\s+/) },
  { tag: 'field', devices: POCKETS.trim().split(/\s+/) },
];

/** When a credential ends, given when it was made and the time now, in milliseconds. */
type Ending = (created: number, now: number) => number;
const never: Ending = (created) => {
  const date = new Date(created);
  return date.setUTCFullYear(date.getUTCFullYear() + 22);
};
const gone: Ending = (created, now) => created + (now - created) * 0.6;
const within =
  (days: number): Ending =>
  (created, now) =>
    now + days * DAY + (created % DAY);

// Repeated; an odd count, so that both connections get every kind.
const ENDINGS = [never, within(90), never, gone, never, within(2), never, within(21), never, gone, never] as const;
// Odd seconds, or every credential would be made at the same time of day.
const OLDEST = 46_771_337 * SECOND;
const NEWEST = 7_411 * SECOND;
// A tag holds 1000 credentials at most (spec schema TelephonyCredentialCreateRequest).
const TAGGED = 1000;
// Writing dates is most of the work, so large accounts were made in this many batches of one moment each.
const BATCHES = 2000;

/** How many an account has unless told: each name once. */
export const defaultCount = SIDES.reduce((sum, { devices }) => sum + devices.length, 0);

function moment(now: number, share: number): { created: string; expiries: string[] } {
  const created = now - OLDEST + (OLDEST - NEWEST) * share;
  return {
    created: zoneless(new Date(created)),
    expiries: ENDINGS.map((ending) => zoneless(new Date(ending(created, now)))),
  };
}

/** Fills the account with `count` telephony credentials, in turn on the two connections, oldest first. */
export function seedTelephony(world: World, connectionIds: readonly [string, string], count: number): void {
  const stable = stableBytes('telephony');
  const batch = Math.ceil(count / BATCHES);
  const now = world.now().getTime();
  const resources = connectionIds.map((id) => `connection:${id}`);
  let { created, expiries } = moment(now, 0);
  for (let index = 0; index < count; index++) {
    if (index % batch === 0) ({ created, expiries } = moment(now, (index + 1) / count));
    const turn = index % SIDES.length;
    const round = Math.floor(index / defaultCount);
    const { tag = '', devices = [] } = SIDES[turn] ?? {};
    const device = devices[Math.floor(index / SIDES.length) % devices.length];
    const record: TelephonyRecord = {
      id: uuid(stable),
      record_type: 'credential',
      name: round === 0 ? `${device}` : `${device}-${round + 1}`,
      resource_id: resources[turn] ?? '',
      user_id: world.userId,
      sip_username: sipUsername(stable),
      sip_password: hex(secretBytes, 16),
      expired: false,
      expires_at: expiries[index % ENDINGS.length] ?? '',
      created_at: created,
      updated_at: `${created}.000Z`,
    };
    if (index < TAGGED) record.tag = tag;
    world.telephony.set(record.id, record);
  }
}
