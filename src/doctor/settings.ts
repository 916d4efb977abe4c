import { type Config, DEFAULT_BASE_URL, TOOLSETS } from '../config.ts';
import { type Check, type Found, ok, warning } from './check.ts';

/** The settings that change what the program may do, in plain words. */
export const settings: Check = ({ config }) => {
  const { baseUrl, readOnly, toolsets, sandbox, deliverTo } = config;
  const { host } = new URL(baseUrl);
  const real = sandbox === undefined;
  return [
    ...(real ? [] : [ok('a sandbox: nothing real is touched')]),
    ...(real && baseUrl !== DEFAULT_BASE_URL
      ? [warning(`the key is sent to ${host}, not to Telnyx itself`, 'leave out TELNYX_BASE_URL unless you mean it')]
      : []),
    readOnly ? ok('read-only: nothing can be changed') : ok('credentials can be changed'),
    asking(config),
    ...(toolsets.length < TOOLSETS.length ? [ok(`only the toolsets ${toolsets.join(', ')}`)] : []),
    ok(`new secrets go to ${deliverTo}`),
  ];
};

function asking({ confirm, readOnly, sandbox }: Config): Found {
  if (confirm === 'ask' || readOnly) return ok('a person is asked before something is taken away');
  const says = 'nobody is asked before something is taken away';
  return sandbox === undefined ? warning(says, 'leave out TELNYX_MCP_CONFIRM=never, except in CI') : ok(says);
}
