import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface KeyPair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);
const made = new Map<string, Promise<KeyPair>>();

/** Gives an RSA 2048 key pair: slow to make, so a process makes one per label and every sandbox in it shares them. */
export function keyPair(label: string): Promise<KeyPair> {
  const pair = made.get(label) ?? generate('rsa', { modulusLength: 2048 });
  made.set(label, pair);
  return pair;
}
