/** Runs in the browser on the upload page. It makes elements and sets their text: names of files are never markup. */
export const UPLOAD_SCRIPT = `
const byId = (id) => document.getElementById(id);
const page = byId('page'), drop = byId('drop'), input = byId('files'), list = byId('list');
const passphrase = byId('passphrase'), status = byId('said'), use = byId('use'), cancel = byId('cancel');
const { token, mostBytes, mostFiles } = page.dataset;
const ICONS = {
  ok: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm-1.4 14.4-4-4L8 11l2.6 2.6L16 8.2l1.4 1.4-6.8 6.8Z',
  bad: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm-1 5h2v7h-2V7Zm0 8.5h2v2h-2v-2Z',
};
let files = [];
let round = 0;

const say = (text, wrong = false) => {
  status.textContent = text;
  status.classList.toggle('error', wrong);
};

const element = (name, text = '', className = '') => {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
};

const icon = (kind) => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('fill', 'currentColor');
  path.setAttribute('d', ICONS[kind]);
  svg.append(path);
  return svg;
};

const read = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve({ name: file.name, size: file.size, data: reader.result.split(',')[1] ?? '' });
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(file);
});

async function send(action) {
  const body = { token, action, files: files.map(({ name, data }) => ({ name, data })) };
  if (action === 'use' && passphrase.value) body.passphrase = passphrase.value;
  const answer = await fetch(location.pathname, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return answer.json();
}

function show(found) {
  list.replaceChildren(...files.map((file, at) => {
    const { what, ok } = found[at] ?? { what: 'Looking at it…', ok: true };
    const row = element('li', '', ok ? '' : 'bad');
    const words = element('div');
    words.append(element('b', file.name), element('span', what, 'what'));
    const remove = element('button', 'Remove');
    remove.type = 'button';
    remove.setAttribute('aria-label', 'Remove ' + file.name);
    remove.addEventListener('click', () => {
      files = files.filter((other) => other !== file);
      input.focus();
      void check();
    });
    row.append(icon(ok ? 'ok' : 'bad'), words, remove);
    return row;
  }));
}

async function check() {
  const mine = ++round;
  use.disabled = true;
  show([]);
  if (files.length === 0) return say('');
  say('Looking at what you chose…');
  try {
    const { found = [], usable, error } = await send('check');
    if (mine !== round) return;
    show(files.map(({ name }, at) => found[at] ?? { what: 'Not recognised.', ok: false }));
    use.disabled = !usable;
    say(error ?? (usable ? 'Ready to hand over.' : 'Not ready yet: see the notes beside the files.'), Boolean(error));
  } catch {
    if (mine === round) say(GONE, true);
  }
}

const GONE = 'The server did not answer. Ask your assistant to open this page again.';

async function add(chosen) {
  const kept = files.filter(({ name }) => !chosen.some((file) => file.name === name));
  if (kept.length + chosen.length > Number(mostFiles)) return say('Choose at most ' + mostFiles + ' files.', true);
  const size = [...kept, ...chosen].reduce((sum, file) => sum + file.size, 0);
  if (size > Number(mostBytes)) return say('These files are larger than 1 MB together. Nothing was added.', true);
  try {
    files = [...kept, ...await Promise.all(chosen.map(read))];
  } catch {
    return say('That cannot be read. Choose files, not folders.', true);
  }
  await check();
}

async function finish(action) {
  use.disabled = cancel.disabled = true;
  try {
    const { said, error } = await send(action);
    if (said === undefined) {
      say(error, true);
      cancel.disabled = false;
      return;
    }
    // Before the form goes: a browser would offer to keep the passphrase.
    passphrase.value = '';
    const title = element('h1', said.title);
    title.tabIndex = -1;
    page.replaceChildren(title, ...said.sentences.map((sentence) => element('p', sentence)));
    document.title = said.title;
    files = [];
    title.focus();
  } catch {
    say(GONE, true);
  }
}

input.addEventListener('change', () => {
  const chosen = [...input.files];
  input.value = '';
  if (chosen.length > 0) void add(chosen);
});
// In a form, Chromium takes Enter for sending it.
input.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  event.preventDefault();
  input.click();
});
// Anywhere on the page: a file dropped beside the frame would otherwise take the browser away from here.
addEventListener('dragover', (event) => {
  event.preventDefault();
  drop.classList.add('over');
});
addEventListener('dragleave', () => drop.classList.remove('over'));
addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  const chosen = [...event.dataTransfer.files];
  if (chosen.length > 0) void add(chosen);
});
page.addEventListener('submit', (event) => {
  event.preventDefault();
  void finish('use');
});
cancel.addEventListener('click', () => void finish('cancel'));
`;
