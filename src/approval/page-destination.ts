import type { ShownPage } from '../core/consent.ts';
import { misconfigured } from '../core/errors.ts';
import type { Destination, Handover, Slot } from '../secrets/destination.ts';
import type { Secret } from '../secrets/secret.ts';
import type { Vault } from '../secrets/vault.ts';
import type { PageHost } from './pages/host.ts';
import { newCode } from './pages/page.ts';
import { revealPage } from './pages/reveal.ts';

/** The names a person reads for what is handed over. */
const NAMES: Record<string, string> = {
  sip_password: 'SIP password',
  login_token: 'Login token',
  push_private_key: 'Private key',
};

interface Ways {
  host: PageHost;
  vault: Vault;
  hasBrowser: boolean;
  /** Hands a page to the client, which brings the person to it; undefined when it cannot. */
  show: ((page: ShownPage) => void) | undefined;
}

/** A one-time page for a person. Until it is opened the secret is in the vault; after that nowhere here. */
export function pageDestination(ways: Ways): Destination {
  return {
    to: 'browser',
    label: 'a page in the browser',
    async reserve() {
      if (ways.show || ways.hasBrowser) return slotOf(ways, await ways.vault.reserve());
      throw misconfigured(
        'No page can be opened on this machine: it has no display. Nothing was created.',
        'Deliver to the vault or to a file instead.',
      );
    },
  };
}

const slotOf = ({ host, vault, show }: Ways, spare: Slot): Slot => ({
  async keep(handover) {
    // An entry the person already had there is theirs to keep.
    const had = vault.find(handover.name) !== undefined;
    const kept = await spare.keep(handover);
    const code = newCode();
    const reveal = revealPage({ title: titleOf(handover), fields: fieldsOf(handover) }, code);
    try {
      const page = await (show ? host.offer(reveal) : host.open(reveal));
      show?.({ url: page.url, message: `Open this page to see ${titleOf(handover)}. It must show the code ${code}.` });
      void page.done.then((ending) => (ending === 'answered' && !had ? vault.forget(handover.name) : undefined));
      const place = `a page with the code ${code}, for 5 minutes; if it is not opened by then, ${kept.place} keeps it`;
      return { destination: 'browser', place };
    } catch {
      return { ...kept, warning: 'No page could be opened, so it is in the vault.' };
    }
  },
  [Symbol.asyncDispose]: () => spare[Symbol.asyncDispose](),
});

const titleOf = ({ facts, name }: Handover): string => `the secret of ${facts.name ?? facts.alias ?? name}`;

function fieldsOf({ facts, secrets }: Handover): Record<string, Secret | string> {
  const named = Object.entries(secrets).map(([key, secret]) => [NAMES[key] ?? key, secret] as const);
  return { ...(facts.sip_username && { 'SIP username': facts.sip_username }), ...Object.fromEntries(named) };
}
