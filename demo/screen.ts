import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

const { FORCE_COLOR, NO_COLOR } = process.env;
const colour = FORCE_COLOR !== undefined || (process.stdout.isTTY === true && NO_COLOR === undefined);
const paint = (style: Style, text: string): string => (colour ? styleText(style, text) : text);
const line = (text = ''): void => void process.stdout.write(`${text}\n`);

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', () => process.exit(0));

/** The parts of a played conversation, in colour on a terminal and plain in a pipe. */
export const screen = {
  title: (text: string): void => line(paint('bold', text)),
  note: (text: string): void => line(paint('dim', `  ${text}`)),
  person: (text: string): void => {
    line();
    line(`${paint(['bold', 'cyan'], 'You   ')} ${text}`);
  },
  agent: (text: string): void => line(`${paint(['bold', 'magenta'], 'Agent ')} ${text}`),
  call: (tool: string, args: object): void =>
    line(`${paint('dim', '  →')} ${paint('yellow', tool)} ${paint('dim', JSON.stringify(args))}`),
  result: (text: string): void => {
    for (const row of text.split('\n')) line(`${paint('dim', '  ←')} ${row}`);
  },
  question: (text: string, answer: string): void => {
    line(`${paint(['bold', 'red'], '  ?')} ${paint('bold', text)}`);
    line(`${paint('dim', '    the person:')} ${answer}`);
  },
};
