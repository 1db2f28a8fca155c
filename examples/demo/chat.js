// The chat page: one connection, several rooms.
//
// It flows one way: an event (a click, a state of the connection, a room that changed) changes a room or a field of
// `page`, and a `show…` function writes that to the document. The address's fragment says which room is on show.

import { connect } from './channel-layers.js';
import { Room, showAvatar } from './room.js';

/** Rooms that the page always offers. Others are made by name. */
const OFFERED = ['lobby', 'help', 'random'];
/** How long a message may wait for the connection, in milliseconds, before it is shown as not sent. */
const PATIENCE = 20_000;

const byId = (id) => document.getElementById(id);
const rooms = new Map();
const page = {
  /** The connection; replaced only when the gateway ended the last one for good. */
  client: undefined,
  nickname: remembered('nickname') ?? suggestedName(),
  /** The room on show. */
  current: undefined,
  /** Whether there was a connection, so that another attempt is a further one. */
  wasConnected: false,
  isRead: (room) => room === page.current && !document.hidden,
  changed: showRoom,
};

// The connection

function start() {
  page.client = connect('/ws', { timeout: PATIENCE });
  page.client.on('state', onState);
  page.client.on('error', onEnd);
  onState({ state: page.client.state });
  byId('closed').hidden = true;
}

/** Opens a new connection after the gateway ended the last one for good. */
function startAgain() {
  const joined = joinedRooms();
  joined.forEach((room) => room.leave());
  start();
  joined.forEach(join);
}

function onState({ state, retryIn }) {
  page.wasConnected ||= state === 'connected';
  showConnection(state, retryIn);
}

/** The one error that nobody else here waits for: there will be no connection any more. */
function onEnd({ message, code }) {
  byId('closed-reason').textContent = `The gateway ended the connection: ${message} (${code}).`;
  byId('closed').hidden = false;
}

function showConnection(state, retryIn) {
  const waiting = page.wasConnected ? 'Reconnecting' : 'Connecting';
  byId('connection').dataset.state = state;
  byId('connection-text').textContent = { connected: 'Connected', closed: 'Disconnected' }[state] ?? waiting;
  countDown(state === 'connecting' ? retryIn : undefined);
}

let countdown;

/** Shows the seconds until the next attempt. They stand outside the live region, so they are not read out. */
function countDown(milliseconds) {
  clearInterval(countdown);
  const at = Date.now() + (milliseconds ?? 0);
  const show = () => {
    const seconds = Math.ceil((at - Date.now()) / 1000);
    byId('countdown').textContent = seconds > 0 ? `in ${seconds} s` : '';
  };
  show();
  if (milliseconds) countdown = setInterval(show, 500);
}

// Rooms

/** Puts a room on show, and joins it unless it is joined. */
function open(name) {
  const before = page.current;
  const room = rooms.get(name) ?? add(new Room(name, page));
  page.current = room;
  for (const changed of [before, room]) if (changed) showRoom(changed);
  room.link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  room.toEnd();
  showCommands(room.groupName);
  join(room);
}

async function join(room) {
  try {
    await room.join();
  } catch (error) {
    if (error.name !== 'AbortError') room.note(`Not joined: ${error.message}`);
  }
}

function joinedRooms() {
  return [...rooms.values()].filter((room) => room.group);
}

function add(room) {
  rooms.set(room.name, room);
  byId('rooms').append(room.link);
  byId('logs').append(room.panel);
  showRoom(room);
  return room;
}

function leaveCurrent() {
  const room = page.current;
  room.leave();
  if (!OFFERED.includes(room.name)) {
    rooms.delete(room.name);
    room.link.remove();
    room.panel.remove();
  }
  location.hash = joinedRooms()[0].name;
}

function openFromAddress() {
  open(decodeURIComponent(location.hash.slice(1)) || OFFERED[0]);
}

function showRoom(room) {
  room.show(room === page.current);
  if (room === page.current) {
    byId('title').textContent = room.name;
    byId('leave').hidden = !room.group || joinedRooms().length < 2;
    byId('latest').hidden = room.atEnd || room.unread === 0;
  }
  const unread = [...rooms.values()].reduce((sum, each) => sum + each.unread, 0);
  document.title = `${unread ? `(${unread}) ` : ''}${page.current?.name ?? OFFERED[0]} · channel-layers chat`;
}

/** The lines that publish to a room from outside the browser. Group names need no quoting: a shell's letters only. */
function showCommands(group) {
  const message = `'{"type":"chat.message","text":"hello from the shell"}'`;
  const api = `${location.origin}/api/groups/${group}/messages`;
  byId('shell-command').textContent = `channel-layers group-send ${group} ${message} --to ${location.origin}`;
  byId('curl-command').textContent = `curl ${api} -H 'Content-Type: application/json' -d ${message}`;
}

// What people do

function say(event) {
  event.preventDefault();
  const text = byId('text').value.trim();
  if (text) page.current.say(text);
  byId('text').value = '';
  byId('text').focus();
}

function onComposerKey(event) {
  const enter = event.key === 'Enter' && !event.shiftKey && !event.isComposing;
  if (enter) say(event);
}

/** Joins before the room is put on show, so that a name against the rules is told in the dialog. */
async function createRoom(event) {
  event.preventDefault();
  const name = byId('room-name').value.trim();
  const room = rooms.get(name) ?? new Room(name, page);
  const giveUp = () => room.leave();
  byId('room-dialog').addEventListener('close', giveUp);
  byId('room-error').textContent = '';
  byId('join').disabled = true;
  try {
    await room.join();
    if (!rooms.has(name)) add(room);
    location.hash = encodeURIComponent(name);
    byId('room-dialog').removeEventListener('close', giveUp);
    byId('room-dialog').close();
  } catch (error) {
    if (error.name !== 'AbortError') byId('room-error').textContent = error.message;
  } finally {
    byId('join').disabled = false;
  }
}

function saveName() {
  page.nickname = byId('nickname').value.trim() || page.nickname;
  remember('nickname', page.nickname);
  showMe();
}

function showMe() {
  byId('my-name').textContent = page.nickname;
  showAvatar(byId('me').querySelector('.avatar'), page.nickname);
}

async function copy(button) {
  const command = byId(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(command); // Off loopback and without TLS there is no clipboard to write to.
    button.textContent = 'Selected';
  }
  setTimeout(() => (button.textContent = 'Copy'), 2000);
}

// What is kept, where the browser allows it

function remembered(key) {
  try {
    return localStorage.getItem(`channel-layers.${key}`) ?? undefined;
  } catch {
    return undefined;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(`channel-layers.${key}`, value);
  } catch {
    // A private window may forbid it; the name then lives as long as the page.
  }
}

function suggestedName() {
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  const manner = pick(['Amber', 'Brisk', 'Calm', 'Dusky', 'Early', 'Fond', 'Keen', 'Mossy', 'Quiet', 'Sunny']);
  return `${manner} ${pick(['Badger', 'Curlew', 'Finch', 'Heron', 'Lynx', 'Marten', 'Otter', 'Plover', 'Robin', 'Wren'])}`;
}

// The start

function listen() {
  byId('composer').addEventListener('submit', say);
  byId('text').addEventListener('keydown', onComposerKey);
  byId('leave').addEventListener('click', leaveCurrent);
  byId('latest').addEventListener('click', () => page.current.toEnd());
  byId('reopen').addEventListener('click', startAgain);
  byId('new-room').addEventListener('click', () => byId('room-dialog').showModal());
  byId('room-dialog').addEventListener('submit', createRoom);
  byId('me').addEventListener('click', () => byId('name-dialog').showModal());
  byId('name-dialog').addEventListener('submit', saveName);
  for (const button of document.querySelectorAll('[data-closes]')) {
    button.addEventListener('click', () => button.closest('dialog').close());
  }
  for (const button of document.querySelectorAll('[data-copies]')) {
    button.addEventListener('click', () => copy(button));
  }
  addEventListener('hashchange', openFromAddress);
  document.addEventListener('visibilitychange', () => page.current.read());
}

listen();
showMe();
start();
for (const name of OFFERED) add(new Room(name, page));
openFromAddress();
byId('shell').open = matchMedia('(min-width: 48rem) and (min-height: 44rem)').matches;
