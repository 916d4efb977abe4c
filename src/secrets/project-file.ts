import { basename } from 'node:path';
import { badInput } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { LONGEST_PATH, resolveAllowed } from './allowed-folder.ts';
import { type Destination, type Handover, Unfit } from './destination.ts';
import { mergeDotenv, readDotenv } from './dotenv.ts';
import { mergeJson, readJson } from './json-text.ts';
import {
  besideOf,
  type FileRules,
  findText,
  probe,
  refuseMoved,
  replace,
  standingOf,
  useless,
  warningOf,
} from './target.ts';
import { inTurn, type Turn } from './turns.ts';

/** How values stand in a text under names. Both throw `Unfit` for a text that is not of this kind. */
interface Format {
  read(text: string): Map<string, string>;
  merge(text: string, values: Record<string, string>): string;
}

const DOTENV: Format = { read: readDotenv, merge: mergeDotenv };
const JSON_TEXT: Format = { read: readJson, merge: mergeJson };

/**
 * A file of the project: `.env` and its like get lines, `.json` gets keys at the top level. The keys begin with `prefix`.
 * The file is replaced whole or not at all; a new one is 0600, an existing one keeps its owner and mode.
 */
export function projectFile(path: string, prefix: string, rules: FileRules): Destination {
  formatOf(path);
  const target = resolveAllowed(path, rules);
  const format = formatOf(target);

  /** Those of these names that have a value in a text. */
  const within = (text: string, names: readonly string[]): [string, string][] => {
    const values = format.read(text);
    return names.flatMap((name) => {
      const value = values.get(name);
      return value === undefined ? [] : [[name, value] as [string, string]];
    });
  };
  const digest = (values: [string, string][]): string => rules.mac(JSON.stringify(values));

  async function put(values: Record<string, string>, over: string | undefined, turn: Turn) {
    const names = Object.keys(values);
    refuseMoved(path, target, rules);
    // Read now: someone may have saved the file since.
    const before = await findText(target);
    const present = within(before.text, names);
    if (present.some(([name, value]) => value !== values[name]) && digest(present) !== over)
      throw new Unfit(`another value was put under ${present.map(([name]) => name).join(' and ')} meanwhile`);
    const merged = format.merge(before.text, values);
    if (merged === before.text && before.stat) return before.stat;
    return replace(target, merged, before, () => {
      // A link may have taken the place of a folder.
      refuseMoved(path, target, rules);
      turn.check();
    });
  }

  return {
    to: `file:${target}`,
    label: `the file ${quoted(target, LONGEST_PATH)}`,
    async present(names) {
      try {
        const { text } = await findText(target);
        format.merge(text, samplesOf(prefix, names));
        const values = within(
          text,
          names.map((name) => keyOf(prefix, name)),
        );
        return values.length === 0 ? undefined : { names: values.map(([name]) => name), digest: digest(values) };
      } catch (error) {
        throw useless(path, error);
      }
    },
    async reserve(over) {
      const warnings = await standingOf(path, target, rules, besideOf(target));
      try {
        // Provoked now, while nothing is created yet: a folder that cannot be written.
        await probe(target, await findText(target));
      } catch (error) {
        throw useless(path, error);
      }
      return {
        async keep(handover) {
          const stat = await inTurn(target, (turn) => put(valuesOf(prefix, handover), over, turn));
          return { destination: 'file', place: target, ...warningOf(target, stat, warnings) };
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

const keyOf = (prefix: string, name: string): string => `${prefix}_${name.toUpperCase()}`;

function valuesOf(prefix: string, { facts, secrets }: Handover): Record<string, string> {
  const revealed = Object.entries(secrets).map(([key, secret]) => [key, secret.reveal()] as const);
  // The SIP username goes along with its password: one is of no use without the other.
  const named = facts.sip_username ? [['sip_username', facts.sip_username] as const] : [];
  return Object.fromEntries([...named, ...revealed].map(([key, value]) => [keyOf(prefix, key), value]));
}

/** Values such as those of a handover: a key has line breaks, the others have none. */
const samplesOf = (prefix: string, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [keyOf(prefix, name), name.endsWith('_key') ? '-\n-' : 'x']));

/** Kinds of files that are called after `.env`, and have no lines of it; our own while it is written is one. */
const NO_DOTENV = /\.(telnyx-credentials\.tmp|ya?ml|toml|[cm]?[jt]sx?|ini|xml|py|rb|php|gpg|age|enc)$/;

function formatOf(path: string): Format {
  const name = basename(path);
  if (name.endsWith('.json')) return JSON_TEXT;
  if (/^\.env(\.[\w.-]+)?$|\.env$/.test(name) && !NO_DOTENV.test(name)) return DOTENV;
  throw badInput(
    `${path} is neither a .env file nor a .json file.`,
    'Deliver to a file such as .env.local or secrets.json, or to the vault.',
  );
}
