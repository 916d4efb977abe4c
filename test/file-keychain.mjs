// Gives a process a keychain that is a JSON file, of the name in TEST_KEYCHAIN, in the place of the system's.
import { register } from 'node:module';

const keychain = `
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
const file = process.env.TEST_KEYCHAIN;
const read = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});
const write = (entries) => writeFileSync(file, JSON.stringify(entries));
export class Entry {
  constructor(service, account) {
    this.name = service + '/' + account;
  }
  getPassword() {
    return read()[this.name] ?? null;
  }
  setPassword(value) {
    write({ ...read(), [this.name]: value });
  }
  deletePassword() {
    const { [this.name]: gone, ...rest } = read();
    write(rest);
    return gone !== undefined;
  }
}`;
const url = `data:text/javascript,${encodeURIComponent(keychain)}`;
const hooks = `
export const resolve = (specifier, context, next) =>
  specifier === '@napi-rs/keyring' ? { url: ${JSON.stringify(url)}, shortCircuit: true } : next(specifier, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
