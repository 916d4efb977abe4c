import { account, clock, key, network } from './api.ts';
import type { Check } from './check.ts';
import { browser, keychain, node } from './machine.ts';
import { commands, folders, settings } from './settings.ts';
import { journal, stateFolder, vault } from './state.ts';

/** Every check by its name, in the order a person reads them. */
export const CHECKS: readonly (readonly [name: string, check: Check])[] = [
  ['node', node],
  ['settings', settings],
  ['key', key],
  ['network', network],
  ['clock', clock],
  ['account', account],
  ['state folder', stateFolder],
  ['vault', vault],
  ['journal', journal],
  ['keychain', keychain],
  ['browser', browser],
  ['folders', folders],
  ['commands', commands],
];
