import { attempt, isRecord, parseJson } from '../../core/basics.ts';

/** A JSON-RPC message as far as the opener needs to know it. */
export interface Message {
  jsonrpc: '2.0';
  id?: string | number;
  method?: string;
  params?: { [key: string]: unknown; _meta?: Record<string, unknown> };
}

const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const INVALID_PARAMS = -32602;

/**
 * Takes a line, and gives its message or the line that refuses it, by the id of what it asks for. Gives neither for an
 * answer to nothing: whoever answers that gets an answer to it from one who does the same, for ever.
 */
export function readLine(line: string): { message?: Message; refusal?: string } {
  const value = parseJson(line);
  if (value === undefined) return { refusal: refusalOf(PARSE_ERROR, 'The line is not JSON.') };
  const said: Record<string, unknown> = isRecord(value) ? value : {};
  const isAnswer = !('method' in said) && ('result' in said || 'error' in said);
  if (isAnswer && !isId(said.id)) return {};
  const refuse = (code: number, says: string) => ({ refusal: refusalOf(code, says, idAsSent(said, line)) });
  if (!isMessage(said, isAnswer)) return refuse(INVALID_REQUEST, 'The line is not one JSON-RPC 2.0 message.');
  if (!isAnswer && typeof said.id === 'number' && !Number.isSafeInteger(said.id))
    return refuse(INVALID_REQUEST, 'An id is a text, or a whole number between -(2^53 - 1) and 2^53 - 1.');
  if (namesPrototype(line)) return refuse(INVALID_PARAMS, 'There is nothing here that is called __proto__.');
  return { message: said };
}

/** An error as a line; the id stands in it as it is given, which is JSON. */
export function refusalOf(code: number, message: string, id?: string): string {
  const error = JSON.stringify({ code, message });
  return `{"jsonrpc":"2.0",${id === undefined ? '' : `"id":${id},`}"error":${error}}`;
}

const isId = (id: unknown): id is string | number => typeof id === 'string' || typeof id === 'number';

function isMessage(said: Record<string, unknown>, isAnswer: boolean): said is Record<string, unknown> & Message {
  const { jsonrpc, method, params, id } = said;
  if (jsonrpc !== '2.0' || (id !== undefined && !isId(id))) return false;
  return isAnswer || (typeof method === 'string' && (params === undefined || isRecord(params)));
}

/** The id of what a line asks for, as JSON; undefined when it has none, or asks for nothing. */
function idAsSent({ id, ...said }: Record<string, unknown>, line: string): string | undefined {
  if (!('method' in said) || !isId(id)) return undefined;
  return typeof id === 'string' || Number.isSafeInteger(id) ? JSON.stringify(id) : attempt(() => numberOfId(line));
}

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]|-?\d[^\s,}\]]*/g;

/** The digits of an id that is a number, which JSON.parse has rounded. */
function numberOfId(line: string): string | undefined {
  let depth = 0;
  let key = '""';
  let id: string | undefined;
  for (const [token] of line.matchAll(TOKENS)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (token.startsWith('"')) key = token;
    // The last one counts, as it does to JSON.parse.
    else if (depth === 1 && parseJson(key) === 'id') id = token;
  }
  return id;
}

/**
 * Whether any object of a line has a key `__proto__`. What takes arguments in leaves it out without a word, or takes it for
 * what all others come from. It is looked for where it can be: in all of 10 MB that would take seconds.
 */
function namesPrototype(line: string): boolean {
  if (!line.includes('__proto__') && !line.includes('\\u')) return false;
  let found = false;
  const look = (key: string, value: unknown): unknown => {
    found ||= key === '__proto__';
    return value;
  };
  // What is too deep to be looked through is not taken either.
  return attempt(() => JSON.parse(line, look)) === undefined || found;
}
