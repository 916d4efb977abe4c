#!/usr/bin/env node
import { keepCompiled } from './host/compile-cache.ts';

// Before anything else is loaded: only what comes after is kept.
keepCompiled();
const { run } = await import('./front/program.ts');
await run(process.argv.slice(2));
