// Tests and the servers they start talk to this machine alone. A connection elsewhere is refused, and in a test run it
// fails the test even when the code under test survives the refusal.
import { Socket } from 'node:net';

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1|\[::1\])$/;
const { connect } = Socket.prototype;
const strayed = [];

Socket.prototype.connect = function guarded(...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args;
  const host = typeof options === 'object' ? (options.path ? undefined : options.host) : args[1];
  if (typeof host === 'string' && !LOOPBACK.test(host)) {
    strayed.push(host);
    throw new Error(`a test reached out to ${host}`);
  }
  return connect.apply(this, args);
};

const { afterEach, expect } = globalThis.__vitest_worker__ ? await import('vitest') : {};
afterEach?.(() => expect(strayed.splice(0), 'connections beyond this machine').toEqual([]));
