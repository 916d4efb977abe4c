import { type IncomingHttpHeaders, request } from 'node:http';

export interface Seen {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

interface Sent {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** One request, exactly as told: `fetch` adds headers of its own, and its name for a host cannot be forged. */
export function send(url: string, { method = 'GET', headers = {}, body }: Sent = {}): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What a browser keeps of a page between seeing it and answering it. */
export interface Visited extends Seen {
  url: string;
  token: string;
  cookie: string;
}

/** Looks at a page like a browser, by its own address or by the one it was launched at. */
export async function visit(url: string): Promise<Visited> {
  const seen = await send(url);
  if (seen.status === 303) return visit(new URL(seen.headers.location ?? '', url).href);
  const token = seen.body.match(/(?:name="token" value|data-token)="([^"]+)"/)?.[1] ?? '';
  return { ...seen, url, token, cookie: seen.headers['set-cookie']?.[0]?.split(';')[0] ?? '' };
}

/** The headers that a browser sends with the form of a page it has visited. */
export const genuine = ({ url, cookie }: Visited): Record<string, string> => ({
  Origin: new URL(url).origin,
  'Sec-Fetch-Site': 'same-origin',
  'Content-Type': 'application/x-www-form-urlencoded',
  Cookie: cookie,
});

/** Submits the form of a visited page; `headers` replaces single ones of a genuine submission, '' leaves one out. */
export function press(visited: Visited, fields: Record<string, string> = {}, headers: Record<string, string> = {}) {
  const all = Object.entries({ ...genuine(visited), ...headers }).filter(([, value]) => value !== '');
  return send(visited.url, {
    method: 'POST',
    headers: Object.fromEntries(all),
    body: new URLSearchParams({ token: visited.token, ...fields }).toString(),
  });
}

export function sendFiles(visited: Visited, body: object): Promise<Seen> {
  return send(visited.url, {
    method: 'POST',
    headers: { ...genuine(visited), 'Content-Type': 'application/json' },
    body: JSON.stringify({ token: visited.token, files: [], ...body }),
  });
}
