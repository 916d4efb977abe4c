import type { ShownPage } from '../core/consent.ts';
import type { Destination } from '../secrets/destination.ts';
import type { Vault } from '../secrets/vault.ts';
import { createPageApprovals, type PageApprovals } from './page-approvals.ts';
import { pageDestination } from './page-destination.ts';
import { createPageUploads, type PageUploads } from './page-uploads.ts';
import { createLauncher, hasBrowser } from './pages/browser.ts';
import { createPageHost } from './pages/host.ts';

interface Around {
  env: Record<string, string>;
  /** The account, as a person knows it. */
  account: string;
  vault: Vault;
  /** Monotonic, in milliseconds. */
  clock(): number;
  /** Opens a browser; the system's unless told. */
  launch?: ((url: string, used: AbortSignal) => Promise<void>) | undefined;
}

/** What local pages are for: questions to a person whose client cannot ask, and secrets they want to see. */
interface LocalPages {
  approvals: PageApprovals;
  uploads: PageUploads;
  /** `show` is how this call's client brings a person to a page, if it can. */
  destination(show: ((page: ShownPage) => void) | undefined): Destination;
  close(): Promise<void>;
}

/** Pages on the loopback interface; nothing listens until the first one opens. */
export function openLocalPages({ env, account, vault, clock, launch }: Around): LocalPages {
  const machine = { platform: process.platform, env };
  const host = createPageHost({ clock, launch: launch ?? createLauncher(machine) });
  return {
    approvals: createPageApprovals(host, account, clock),
    uploads: createPageUploads(host, clock),
    destination: (show) =>
      pageDestination({ host, vault, show, hasBrowser: launch !== undefined || hasBrowser(machine) }),
    close: () => host.close(),
  };
}
