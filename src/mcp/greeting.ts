import { type About, CAPABILITIES, instructionsFor, serverInfo } from './about.ts';
import type { Message } from './wire.ts';

/** The versions that open with `initialize`, as the engine for them knows them. */
export const HANDSHAKE_VERSIONS: readonly unknown[] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
];

/**
 * The answer to an `initialize` that leaves nothing to judge, the same that the engine will give: the client goes on while
 * that loads. Undefined for any other message, whose answer has to wait.
 */
export function greetingTo({ id, method, params }: Message, about: About): object | undefined {
  const { protocolVersion, capabilities, clientInfo } = params ?? {};
  const plain =
    method === 'initialize' &&
    id !== undefined &&
    HANDSHAKE_VERSIONS.includes(protocolVersion) &&
    isObject(capabilities) &&
    Object.values(capabilities).every(isObject) &&
    isObject(clientInfo) &&
    typeof clientInfo.name === 'string' &&
    typeof clientInfo.version === 'string';
  if (!plain) return undefined;
  const result = {
    protocolVersion,
    capabilities: CAPABILITIES,
    serverInfo: serverInfo(about),
    instructions: instructionsFor(about),
  };
  return { jsonrpc: '2.0', id, result };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
