import { DAY, instant, MINUTE, SECOND } from './dates.ts';
import { stableBytes } from './random.ts';
import type { Device, Registration, TelephonyRecord, World } from './world.ts';

interface Call {
  /** The other party's number. */
  with: string;
  direction?: 'inbound' | 'outbound';
  seconds?: number;
  /** When it began; right before now unless told. */
  at?: Date;
}

interface Options extends Partial<Device> {
  ip: string;
  /** Whether it is switched on at a time; always unless told. */
  isOn?: (at: Date) => boolean;
}

// A device registers again when half of its time is over.
const EXPIRES = 600 * SECOND;
const AGAIN = EXPIRES / 2;
const DOLLARS_A_MINUTE = 0.006;

/** A device with a SIP login. What it does is reckoned when it is asked about: a test may let days pass between. */
export class Phone implements Device {
  readonly ip: string;
  readonly port: number;
  readonly transport: string;
  readonly number: string;
  readonly #world: World;
  readonly #isOn: (at: Date) => boolean;
  #username: string | undefined;

  constructor(
    world: World,
    { ip, port = 5061, transport = 'WSS', number = '+15555550100', isOn = () => true }: Options,
  ) {
    this.ip = ip;
    this.port = port;
    this.transport = transport;
    this.number = number;
    this.#world = world;
    this.#isOn = isOn;
  }

  /** Registers with a login, and stays: the last device to do so on one login is the one that is told of. */
  register(username: string): void {
    this.#username = username;
    const since = this.#world.now().getTime();
    const others = registrationsOf(this.#world, username).filter(({ device }) => device !== this);
    this.#world.registrations.set(username, [{ device: this, since, isOn: this.#isOn }, ...others]);
  }

  /** Says that it goes, or is gone without a word: then the registration lasts as long as it has. */
  leave({ unregisters }: { unregisters: boolean }): void {
    const own = registrationsOf(this.#world, this.#username ?? '').find(({ device }) => device === this);
    if (own) own.left = { at: this.#world.now().getTime(), unregisters };
    this.#username = undefined;
  }

  /** Gives up its login for another one. */
  moveTo(username: string): void {
    this.leave({ unregisters: true });
    this.register(username);
  }

  /** Makes or takes a call with a login, its own unless told. */
  call({ with: other, direction = 'outbound', seconds = 60, at }: Call, username = this.#username ?? ''): void {
    const started = at ?? new Date(this.#world.now().getTime() - seconds * SECOND);
    const [cli, cld] = direction === 'outbound' ? [this.number, other] : [other, this.number];
    const credential = credentialOf(this.#world, username);
    this.#world.calls.push({
      record_type: 'webrtc',
      started_at: started.toISOString(),
      finished_at: new Date(started.getTime() + seconds * SECOND).toISOString(),
      connection_id: credential?.resource_id.split(':')[1] ?? '',
      auth_username: username,
      direction,
      cost: ((Math.ceil(seconds / 60) || 1) * DOLLARS_A_MINUTE).toFixed(4),
      currency: 'USD',
      cli,
      cld,
    });
  }
}

/** Which device Telnyx knows on a login; times are milliseconds since 1970. */
interface Binding {
  device: Device;
  registeredAt: number;
  until: number;
}

/** The credential with a SIP username. */
export function credentialOf(world: World, username: string): TelephonyRecord | undefined {
  for (const record of world.telephony.values()) if (record.sip_username === username) return record;
  return undefined;
}

function registrationsOf(world: World, username: string): Registration[] {
  return world.registrations.get(username) ?? [];
}

/** When a device has last registered, in milliseconds since 1970; undefined when that holds no more. */
function lastOf({ since, left, isOn }: Registration, now: number): number | undefined {
  const end = left?.at ?? now;
  let at = end - ((end - since) % AGAIN);
  while (at >= since && at + EXPIRES > now) {
    if (isOn(new Date(at))) return at;
    at -= AGAIN;
  }
  return undefined;
}

/**
 * The device that is registered with a login now; undefined when none is. The last to register wins, and once it has left,
 * another one that stays is known from the next time it registers. An expired credential registers nobody.
 */
export function bindingOf(world: World, username: string): Binding | undefined {
  const credential = credentialOf(world, username);
  if (!credential || world.isExpired(credential)) return undefined;
  const now = world.now().getTime();
  const [last] = registrationsOf(world, username)
    .flatMap((registration) => {
      const registeredAt = lastOf(registration, now);
      return registeredAt === undefined ? [] : [{ ...registration, registeredAt }];
    })
    .sort((a, b) => b.registeredAt - a.registeredAt);
  if (!last || last.left?.unregisters) return undefined;
  return { device: last.device, registeredAt: last.registeredAt, until: last.registeredAt + EXPIRES };
}

const CALLS_EACH = 6;
const SEEN = 10;

/** Gives some of the living credentials a phone that stays, and calls of the last three weeks. */
export function seedPhones(world: World): void {
  const stable = stableBytes('phones');
  const now = world.now().getTime();
  let index = 0;
  for (const credential of world.telephony.values()) {
    if (index >= SEEN * 3) return;
    index += 1;
    if (index % 3 !== 0 || world.isExpired(credential)) continue;
    const [a = 0, b = 0] = stable(2);
    // Addresses for documentation, RFC 5737.
    const phone = new Phone(world, {
      ip: `198.51.100.${a}`,
      port: 20_000 + b,
      number: `+1555555${String(1000 + index)}`,
    });
    phone.register(credential.sip_username);
    for (let call = 0; call < CALLS_EACH; call += 1) {
      const [day = 0, minute = 0, length = 0] = stable(3);
      const at = new Date(now - (day % 20) * DAY - (60 + minute * 2) * MINUTE);
      if (at.getTime() < instant(credential.created_at)) continue;
      const direction = call % 3 === 0 ? 'inbound' : 'outbound';
      phone.call({ with: `+1202555${String(1000 + minute)}`, direction, seconds: 20 + length * 2, at });
    }
  }
}
