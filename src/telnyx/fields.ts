import { z } from 'zod';
import { Secret } from '../secrets/secret.ts';
import { oneLine } from '../untrusted.ts';

/** An id, opaque, but never a path: it goes into URLs and file names. */
export const wireId = z.string().regex(/^[\w-]{1,128}$/);

/** A text as one visible line; null when absent, null or not a text. */
export const wireText = z
  .string()
  .transform((text) => oneLine(text))
  .nullish()
  .catch(null)
  .transform((text) => text ?? null);

/** A date as Telnyx sent it; null when absent. */
export const wireDate = z
  .string()
  .nullish()
  .catch(null)
  .transform((text) => text ?? null);

const MASK = /^\*+$/;

/** A secret, wrapped while parsing; null when absent, or masked by Telnyx with asterisks (api.md §3.3). */
export const wireSecret = z
  .string()
  .nullish()
  .catch(null)
  .transform((text) => (text && !MASK.test(text) ? new Secret(text) : null));
