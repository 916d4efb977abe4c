// By https://developer.1password.com/docs/cli/reference/management-commands/item, …/docs/cli/item-template-json and …/docs/
// cli/reference/commands/read; that an edit takes its JSON from the input, by internal/onepassword/cli/op.go of 1Password/
// terraform-provider-onepassword. A create makes an item whatever is there. Whether an input that is no pipe is read is
// not documented, so it is not read here.
import { randomBytes } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { entries, Failure, input, keep } from './store.mjs';

function template() {
  if (!fstatSync(0).isFIFO()) throw new Failure(1, 'no template on a pipe');
  const item = JSON.parse(input());
  const password = item.fields.find(({ purpose }) => purpose === 'PASSWORD')?.value;
  if (!item.title || !item.category || !password) throw new Failure(1, 'not a template of a login');
  return { item, password };
}

export const op = {
  'item list --vault VAULT --format json': ({ VAULT }) => {
    const items = Object.entries(entries('op')).filter(([, { vault }]) => vault === VAULT);
    return JSON.stringify(items.map(([id, { title, category }]) => ({ id, title, category, vault: { name: VAULT } })));
  },
  'item create --vault VAULT -': ({ VAULT }) => {
    const { item, password } = template();
    keep('op', randomBytes(13).toString('hex'), password, {
      title: item.title,
      category: item.category,
      vault: VAULT,
    });
  },
  'item edit ID --vault VAULT': ({ ID, VAULT }) => {
    const { item, password } = template();
    if (entries('op')[ID]?.vault !== VAULT) throw new Failure(1, `"${ID}" isn't an item in that vault`);
    keep('op', ID, password, { title: item.title, category: item.category, vault: VAULT });
  },
  'read --no-newline REFERENCE': ({ REFERENCE }) => {
    const [, vault, title] = /^op:\/\/([^/]+)\/([^/]+)\/password$/.exec(REFERENCE) ?? [];
    const found = Object.values(entries('op')).filter((item) => item.vault === vault && item.title === title);
    if (found.length !== 1) throw new Failure(1, found.length ? 'more than one item matches' : 'no item matches');
    return found[0].secret;
  },
};
