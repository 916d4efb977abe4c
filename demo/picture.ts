import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const COLUMNS = 104;
const [CHARACTER, LINE, MARGIN] = [8.4, 19, 18];
const COLOURS: Record<string, string> = {
  31: '#ff7b72',
  33: '#e3b341',
  35: '#d2a8ff',
  36: '#79c0ff',
};
const FROM = 'The laptop with';

interface Span {
  text: string;
  bold: boolean;
  dim: boolean;
  colour: string | undefined;
}

/** The last part of the demo, as it looks on a terminal, as docs/demo.svg. */
function draw(): string {
  const demo = fileURLToPath(new URL('./demo.js', import.meta.url));
  const printed = execFileSync(process.execPath, [demo], {
    encoding: 'utf8',
    env: { ...process.env, FORCE_COLOR: '1' },
  });
  const lines = printed.trimEnd().split('\n');
  const first = lines.findIndex((line) => line.includes(FROM));
  const rows = lines.slice(first).flatMap((line) => wrapped(spansOf(line)));
  const [width, height] = [COLUMNS * CHARACTER + 2 * MARGIN, rows.length * LINE + 2 * MARGIN];
  const texts = rows.map((row, at) => {
    const spans = row.map(({ text, bold, dim, colour }) => {
      const style = `${bold ? ' font-weight="bold"' : ''}${dim ? ' opacity="0.6"' : ''}${colour ? ` fill="${colour}"` : ''}`;
      return `<tspan${style}>${escaped(text)}</tspan>`;
    });
    return `<text x="${MARGIN}" y="${MARGIN + at * LINE + 14}" xml:space="preserve">${spans.join('')}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#e6edf3">
<title>A rotation whose server is killed on the way, and another that finishes it</title>
<rect width="100%" height="100%" rx="10" fill="#0d1117"/>
${texts.join('\n')}
</svg>
`;
}

/** Takes a line with the colours of a terminal; gives its parts. */
function spansOf(line: string): Span[] {
  const spans: Span[] = [];
  let style: Omit<Span, 'text'> = { bold: false, dim: false, colour: undefined };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a terminal's colours begin with.
  for (const part of line.split(/(\x1b\[\d+m)/)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
    const code = /^\x1b\[(\d+)m$/.exec(part)?.[1];
    if (code === undefined) {
      if (part !== '') spans.push({ text: part, ...style });
    } else if (code === '1') style = { ...style, bold: true };
    else if (code === '2') style = { ...style, dim: true };
    else if (code === '22') style = { ...style, bold: false, dim: false };
    else style = { ...style, colour: COLOURS[code] };
  }
  return spans;
}

/** Breaks at the last space that fits; what follows is as far in as a result is. */
function wrapped(spans: readonly Span[]): Span[][] {
  const letters = spans.flatMap((span) => [...span.text].map((text) => ({ ...span, text })));
  const rows: Span[][] = [];
  while (letters.length > COLUMNS) {
    const space = letters.slice(0, COLUMNS).findLastIndex(({ text }) => text === ' ');
    rows.push(joined(letters.splice(0, space > COLUMNS / 2 ? space + 1 : COLUMNS)));
    letters.unshift(...[...'    '].map((text) => ({ text, bold: false, dim: false, colour: undefined })));
  }
  return [...rows, joined(letters)];
}

function joined(letters: readonly Span[]): Span[] {
  const spans: Span[] = [];
  for (const letter of letters) {
    const last = spans.at(-1);
    const same = last && last.bold === letter.bold && last.dim === letter.dim && last.colour === letter.colour;
    if (same) last.text += letter.text;
    else spans.push({ ...letter });
  }
  return spans;
}

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

writeFileSync(new URL('../../docs/demo.svg', import.meta.url), draw());
