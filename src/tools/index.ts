import type { Tool } from '../tool.ts';
import { listConnectionsTool } from './connections.ts';
import { createPush, deletePush, getPush, listPush } from './push-credentials.ts';
import {
  createTelephony,
  deleteTelephony,
  getTelephony,
  listTelephony,
  updateTelephony,
} from './telephony-credentials.ts';

/** Every tool, in the order an agent reads them. */
export const catalogue: readonly Tool[] = [
  listTelephony,
  getTelephony,
  createTelephony,
  updateTelephony,
  deleteTelephony,
  listPush,
  getPush,
  createPush,
  deletePush,
  listConnectionsTool,
];
