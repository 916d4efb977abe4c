import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until something holds, however busy the machine is: only the time limit of the test ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}
