// The least a Node process can do to be taken for an MCP server: what is left of a start-up when there is no server.
const ANSWERS: Record<string, object> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'bare', version: '0' },
  },
  ping: {},
  'tools/list': { tools: [] },
};

let rest = '';
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    const { id, method } = JSON.parse(line) as { id?: number; method: string };
    if (id !== undefined) process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result: ANSWERS[method] })}\n`);
  }
});
