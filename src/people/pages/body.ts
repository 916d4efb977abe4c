import type { IncomingMessage } from 'node:http';

export class TooLarge extends Error {}

/** Whether the request admits to more than the limit before a byte of it was read. */
export const declaresMore = ({ headers }: IncomingMessage, limit: number): boolean =>
  Number(headers['content-length'] ?? 0) > limit;

/** The body as form fields or JSON; throws TooLarge at the first byte beyond the limit, and gives undefined for garbage. */
export async function readFields(request: IncomingMessage, accepts: 'form' | 'json', limit: number): Promise<unknown> {
  const text = await readText(request, limit);
  if (accepts === 'form') return Object.fromEntries(new URLSearchParams(text));
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readText(request: IncomingMessage, limit: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) {
        // Not destroyed here: the answer that says so still has to leave by the same socket.
        request.pause();
        reject(new TooLarge());
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('error', reject);
    request.on('close', () => reject(new Error('the browser went away')));
  });
}
