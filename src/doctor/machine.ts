import { hasBrowser } from '../approval/pages/browser.ts';
import { probe } from '../secrets/keychain.ts';
import { type Check, error, type Found, ok, warning } from './check.ts';

const SUPPORTED = [22, 24, 26];
const OLDEST = [20, 19] as const;

/** Whether this Node is one that the program is tested on. */
export const node: Check = () => [judge(process.versions.node)];

/** Takes a version of Node; gives what is to be said of it. */
export function judge(version: string): Found {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const upgrade = `install one of Node ${SUPPORTED.join(', ')}`;
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    return error(`Node ${version} is too old`, upgrade);
  if (major === OLDEST[0]) return warning(`Node ${version} gets no security fixes any more`, upgrade);
  if (!SUPPORTED.includes(major)) return warning(`Node ${version} is not one this is tested on`, upgrade);
  return ok(`Node ${version}`);
}

const INSTALL = 'unlock or install one (on Linux a Secret Service such as gnome-keyring)';
const NEEDED = 'only login and deliver_to keychain:NAME need it';

/** Whether secrets can be kept in the keychain of the system. */
export const keychain: Check = async ({ config, keychain }) => {
  const needed = config.deliverTo.startsWith('keychain:');
  const useless = (says: string, next: string): Found[] => [
    needed ? error(says, next) : warning(says, `${NEEDED}: ${next}`),
  ];
  const opened = await keychain().catch(() => undefined);
  if (!opened) return useless('its module cannot be loaded', 'install again without leaving out optional dependencies');
  try {
    probe(opened);
  } catch {
    return useless('it is missing or locked', INSTALL);
  }
  return [ok('an entry can be written, read and removed')];
};

/** Whether a page can be opened for a person; none is. */
export const browser: Check = ({ config }) => {
  if (hasBrowser({ platform: process.platform, env: config.childEnv })) return [ok('pages can be opened')];
  const says = 'no page can be opened: this is no desktop session, or runs in CI or over SSH';
  if (config.deliverTo === 'browser') return [error(says, 'choose another place with TELNYX_MCP_DELIVER_TO')];
  return [warning(says, 'use a client that can ask questions itself, or the command line')];
};
