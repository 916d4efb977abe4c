import { timingSafeEqual } from 'node:crypto';
import type { StateKey } from '../secrets/state-folder.ts';
import { badInput } from './errors.ts';

const MAC_BYTES = 12;

/** Opaque positions in lists, signed, so that what comes back is what was given, for the same list and filters. */
export interface Cursors {
  seal(list: string, offset: number): string;
  /** The offset a cursor stands for, 0 without one. Throws `BAD_INPUT` for any other text. */
  open(list: string, cursor: string | undefined): number;
}

/** `key` is asked for when the first is signed. */
export function createCursors(key: () => StateKey): Cursors {
  const sign = (list: string, offset: string): Buffer =>
    key().mac('cursor', `${list}\0${offset}`).subarray(0, MAC_BYTES);
  return {
    seal: (list, offset) => `${offset}.${sign(list, `${offset}`).toString('base64url')}`,
    open(list, cursor) {
      if (cursor === undefined) return 0;
      const [offset = '', mac = ''] = cursor.split('.');
      const given = Buffer.from(mac, 'base64url');
      if (given.length === MAC_BYTES && timingSafeEqual(given, sign(list, offset))) return Number(offset);
      throw badInput(
        'This cursor was not given by this list with these filters.',
        'Use a cursor exactly as it was given, with the same arguments, or leave it out to start over.',
      );
    },
  };
}
