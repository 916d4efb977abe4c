import type { Tool } from '../core/tool.ts';
import { getActivity } from './activity.ts';
import { assessLeak } from './assess-leak.ts';
import { listConnectionsTool } from './connections.ts';
import { deleteExpired, rotateFleet } from './fleet.ts';
import { handOff } from './hand-off.ts';
import { reportHealth } from './health.ts';
import { deletePush, getPush, listPush } from './push-credentials.ts';
import { checkPush, createPush } from './push-material.ts';
import { rotatePush } from './rotate-push.ts';
import { rotateTelephony } from './rotate-telephony.ts';
import { continueRotation, getRotation, rollBackRotation } from './rotations.ts';
import { deleteTelephony, getTelephony, listTelephony, updateTelephony } from './telephony-credentials.ts';
import { createTelephony, createToken } from './telephony-secrets.ts';

/** Every tool, in the order an agent reads them. */
export const catalogue: readonly Tool[] = [
  reportHealth,
  assessLeak,
  listTelephony,
  getTelephony,
  getActivity,
  createTelephony,
  updateTelephony,
  deleteTelephony,
  createToken,
  listPush,
  getPush,
  checkPush,
  createPush,
  deletePush,
  rotateTelephony,
  rotatePush,
  rotateFleet,
  getRotation,
  continueRotation,
  rollBackRotation,
  deleteExpired,
  listConnectionsTool,
  handOff,
];
