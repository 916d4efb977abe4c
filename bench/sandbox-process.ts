import { startSandbox } from '../src/sandbox/server.ts';

const [credentials, latencyMs] = process.argv.slice(2).map(Number);
const sandbox = await startSandbox({ ...(credentials !== undefined && { credentials }), latencyMs: latencyMs ?? 0 });
process.stdout.write(`${JSON.stringify({ baseUrl: sandbox.baseUrl, apiKey: sandbox.apiKey })}\n`);
process.stdin.resume().once('end', () => void sandbox.close());
