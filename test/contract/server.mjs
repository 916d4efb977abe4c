// The built server as it is, plus resources and prompts to try the engines on, after the product's own.

import { serveStdio } from '../../.build/src/front/mcp/stdio.js';
import { loadConfig } from '../../.build/src/host/config.js';
import { everything } from '../../.build/src/host/offers.js';
import { createSession } from '../../.build/src/host/session.js';

const ITEMS = ['apple', 'apricot', 'banana'];
const complete = async (typed) => ITEMS.filter((item) => item.startsWith(typed));
const text = { mimeType: 'text/plain', description: 'A fixture' };

const resources = [
  { ...text, uri: 'fixture://greeting', name: 'greeting', title: 'Greeting', read: async () => 'hello' },
  {
    ...text,
    uri: 'fixture://items/{id}',
    name: 'item',
    title: 'Item',
    read: async ({ id }) => `item ${id}`,
    complete: { id: complete },
  },
];
const prompts = [
  {
    name: 'greet',
    title: 'Greet',
    description: 'A fixture',
    arguments: [
      { name: 'who', description: 'Whom', required: true, complete },
      { name: 'how', description: 'How', required: false },
    ],
    script: ({ who, how = 'warmly' }) => `Greet ${who} ${how}.`,
  },
];

const offers = {
  tools: everything.tools,
  resources: [...everything.resources, ...resources],
  prompts: [...everything.prompts, ...prompts],
};
const session = createSession(loadConfig(process.argv.slice(2)).config, { offers });
const engine = serveStdio({ session: async () => session, sandbox: session.sandbox }, process.stdin, process.stdout);
process.stdin.once('end', () => engine.drain().then(() => process.exit(0)));
