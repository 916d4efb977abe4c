import type { Readable, Writable } from 'node:stream';

interface Streams {
  input: Readable;
  output: Writable;
}

interface Choice {
  name: string;
  title: string;
}

/** Asks which of some clients to go on with; gives those that were ticked, none when the person leaves. */
export async function chooseClients<T extends Choice>(clients: readonly T[], streams: Streams): Promise<readonly T[]> {
  const { isCancel, multiselect } = await import('@clack/prompts');
  const chosen = await multiselect({
    ...streams,
    message: 'Which clients?',
    options: clients.map(({ name, title }) => ({ value: name, label: title })),
    initialValues: clients.map(({ name }) => name),
    required: false,
  });
  return isCancel(chosen) ? [] : clients.filter(({ name }) => chosen.includes(name));
}

/** Asks for a yes to the changes shown, at once or to each; gives the clients that got one. */
export async function confirmClients<T extends Choice>(clients: readonly T[], streams: Streams): Promise<readonly T[]> {
  const { confirm, isCancel, select } = await import('@clack/prompts');
  if (clients.length > 1) {
    const answer = await select({
      ...streams,
      message: 'Write these changes?',
      options: [
        { value: 'all', label: 'All of them' },
        { value: 'each', label: 'Ask for each' },
        { value: 'none', label: 'None' },
      ],
    });
    if (isCancel(answer) || answer === 'none') return [];
    if (answer === 'all') return clients;
  }
  const agreed: T[] = [];
  for (const client of clients) {
    const yes = await confirm({ ...streams, message: `Write the change of ${client.title}?`, initialValue: false });
    if (isCancel(yes)) return agreed;
    if (yes) agreed.push(client);
  }
  return agreed;
}
