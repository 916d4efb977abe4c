import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ApprovalQuestion, approvalPage } from '../src/approval/pages/approval.ts';
import { createPageHost, type PageHost } from '../src/approval/pages/host.ts';
import { newCode, type OpenedPage, type Page } from '../src/approval/pages/page.ts';
import { revealPage } from '../src/approval/pages/reveal.ts';
import { type UploadedFile, uploadPage } from '../src/approval/pages/upload.ts';
import { redact, Secret } from '../src/secrets/secret.ts';
import { genuine, press, send, sendFiles, type Visited, visit } from './browser/visitor.ts';

const MINUTE = 60_000;
const PASSWORD = 'canary-Pa55-of-the-page';

let clock: number;
let launched: string[];
let host: PageHost;
let answers: string[];

beforeEach(() => {
  clock = Date.parse('2026-11-22T09:00:00Z');
  launched = [];
  answers = [];
  host = createPageHost({ clock: () => clock, launch: async (url) => void launched.push(url) });
});

afterEach(() => host.close());

const question: ApprovalQuestion = {
  title: 'Delete a telephony credential',
  account: 'Acme (live)',
  text: 'Delete "desk 7"? It cannot be brought back.',
};

const approval = (over: Partial<ApprovalQuestion> = {}): Page =>
  approvalPage({ ...question, ...over }, (said) => answers.push(said), 'K7QX');

const reveal = (): Page =>
  revealPage(
    { title: 'SIP password of desk 7', fields: { 'SIP username': 'gencred7', 'SIP password': new Secret(PASSWORD) } },
    'K7QX',
  );

const handed: { files: UploadedFile[]; passphrase: string | undefined }[] = [];

const upload = (): Page =>
  uploadPage(
    {
      title: 'Files for iOS push',
      recognise: async (files) =>
        files.map(({ name }) => ({
          name,
          what: name.endsWith('.pem') ? 'Certificate' : 'Not known',
          ok: name.endsWith('.pem'),
        })),
    },
    (files, passphrase) => handed.push({ files, passphrase: passphrase?.reveal() }),
    'K7QX',
  );

async function seen(page: Page): Promise<{ opened: OpenedPage; visited: Visited }> {
  const opened = await host.offer(page);
  return { opened, visited: await visit(opened.url) };
}

describe('the address of a page', () => {
  test('is 256 random bits on the loopback interface, new each time', async () => {
    const urls = [(await host.offer(reveal())).url, (await host.offer(reveal())).url];
    for (const url of urls) expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}$/);
    expect(urls[0]).not.toBe(urls[1]);
  });

  test('is not what the browser is launched at: that address works once and leads there', async () => {
    const opened = await host.open(approval());
    const [ticket = ''] = launched;
    expect(ticket).not.toBe(opened.url);
    const first = await send(ticket);
    expect([first.status, new URL(first.headers.location ?? '', ticket).href]).toEqual([303, opened.url]);
    expect((await send(ticket)).status).toBe(410);
    expect((await visit(opened.url)).status).toBe(200);
  });

  test('is hidden from everything the server says, once a browser is launched at it', async () => {
    const opened = await host.open(approval());
    const { pathname } = new URL(opened.url);
    expect(redact(`see ${opened.url} or ${launched[0]}`)).not.toContain(pathname);
    expect(redact(`${launched[0]}`)).not.toContain(new URL(launched[0] ?? '').pathname);
  });

  test('belongs to the browser that went there first', async () => {
    const { opened, visited } = await seen(approval());
    const other = await visit(opened.url);
    expect(other.status).toBe(403);
    expect(other.body).not.toContain('desk 7');
    expect((await press({ ...visited, cookie: '' }, { answer: 'accept' })).status).toBe(403);
    expect((await press({ ...visited, cookie: 'telnyx_page=guess' }, { answer: 'accept' })).status).toBe(403);
    const again = await send(opened.url, { headers: { Cookie: `other=1; ${visited.cookie}` } });
    expect(again.body).toContain('desk 7');
    expect(answers).toEqual([]);
  });

  test('is bound to a cookie that scripts and other pages cannot see', async () => {
    const { opened, visited } = await seen(approval());
    expect(visited.headers['set-cookie']?.[0]).toBe(
      `${visited.cookie}; Path=${new URL(opened.url).pathname}; HttpOnly; SameSite=Lax`,
    );
  });
});

describe('a request that is refused', () => {
  const elsewhere: [string, (url: string) => string][] = [
    ['a guessed path', (url) => new URL(`/${'A'.repeat(43)}`, url).href],
    ['the root', (url) => new URL('/', url).href],
    ['a path with one letter more', (url) => `${url}A`],
    ['a path with one letter less', (url) => url.slice(0, -1)],
    ['a query behind the path', (url) => `${url}?x=1`],
    ['/favicon.ico', (url) => new URL('/favicon.ico', url).href],
  ];
  test.each(elsewhere)('finds nothing at %s', async (_what, to) => {
    const { url } = await host.offer(reveal());
    const { status, body, headers } = await send(to(url));
    expect([status, body]).toEqual([404, 'There is nothing here.\n']);
    expect(headers['cache-control']).toBe('no-store');
  });

  test.each(['evil.example', '127.0.0.1', 'localhost', '127.0.0.1:1', 'localhost:80', '[::1]:80', '127.0.0.1.nip.io'])(
    'names the host %s (DNS rebinding)',
    async (Host) => {
      const { visited } = await seen(approval());
      for (const method of ['GET', 'POST']) {
        const { status, body } = await send(visited.url, { method, headers: { ...genuine(visited), Host } });
        expect([status, body]).toEqual([403, 'There is nothing here.\n']);
      }
    },
  );

  test('may name the host localhost with the right port', async () => {
    const { url } = await host.offer(approval());
    expect((await visit(url.replace('127.0.0.1', 'localhost'))).status).toBe(200);
  });

  test.each(['HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'])('uses %s', async (method) => {
    const { url } = await host.offer(approval());
    const { status, headers } = await send(url, { method });
    expect([status, headers.allow]).toEqual([405, 'GET, POST']);
  });

  const looks: [string, Record<string, string>][] = [
    ['prefetches', { 'Sec-Purpose': 'prefetch' }],
    ['prerenders', { 'Sec-Purpose': 'prefetch;prerender' }],
    ['previews', { Purpose: 'prefetch' }],
    ['frames', { 'Sec-Fetch-Dest': 'iframe' }],
    ['embeds as an image', { 'Sec-Fetch-Dest': 'image', 'Sec-Fetch-Mode': 'no-cors' }],
    ['is made by a script', { 'Sec-Fetch-Dest': 'empty', 'Sec-Fetch-Mode': 'cors' }],
  ];
  test.each(looks)('%s, and does not become the owner of the page', async (_what, headers) => {
    const { url } = await host.offer(approval());
    expect((await send(url, { headers })).status).toBe(403);
    expect((await visit(url)).status).toBe(200);
  });

  test('prefetches the address of a launch, and does not use it up', async () => {
    await host.open(approval());
    const [ticket = ''] = launched;
    expect((await send(ticket, { headers: { 'Sec-Purpose': 'prefetch' } })).status).toBe(403);
    expect((await send(ticket, { method: 'POST' })).status).toBe(405);
    expect((await visit(ticket)).status).toBe(200);
  });

  const forged: [string, Record<string, string>, number][] = [
    ['without an origin', { Origin: '' }, 403],
    ['from another site', { Origin: 'https://evil.example' }, 403],
    ['from another port of this machine', { Origin: 'http://127.0.0.1:1' }, 403],
    ['from a file or a sandboxed frame', { Origin: 'null' }, 403],
    ['marked cross-site by the browser', { 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['marked same-site by the browser', { 'Sec-Fetch-Site': 'same-site' }, 403],
    ['as text', { 'Content-Type': 'text/plain' }, 415],
    ['as multipart', { 'Content-Type': 'multipart/form-data; boundary=x' }, 415],
    ['as JSON', { 'Content-Type': 'application/json' }, 415],
    ['without a type', { 'Content-Type': '' }, 415],
  ];
  test.each(forged)('is a yes %s', async (_what, headers, status) => {
    const { visited } = await seen(approval());
    expect((await press(visited, { answer: 'accept' }, headers)).status).toBe(status);
    expect(answers).toEqual([]);
    expect((await press(visited, { answer: 'accept' })).status).toBe(200);
  });

  test.each(['', 'guess', 'A'.repeat(43)])('has the token "%s"', async (token) => {
    for (const page of [approval(), reveal()]) {
      const { visited } = await seen(page);
      const { status, body } = await press({ ...visited, token }, { answer: 'accept' });
      expect([status, body]).toEqual([403, 'There is nothing here.\n']);
    }
    expect(answers).toEqual([]);
  });

  test('has the token of another page', async () => {
    const one = await seen(approval());
    const two = await seen(approval());
    expect((await press({ ...one.visited, token: two.visited.token }, { answer: 'accept' })).status).toBe(403);
  });

  const large: [string, () => Page, number][] = [
    ['an approval over 4 KB', approval, 4096],
    ['a reveal over 4 KB', reveal, 4096],
    ['an upload over 1 MB', upload, 1_414_000],
  ];
  test.each(large)('is %s, before the rest of it is read', async (_what, make, limit) => {
    const { visited } = await seen(make());
    const type = make().accepts === 'json' ? 'application/json' : 'application/x-www-form-urlencoded';
    for (const framing of [`Content-Length: ${limit * 10}`, 'Transfer-Encoding: chunked']) {
      const { port, pathname } = new URL(visited.url);
      const socket = connect(Number(port), '127.0.0.1');
      const headers = { ...genuine(visited), 'Content-Type': type, Host: `127.0.0.1:${port}` };
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      socket.write([`POST ${pathname} HTTP/1.1`, ...lines, framing, '', ''].join('\r\n'));
      // Of the announced body nothing is sent; of the unannounced one as much as it takes, and no end.
      if (framing.startsWith('T')) socket.write(`${(limit * 2).toString(16)}\r\n${'x'.repeat(limit * 2)}\r\n`);
      const [answered] = (await once(socket, 'data')) as [Buffer];
      expect(answered.toString()).toMatch(/^HTTP\/1\.1 413 /);
      await once(socket, 'close');
    }
    expect(answers).toEqual([]);
  });

  test('asks before it sends', async () => {
    const { visited } = await seen(approval());
    const { status } = await send(visited.url, {
      method: 'POST',
      headers: { ...genuine(visited), Expect: '100-continue' },
      body: `token=${visited.token}&answer=accept`,
    });
    expect(status).toBe(417);
  });
});

describe('every response', () => {
  test.each([
    ['a page', async (url: string) => visit(url)],
    ['an unknown path', async (url: string) => send(`${url}x`)],
    ['a wrong host', async (url: string) => send(url, { headers: { Host: 'evil.example' } })],
    ['a wrong method', async (url: string) => send(url, { method: 'PUT' })],
    ['an answer', async (url: string) => press(await visit(url), { answer: 'decline' })],
    ['a closed page', async (url: string) => (await press(await visit(url), { answer: 'decline' }), send(url))],
  ])('has the headers that keep it in its place: %s', async (_what, get) => {
    const { url } = await host.offer(approval());
    const { headers } = await get(url);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': expect.stringMatching(/^(no-referrer|same-origin)$/),
      'content-security-policy': expect.stringMatching(/^default-src 'none'; .*frame-ancestors 'none'/),
    });
    for (const name of ['server', 'x-powered-by', 'access-control-allow-origin', 'etag']) {
      expect(headers).not.toHaveProperty(name);
    }
    expect(headers['content-security-policy']).not.toMatch(/unsafe|\*|https?:/);
  });

  test('allows no script where the page has none', async () => {
    const { visited } = await seen(approval());
    expect(visited.headers['content-security-policy']).not.toContain('script-src');
    expect(visited.body).not.toContain('<script');
  });

  test('fetches nothing from anywhere', async () => {
    for (const page of [approval(), reveal(), upload()]) {
      const { visited } = await seen(page);
      expect(
        visited.body.replaceAll(
          /xmlns="[^"]*"|http%3A%2F%2Fwww\.w3\.org%2F2000%2Fsvg|'http:\/\/www\.w3\.org\/2000\/svg'/g,
          '',
        ),
      ).not.toMatch(/https?:|\/\/\w|@import|url\(/);
    }
  });
});

describe('an approval', () => {
  test('shows what will happen, the account and the code', async () => {
    const { visited } = await seen(approval());
    for (const shown of [question.title, question.account, 'desk 7', 'K7QX', 'Approve', 'Refuse']) {
      expect(visited.body).toContain(shown);
    }
  });

  test.each(['accept', 'decline'])('is answered once with %s, and never again', async (said) => {
    const { opened, visited } = await seen(approval());
    expect((await press(visited, { answer: said })).body).toContain('You can close this window');
    expect(await opened.done).toBe('answered');
    for (const again of ['accept', 'decline']) expect((await press(visited, { answer: again })).status).toBe(410);
    expect((await visit(visited.url)).status).toBe(410);
    expect(answers).toEqual([said]);
  });

  test('is answered once even by many who press at the same moment', async () => {
    const { visited } = await seen(approval());
    const all = await Promise.all(Array.from({ length: 10 }, () => press(visited, { answer: 'accept' })));
    expect(all.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(410)]);
    expect(answers).toEqual(['accept']);
  });

  test('does nothing where it could not be used up', async () => {
    const visit = { token: '', claim: () => false };
    for (const answer of ['accept', 'decline']) expect(await approval().submit({ answer }, visit)).toBe('gone');
    expect(await reveal().submit({ arrived: 'yes' }, visit)).toBe('gone');
    expect(answers).toEqual([]);
  });

  test('is not given by looking, however often', async () => {
    const { visited } = await seen(approval());
    for (const query of ['', '?answer=accept', `?token=${visited.token}&answer=accept`]) {
      await send(visited.url + query, { headers: { Cookie: visited.cookie } });
    }
    expect(answers).toEqual([]);
  });

  test.each([{}, { answer: '' }, { answer: 'yes' }, { answer: 'ACCEPT' }])('is not given by %o', async (fields) => {
    const { visited } = await seen(approval());
    expect((await press(visited, fields as Record<string, string>)).status).toBe(422);
    expect(answers).toEqual([]);
  });

  test('needs the phrase where there is one', async () => {
    const { visited } = await seen(approval({ phrase: 'delete café in use' }));
    for (const phrase of [undefined, '', 'delete cafe in use', 'Delete café in use']) {
      const tried = await press(visited, { answer: 'accept', ...(phrase !== undefined && { phrase }) });
      expect([tried.status, tried.body.includes('Nothing was approved')]).toEqual([422, true]);
    }
    expect(answers).toEqual([]);
    // As another keyboard composes the accent.
    const typed = ` ${'delete café in use'.normalize('NFD')} `;
    expect((await press(visited, { answer: 'accept', phrase: typed })).status).toBe(200);
    expect(answers).toEqual(['accept']);
  });

  test('is refused without the phrase', async () => {
    const { visited } = await seen(approval({ phrase: 'delete it' }));
    await press(visited, { answer: 'decline' });
    expect(answers).toEqual(['decline']);
  });

  test('shows names of a hostile account as the text they are', async () => {
    const nasty = `"><script>alert(1)</script><img src=x onerror='x'>&amp;`;
    const { visited } = await seen(
      approval({ title: nasty, account: nasty, text: `${nasty}\nsecond\u202Eline\u200B`, phrase: nasty }),
    );
    expect(visited.body).not.toMatch(/<script|<img|onerror='/);
    expect(visited.body).not.toMatch(/[\u202E\u200B]/);
    expect(visited.body).toContain('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;');
    expect((await press(visited, { answer: 'accept', phrase: nasty })).status).toBe(200);
  });

  test('still answers the person when the caller fails', async () => {
    const page = approvalPage(
      question,
      () => {
        throw new Error(PASSWORD);
      },
      'K7QX',
    );
    const { opened, visited } = await seen(page);
    const { status, body } = await press(visited, { answer: 'accept' });
    expect([status, body.includes(PASSWORD)]).toEqual([500, false]);
    expect(await opened.done).toBe('answered');
  });
});

describe('a reveal', () => {
  test('gives the secret in the answer to the button, and in no other', async () => {
    const { opened, visited } = await seen(reveal());
    expect(visited.body).toContain('SIP password');
    expect(visited.body).not.toContain(PASSWORD);
    expect(visited.body).not.toContain('gencred7');
    const shown = await press(visited);
    expect(shown.body).toContain(`value="${PASSWORD}"`);
    // An answer may be lost on its way: only the page can say that it arrived.
    expect((await press(visited)).body).toContain(`value="${PASSWORD}"`);
    const arrived = await press(visited, { arrived: 'yes' });
    expect([arrived.status, arrived.body.includes(PASSWORD)]).toEqual([200, false]);
    expect(await opened.done).toBe('answered');
    const again = await press(visited);
    expect([again.status, again.body.includes(PASSWORD)]).toEqual([410, false]);
    const reloaded = await send(visited.url, { headers: { Cookie: visited.cookie } });
    expect([reloaded.status, reloaded.body.includes(PASSWORD)]).toEqual([410, false]);
  });

  test('shows quotes, brackets and line breaks as they are', async () => {
    const fields = { Key: new Secret('\n-----BEGIN\n</textarea>&"\n'), Word: new Secret(`a"b'<c>`) };
    const { visited } = await seen(revealPage({ title: 'x', fields }, 'K7QX'));
    const { body } = await press(visited);
    expect(body).toContain('>\n\n-----BEGIN\n&lt;/textarea&gt;&amp;&quot;\n</textarea>');
    expect(body).toContain('value="a&quot;b&#39;&lt;c&gt;"');
  });
});

describe('an upload', () => {
  const pem = { name: 'C:\\keys\\cert.pem', data: Buffer.from('certificate').toString('base64') };

  beforeEach(() => void handed.splice(0));

  test('tells what was recognised, and hands over on the second press only', async () => {
    const { opened, visited } = await seen(upload());
    const looked = await sendFiles(visited, { action: 'check', files: [pem] });
    expect(JSON.parse(looked.body)).toEqual({
      found: [{ name: 'cert.pem', what: 'Certificate', ok: true }],
      usable: true,
    });
    expect(handed).toEqual([]);
    expect((await sendFiles(visited, { action: 'use', files: [pem], passphrase: 'open sesame' })).status).toBe(200);
    expect(handed).toEqual([
      { files: [{ name: 'cert.pem', bytes: Buffer.from('certificate') }], passphrase: 'open sesame' },
    ]);
    expect(await opened.done).toBe('answered');
    expect((await sendFiles(visited, { action: 'use', files: [pem] })).status).toBe(410);
    expect((await sendFiles(visited, { action: 'check', files: [pem] })).status).toBe(410);
    expect(handed).toHaveLength(1);
  });

  const unusable: [string, object, number][] = [
    ['no file', { files: [] }, 422],
    ['a file that is not recognised', { files: [pem, { name: 'holiday.jpg', data: '' }] }, 422],
    ['data that is not base64', { files: [{ name: 'a.pem', data: '***' }] }, 422],
    ['nine files', { files: Array(9).fill(pem) }, 422],
    ['an unknown action', { action: 'approve' }, 422],
    ['files that are no list', { files: 'x' }, 422],
    ['more than 1 MB', { files: [{ name: 'a.pem', data: Buffer.alloc(1_048_577).toString('base64') }] }, 413],
  ];
  test.each(unusable)('does not hand over %s', async (_what, body, status) => {
    const { visited } = await seen(upload());
    expect((await sendFiles(visited, { action: 'use', ...body })).status).toBe(status);
    expect(handed).toEqual([]);
  });

  test('takes 1 MB', async () => {
    const { visited } = await seen(upload());
    const data = Buffer.alloc(1_048_576, 7).toString('base64');
    expect((await sendFiles(visited, { action: 'use', files: [{ name: 'a.pem', data }] })).status).toBe(200);
    expect(handed[0]?.files[0]?.bytes.length).toBe(1_048_576);
  });

  test('refuses a body that is no JSON', async () => {
    const { visited } = await seen(upload());
    const headers = { ...genuine(visited), 'Content-Type': 'application/json' };
    for (const body of ['{', 'null', '[]', '"x"']) {
      expect((await send(visited.url, { method: 'POST', headers, body })).status).toBe(403);
    }
  });

  test('that the caller cannot look at says so, and no more', async () => {
    const recognise = () => Promise.reject(new Error(PASSWORD));
    const { visited } = await seen(uploadPage({ title: 'x', recognise }, () => {}, 'K7QX'));
    const { status, body } = await sendFiles(visited, { action: 'check', files: [pem] });
    expect([status, JSON.parse(body).error]).toEqual([500, expect.stringMatching(/^Something went wrong\./)]);
    expect(body).not.toContain(PASSWORD);
  });

  test('can be cancelled', async () => {
    const { opened, visited } = await seen(upload());
    expect(JSON.parse((await sendFiles(visited, { action: 'cancel' })).body).said.title).toBe('Cancelled');
    expect(await opened.done).toBe('closed');
    expect(handed).toEqual([]);
  });

  test('that runs out while the files are looked at hands nothing over', async () => {
    const page = uploadPage(
      {
        title: 'x',
        recognise: async (files) => {
          clock += 10 * MINUTE;
          return files.map(({ name }) => ({ name, what: '', ok: true }));
        },
      },
      (files) => handed.push({ files, passphrase: undefined }),
      'K7QX',
    );
    const { opened, visited } = await seen(page);
    expect((await sendFiles(visited, { action: 'use', files: [pem] })).status).toBe(410);
    expect(await opened.done).toBe('expired');
    expect(handed).toEqual([]);
  });
});

describe('the life of a page', () => {
  test.each([
    ['an approval', approval, 10],
    ['a reveal', reveal, 5],
    ['an upload', upload, 10],
  ])('ends for %s when its minutes are over', async (_what, make, minutes) => {
    const { opened, visited } = await seen(make());
    expect(opened.expiresAt).toBe(clock + minutes * MINUTE);
    clock += minutes * MINUTE - 1;
    expect((await send(visited.url, { headers: { Cookie: visited.cookie } })).status).toBe(200);
    clock += 1;
    expect((await visit(visited.url)).status).toBe(410);
    const late =
      make().accepts === 'json'
        ? await sendFiles(visited, { action: 'check' })
        : await press(visited, { answer: 'accept' });
    expect([late.status, late.body.includes(PASSWORD)]).toEqual([410, false]);
    expect(await opened.done).toBe('expired');
    expect(answers).toEqual([]);
  });

  test('ends by itself, and the server with the last page, a minute after', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const opened = await host.offer(approval());
      vi.advanceTimersByTime(10 * MINUTE);
      expect(await opened.done).toBe('expired');
      expect((await send(opened.url)).status).toBe(410);
      const { port } = new URL((await host.offer(approval())).url);
      expect(port).toBe(new URL(opened.url).port);
      vi.advanceTimersByTime(MINUTE);
      expect((await send(opened.url)).status).toBe(404);
      vi.advanceTimersByTime(11 * MINUTE);
      await expect(send(opened.url)).rejects.toThrow('ECONNREFUSED');
    } finally {
      vi.useRealTimers();
    }
    // The next page has a server again.
    expect((await seen(approval())).visited.status).toBe(200);
  });

  test('ends when the caller closes it', async () => {
    const { opened, visited } = await seen(approval());
    opened.close();
    expect(await opened.done).toBe('closed');
    expect((await press(visited, { answer: 'accept' })).status).toBe(410);
    expect(answers).toEqual([]);
  });

  test('ends with the host, which then opens no more', async () => {
    const { opened, visited } = await seen(approval());
    await host.close();
    expect(await opened.done).toBe('closed');
    await expect(visit(visited.url)).rejects.toThrow('ECONNREFUSED');
    await expect(host.offer(approval())).rejects.toThrow();
  });

  test('does not begin without a browser', async () => {
    let used: AbortSignal | undefined;
    let url = '';
    await using headless = hostWith(async (address, signal) => {
      url = address;
      used = signal;
      throw new Error('no display');
    });
    await expect(headless.open(approval())).rejects.toThrow('no display');
    expect(used?.aborted).toBe(true);
    expect((await send(url)).status).toBe(410);
  });

  test.each(['a browser came', 'the page ended'])('tells the launcher that %s', async (what) => {
    let used: AbortSignal | undefined;
    await using own = hostWith(async (address, signal) => {
      launched.push(address);
      used = signal;
    });
    const opened = await own.open(approval());
    expect(used?.aborted).toBe(false);
    if (what === 'a browser came') await send(launched[0] ?? '');
    else opened.close();
    expect(used?.aborted).toBe(true);
  });

  test('is shared with at most seven others', async () => {
    const open = await Promise.all(Array.from({ length: 8 }, () => host.offer(approval())));
    await expect(host.offer(approval())).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('Too many pages'),
    });
    open[0]?.close();
    await host.offer(approval());
  });
});

describe('the server of the pages', () => {
  test('cannot be held by those who connect and say nothing', async () => {
    const { url } = await host.offer(approval());
    const port = Number(new URL(url).port);
    const sockets = Array.from({ length: 60 }, () => connect(port, '127.0.0.1'));
    await Promise.all(
      sockets.map((socket) =>
        once(
          socket.on('error', () => {}),
          'close',
        ),
      ),
    );
    expect((await visit(url)).status).toBe(200);
  }, 15_000);

  test('refuses headers beyond 8 KB', async () => {
    const { url } = await host.offer(approval());
    await expect(send(url, { headers: { 'X-Long': 'x'.repeat(9000) } })).rejects.toThrow();
  });
});

test('a code has four letters or digits that are not mistaken for one another', () => {
  for (let i = 0; i < 50; i++) expect(newCode()).toMatch(/^[ACDEFHJKLMNPQRTUVWXY347]{4}$/);
  expect(new Set(Array.from({ length: 50 }, newCode)).size).toBeGreaterThan(40);
});

function hostWith(launch: (url: string, used: AbortSignal) => Promise<void>): PageHost & AsyncDisposable {
  const made = createPageHost({ clock: () => clock, launch });
  return { ...made, [Symbol.asyncDispose]: () => made.close() };
}
