// By the manual, https://man.archlinux.org/man/age.1.raw: an output that exists is overwritten, and what no identity fits
// is not decrypted. The cipher is none of age's: its key is the recipient, which `age-keygen` puts into the identity too.
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { Failure, input, keep } from './store.mjs';

const keyOf = (file) => {
  const [recipient] = /age1\w+/.exec(readFileSync(file, 'utf8')) ?? [];
  if (!recipient) throw new Failure(1, 'no recipient or identity in that file');
  return createHash('sha256').update(recipient).digest();
};
const IV = Buffer.alloc(16);

export const age = {
  '-R RECIPIENTS -o OUTPUT': ({ RECIPIENTS, OUTPUT }) => {
    const kept = keep('age', OUTPUT, input()) ?? '';
    const cipher = createCipheriv('aes-256-cbc', keyOf(RECIPIENTS), IV);
    writeFileSync(OUTPUT, Buffer.concat([cipher.update(kept), cipher.final()]));
  },
  '-d -i IDENTITY INPUT': ({ IDENTITY, INPUT }) => {
    const decipher = createDecipheriv('aes-256-cbc', keyOf(IDENTITY), IV);
    return Buffer.concat([decipher.update(readFileSync(INPUT)), decipher.final()]);
  },
};
